"""How a file is written so that a kill leaves either the old one or the new one, never a half."""

import errno
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

# Seconds after which a temporary file is nobody's, unless its process lives.
OLD = 3600

_TEMPORARY = re.compile(r"\..+\.(\d+)\.[0-9a-f]{8}\.tmp", re.DOTALL)

# How libraries written in Rust (safetensors) tell that the system refused something.
_RUST_OS_ERROR = re.compile(r"\(os error (\d+)\)")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success it takes the place of ``path``.

    Where the body raises, the temporary file is removed and ``path`` stays as it was.

    Raises:
        OSError: ``path`` is a folder, the disk is full or the like, also where a library reports
            that in its own way.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear(target.parent)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    except Exception as error:
        code = _refusal(error)
        if code is None or isinstance(error, OSError):
            raise
        raise OSError(code, os.strerror(code), str(target)) from error
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _clear(folder: Path) -> None:
    """Remove what killed processes left in ``folder``, once in a process.

    Another machine may write to the same folder, and knows other processes: what is younger than
    an hour stays where nothing is known of its writer.
    """
    for left in folder.glob(".*.tmp"):
        found = _TEMPORARY.fullmatch(left.name)
        with suppress(OSError):
            if found and time.time() - left.stat().st_mtime > OLD and not _alive(int(found[1])):
                left.unlink()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _refusal(error: BaseException) -> int | None:
    """The system's error number behind ``error``, however a library wrapped it."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno is not None:
            return link.errno
        if told := _RUST_OS_ERROR.search(str(link)):
            return int(told[1])
        link = link.__cause__ or link.__context__
    return None


@contextmanager
def replacing_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new folder beside ``path``; on success it takes the place of the one at ``path``.

    A kill between the two moves leaves the old folder under a temporary name and none at ``path``.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    mark = f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}"
    new, old = target.with_name(f"{mark}.new"), target.with_name(f"{mark}.old")
    new.mkdir()
    try:
        yield new
        if target.is_dir():
            target.replace(old)
        new.replace(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replace the file at ``path`` by ``text`` (UTF-8)."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Replace the file at ``path`` by ``value`` as indented JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file name that is no UTF-8
        text = json.dumps(value, indent=2)
    write_text(path, text + "\n")
