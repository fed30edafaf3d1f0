"""One Optuna study that several workers share: every subnet is scored once and none is lost.

A claim is a running trial that carries its worker's name. Storages order trials, so of two claims
on one subnet the lower number holds and the other withdraws before anything is scored. A claim
whose worker has died is released, and its subnet is offered again.
"""

import contextlib
import fcntl
import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from gancompress.elastic.space import SearchSpace, Subnet
from gancompress.errors import RunError

# A claim held on another machine, whose processes cannot be asked after, is given up after this.
PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class Record:
    """A trial that holds its subnet.

    Attributes:
        number: of the trial.
        subnet: what is or was scored.
        values: one per objective, the mean over the evaluation seeds; None while being scored.
        spreads: standard deviations over those seeds (0 for a single seed).
    """

    number: int
    subnet: Subnet
    values: tuple[float, ...] | None = None
    spreads: tuple[float, ...] = ()


class SharedStudy:
    """The trials of one stage of a search, in any storage that Optuna knows."""

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        space: SearchSpace,
        directions: Mapping[str, str],
        fingerprint: str,
    ) -> None:
        """Open the study ``name``, or make it.

        Args:
            storage: see :func:`open_storage`.
            name: of the study within the storage.
            space: what the subnets are drawn from.
            directions: ``minimize`` or ``maximize`` by objective.
            fingerprint: of whatever decides a score (weights, samples, protocol).

        Raises:
            RunError: the study exists, and its scores cannot be compared with new ones.
        """
        self._space = space
        self._widths = {
            group: CategoricalDistribution([int(width) for width in widths])
            for group, widths in zip(space.groups, space.choices, strict=True)
        }
        self._worker = _worker_name()
        self._finished: dict[int, Record | None] = {}
        # Proposals come from proposals.py; naming the sampler keeps Optuna from choosing one.
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=[StudyDirection[name.upper()] for name in directions.values()],
            sampler=optuna.samplers.NSGAIISampler(),
            load_if_exists=True,
        )
        about = {
            "space": {group: list(widths.choices) for group, widths in self._widths.items()},
            "objectives": dict(directions),
            "fingerprint": fingerprint,
        }
        for key, value in about.items():
            if self._study.user_attrs.get(key, value) != value:
                raise RunError(
                    f"study {name!r} holds scores made under another {key}; "
                    "give another study name, or remove the old study"
                )
        for key in about.keys() - self._study.user_attrs.keys():
            self._study.set_user_attr(key, about[key])

    def records(self) -> list[Record]:
        """The trials that hold a subnet, by number."""
        holders: dict[Subnet, Record] = {}
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state in (TrialState.RUNNING, TrialState.COMPLETE):
                record = self._record(trial)
                holders.setdefault(record.subnet, record)
        return list(holders.values())

    def abandoned(self) -> list[Subnet]:
        """Subnets whose scoring was broken off and not taken up again, oldest first."""
        held = {record.subnet for record in self.records()}
        failed = self._study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        broken_off = dict.fromkeys(self._record(trial).subnet for trial in failed)
        return [subnet for subnet in broken_off if subnet not in held]

    def claim(self, subnet: Subnet) -> int | None:
        """Take ``subnet``: the number of its trial, or None where another worker was first."""
        token = uuid.uuid4().hex
        self._study.add_trial(
            FrozenTrial(
                number=-1,  # the storage gives the numbers
                trial_id=-1,
                state=TrialState.RUNNING,
                value=None,
                datetime_start=datetime.now(),
                datetime_complete=None,
                params=dict(zip(self._space.groups, map(int, subnet), strict=True)),
                distributions=dict(self._widths),
                user_attrs={"worker": self._worker, "token": token},
                system_attrs={},
                intermediate_values={},
            )
        )
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        number = next(trial.number for trial in running if trial.user_attrs["token"] == token)
        holder = next(record for record in self.records() if record.subnet == subnet)
        if holder.number == number:
            return number
        self.withdraw(number)
        return None

    def finish(self, number: int, values: Sequence[float], spreads: Sequence[float]) -> None:
        """Record the scores of a claimed trial, unless another worker has taken it over."""
        with contextlib.suppress(UpdateFinishedTrialError, ValueError):
            if any(spreads):
                running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                mine = [trial._trial_id for trial in running if trial.number == number]
                for trial_id in mine:
                    optuna.Trial(self._study, trial_id).set_user_attr("spreads", list(spreads))
            self._study.tell(number, list(values))

    def withdraw(self, number: int) -> None:
        """Give a claim back unscored."""
        # Telling a trial that another worker has just released or finished is no mistake.
        with contextlib.suppress(UpdateFinishedTrialError, ValueError):
            self._study.tell(number, state=TrialState.FAIL)

    def release_dead(self) -> None:
        """Give back the claims of workers that have died."""
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            started = trial.datetime_start or datetime.now()
            if _is_dead(trial.user_attrs["worker"], datetime.now() - started):
                self.withdraw(trial.number)

    def _record(self, trial: FrozenTrial) -> Record:
        known = self._finished.get(trial.number)
        if known is not None:
            return known
        subnet = Subnet(trial.params[group] for group in self._space.groups)
        values = tuple(trial.values) if trial.state == TrialState.COMPLETE else None
        spreads = tuple(trial.user_attrs.get("spreads", (0.0,) * len(self._study.directions)))
        record = Record(trial.number, subnet, values, spreads)
        if trial.state.is_finished():
            self._finished[trial.number] = record
        return record


def open_storage(where: str | os.PathLike[str]) -> BaseStorage:
    """The storage at ``where``: a database URL (``sqlite:///…``, ``postgresql://…``), else a file.

    A journal file that ends in half a line, left by a machine that went down, loses that half line.

    Raises:
        RunError: the database cannot be reached, or its driver is not installed.
    """
    if "://" not in str(where):
        path = Path(where)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _FileLock(path.with_name(path.name + ".lock"))
        _drop_torn_line(path, lock)
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    url = str(where)
    # Several workers write at once: SQLite makes them wait rather than fail.
    engine = (
        {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    )
    try:
        return RDBStorage(url, engine_kwargs=engine)
    except ImportError as error:
        raise RunError(f"storage {url}: no driver for this database: {error}") from error
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"storage {url}: cannot be opened: {reason}") from error


class _FileLock(BaseJournalFileLock):
    """An exclusive lock that the system gives up with its process, so that a kill blocks nobody.

    Optuna's own locks are files that outlive their holder for half a minute.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None

    def acquire(self) -> bool:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._held = descriptor
        return True

    def release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _drop_torn_line(path: Path, lock: _FileLock) -> None:
    if not path.exists():
        return
    lock.acquire()
    try:
        with path.open("rb+") as journal:
            content = journal.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                journal.truncate(whole)
    finally:
        lock.release()


def _worker_name() -> str:
    return f"{socket.gethostname()} {os.getpid()} {_started(os.getpid())}"


def _started(pid: int) -> str | None:
    """When process ``pid`` started, in clock ticks since boot; None where it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    # The name in parentheses may hold spaces; field 3 is the state, field 22 the start time.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _is_dead(worker: str, age: timedelta) -> bool:
    host, pid, started = worker.rsplit(" ", 2)
    if host != socket.gethostname() or not Path("/proc/self/stat").exists():
        return age > PATIENCE
    return _started(int(pid)) != started
