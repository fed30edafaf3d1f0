"""Where a search keeps its trials: a journal file or a database."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from gancompress.errors import RunError

# How often a database is tried that cannot be opened, and seconds between.
ATTEMPTS, PAUSE = 4, 0.3

# What a line of a journal carries beside what Optuna wrote.
_CHECKSUM = "sha256"


def open_storage(where: str | os.PathLike[str]) -> BaseStorage:
    """The storage at ``where``: a database URL (``sqlite:///…``, ``postgresql://…``), else a file.

    A journal file that ends in half a line, left by a machine that went down, loses that half line.

    Raises:
        RunError: the file is no journal, or the database cannot be reached or lacks its driver.
    """
    if "://" not in str(where):
        path = Path(where)
        if path.is_dir():
            raise RunError(f"storage {path}: a folder; give a file in it, or a database URL")
        path.parent.mkdir(parents=True, exist_ok=True)
        _drop_torn_line(path)
        if lines := damaged_lines(path):
            raise RunError(
                f"storage {path}: line {lines[0]} is not as it was written; no score in it can be "
                "trusted: move the file away and search again"
            )
        return JournalStorage(_Journal(path))
    url = str(where)
    # Several workers write at once: SQLite makes them wait rather than fail.
    engine = (
        {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    )
    attempts = 0
    while True:
        try:
            return RDBStorage(url, engine_kwargs=engine)
        except (SQLAlchemyError, ImportError) as error:
            attempts += 1
            if attempts == ATTEMPTS or isinstance(error, ImportError):
                reason = str(error).splitlines()[0]
                raise RunError(f"storage {_shown(url)}: cannot be opened: {reason}") from error
        # Workers that start together all make the tables of a new database, and one succeeds.
        time.sleep(PAUSE)


def check_storage(where: str) -> None:
    """Refuse a storage that cannot be opened, without making one.

    Raises:
        RunError: there is no such driver, server or folder.
    """
    if "://" not in where:
        parent = Path(where).parent
        while not parent.exists():
            parent = parent.parent
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise RunError(f"storage {where}: {parent} may not be written to; give another file")
        return
    try:
        url = make_url(where)
        if url.get_backend_name() == "sqlite":
            url.get_dialect()
            file = Path(url.database or ".")
            if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
                raise RunError(
                    f"storage {_shown(where)}: there is no folder {file.parent} to write to; make "
                    "it, or give another file"
                )
            return
        with create_engine(url).connect():
            pass
    except (SQLAlchemyError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"storage {_shown(where)}: cannot be opened: {reason}") from error


def damaged_lines(journal: Path) -> list[int]:
    """The lines of a journal, from 1, that are not as they were written: damaged or edited."""
    if not journal.exists():
        return []
    content = journal.read_bytes()
    whole = content[: content.rfind(b"\n") + 1].splitlines()
    return [number for number, line in enumerate(whole, 1) if not _as_written(line)]


def _with_checksum(log: Mapping[str, Any]) -> str:
    checksum = hashlib.sha256(_line(log).encode()).hexdigest()[:16]
    return _line({**log, _CHECKSUM: checksum}) + "\n"


def _as_written(line: bytes) -> bool:
    try:
        log = json.loads(line)
        checksum = log.pop(_CHECKSUM)
    except (ValueError, KeyError, AttributeError):
        return False
    return bool(checksum == hashlib.sha256(_line(log).encode()).hexdigest()[:16])


def _line(log: Mapping[str, Any]) -> str:
    return json.dumps(log, separators=(",", ":"))


def _shown(url: str) -> str:
    """``url`` without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.partition("://")[0]


class _Journal(JournalFileBackend):
    """Optuna's journal, which waits for the disk after every line, made to wait once a second.

    A kill takes nothing back; a power failure takes back the last second.
    """

    def __init__(self, path: Path) -> None:
        # Given because one has to be; writing, the only thing that locks, is done below.
        super().__init__(str(path), JournalFileOpenLock(str(path)))
        self._path = path
        self._synced = 0.0

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(_with_checksum(log) for log in logs)
        with _locked(self._path), self._path.open("ab") as journal:
            journal.write(lines.encode("utf-8"))
            journal.flush()
            if time.monotonic() - self._synced > 1:
                os.fsync(journal.fileno())
                self._synced = time.monotonic()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold ``path`` for this process alone, by a lock that the system takes back with its holder.

    Optuna's own locks are files that outlive a killed process for half a minute.
    """
    with path.with_name(path.name + ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _drop_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with _locked(path), path.open("rb+") as journal:
        content = journal.read()
        if content and not content.startswith(b"{"):
            raise RunError(f"storage {path}: no journal of trials; give another file")
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            journal.truncate(whole)
