"""One Optuna study that several workers share: every subnet is scored once and none is lost.

A claim is a running trial that carries its worker's name. Storages order trials, so of two claims
on one subnet the lower number holds and the other withdraws before anything is scored. A claim
whose worker has died is released, and its subnet is offered again.
"""

import contextlib
import os
import socket
import uuid
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from pathlib import Path

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from gancompress.errors import RunError
from gancompress.supernet.space import SearchSpace, Subnet

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
            storage: see :func:`gancompress.architecture_search.storage.open_storage`.
            name: of the study within the storage.
            space: what the subnets are drawn from.
            directions: ``minimize`` or ``maximize`` by objective.
            fingerprint: of whatever decides a score (weights, samples, protocol).

        Raises:
            RunError: the study exists, and its scores cannot be compared with new ones.
        """
        self._storage, self._space = storage, space
        self._widths = {
            group: CategoricalDistribution([int(width) for width in widths])
            for group, widths in zip(space.groups, space.choices, strict=True)
        }
        self._worker = _worker_name()
        # What was read so far: finished trials never change again.
        self._seen = 0
        self._running: dict[int, FrozenTrial] = {}
        self._complete: list[Record] = []  # by number
        self._scored: dict[Subnet, Record] = {}
        self._failed: dict[Subnet, None] = {}
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
        """The trials that hold a subnet, by number; claims of workers that died are given up."""
        self._read()
        now = datetime.now()
        for number, trial in list(self._running.items()):
            if _is_dead(trial.user_attrs["worker"], now - (trial.datetime_start or now)):
                self.withdraw(number)
        return self._holders()

    def abandoned(self) -> list[Subnet]:
        """Of what :meth:`records` saw: subnets begun and given up by all, oldest first."""
        return [subnet for subnet in self._failed if not self.holds(subnet)]

    def holds(self, subnet: Subnet) -> bool:
        """Of what :meth:`records` saw: whether ``subnet`` is scored or being scored."""
        return subnet in self._scored or any(
            self._subnet(trial) == subnet for trial in self._running.values()
        )

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
        self._read()
        running = self._running.items()
        number = next(n for n, trial in running if trial.user_attrs["token"] == token)
        rivals = [n for n, trial in running if n < number and self._subnet(trial) == subnet]
        if subnet in self._scored or rivals:
            self.withdraw(number)
            return None
        return number

    def finish(self, number: int, values: Sequence[float], spreads: Sequence[float]) -> None:
        """Record the scores of a claimed trial, unless another worker has taken it over."""
        trial = self._running[number]._trial_id
        # Not through the study, which copies the trial: long work where there are many groups.
        with contextlib.suppress(UpdateFinishedTrialError):
            if any(spreads):
                self._storage.set_trial_user_attr(trial, "spreads", list(spreads))
            self._storage.set_trial_state_values(trial, TrialState.COMPLETE, list(values))

    def withdraw(self, number: int) -> None:
        """Give a claim back unscored."""
        # Another worker may just have given it up or finished it.
        with contextlib.suppress(UpdateFinishedTrialError, ValueError):
            self._study.tell(number, state=TrialState.FAIL)
        self._read()

    def _read(self) -> None:
        """Take in what has changed: trials that were not finished, and new ones."""
        trials = self._study.get_trials(deepcopy=False)
        open_ones = [*self._running, *range(self._seen, len(trials))]
        self._running, self._seen = {}, len(trials)
        for number in open_ones:
            trial = trials[number]
            subnet = self._subnet(trial)
            if trial.state == TrialState.COMPLETE:
                spreads = trial.user_attrs.get("spreads", (0.0,) * len(trial.values))
                record = Record(number, subnet, tuple(trial.values), tuple(spreads))
                if self._scored.setdefault(subnet, record) is record:
                    insort(self._complete, record, key=attrgetter("number"))
            elif trial.state == TrialState.FAIL:
                self._failed[subnet] = None
            else:
                self._running[number] = trial

    def _holders(self) -> list[Record]:
        running: dict[Subnet, Record] = {}
        for number in sorted(self._running):
            subnet = self._subnet(self._running[number])
            if subnet not in self._scored:
                running.setdefault(subnet, Record(number, subnet))
        return sorted((*self._complete, *running.values()), key=attrgetter("number"))

    def _subnet(self, trial: FrozenTrial) -> Subnet:
        return Subnet(trial.params[group] for group in self._space.groups)


def _worker_name() -> str:
    return f"{_machine()} {os.getpid()} {_started(os.getpid())}"


def _machine() -> str:
    """The name of this machine; names alone (localhost) may be those of several."""
    identity = Path("/etc/machine-id")
    return socket.gethostname() + (f":{identity.read_text().strip()}" if identity.exists() else "")


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
    machine, pid, started = worker.rsplit(" ", 2)
    if machine != _machine() or not Path("/proc/self/stat").exists():
        return age > PATIENCE
    return _started(int(pid)) != started
