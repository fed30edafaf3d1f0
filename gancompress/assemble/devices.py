"""What was measured on other machines for a run: by device, the seconds of some of its subnets."""

import csv
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gancompress.architecture_search.budget import Budget
from gancompress.architecture_search.front import Candidate, Front
from gancompress.architecture_search.latency_predictor import FEWEST, LatencyPredictor, fit_latency
from gancompress.assemble.latency import describe
from gancompress.atomic import write_json
from gancompress.batch import spec_to_json
from gancompress.errors import MetricError, RunError, SubnetError
from gancompress.run import RunDir
from gancompress.student.file import Student
from gancompress.supernet import Supernet
from gancompress.supernet.cost import CostModel

FOLDER = "devices"

# Columns that results must have; those of the pack's own script have more.
NEEDED = ("subnet", "format", "milliseconds")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LARGEST = 2**24


@dataclass(frozen=True)
class Device:
    """What one device took.

    Attributes:
        name: that the user gave it.
        format: of the files that were timed, ``onnx``, ….
        runtime, threads, machine: as the results tell; empty where they do not.
        network: of :func:`network_id`.
        seconds: of one sample, by the text of the subnet.
    """

    name: str
    format: str
    runtime: str
    threads: str
    machine: str
    network: str
    seconds: Mapping[str, float]

    @property
    def told(self) -> str:
        """The device with how it was measured."""
        threads = f"{self.threads} threads" if self.threads else ""
        how = ", ".join(filter(None, (self.format, self.runtime, threads, self.machine)))
        return f"{self.name}: {how}"


def network_id(supernet: Supernet, full: Student) -> str:
    """What subnets' times depend on: the architecture and its widths, whatever the weights."""
    facts = [asdict(full.architecture), spec_to_json(full.inputs), supernet.space.to_json()]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def read_results(path: Path, name: str, form: str, supernet: Supernet, network: str) -> Device:
    """The table that a pack's script, or any program, wrote.

    Args:
        path: CSV with the columns :data:`NEEDED`.
        name: of the device.
        form: whose rows count, where there are several formats; empty: the only one.
        supernet: what the subnets are of.
        network: its :func:`network_id`.

    Raises:
        MetricError: it is no such table, of another network, or too few rows; names the row.
    """
    rows = _rows(path)
    formats = sorted({row["format"] for row in rows})
    chosen = form or formats[0]
    if chosen not in formats or (len(formats) > 1 and not form):
        raise MetricError(f"{path}: has {', '.join(formats)}; name one of them by --format")
    seconds: dict[str, float] = {}
    mine = [(number, row) for number, row in enumerate(rows, 2) if row["format"] == chosen]
    for number, row in mine:
        if row.get("network", "") not in ("", network):
            raise MetricError(
                f"{path}, row {number}: measured for another network ({row['network']}, the run's "
                f"is {network}); give the run that the pack was made of"
            )
        try:
            subnet = supernet.space.parse(row["subnet"]).text
        except SubnetError as error:
            raise MetricError(f"{path}, row {number}: {error}") from error
        taken = _milliseconds(row["milliseconds"], f"{path}, row {number}") / 1e3
        seconds[subnet] = min(taken, seconds.get(subnet, math.inf))
    if len(seconds) < FEWEST:
        raise MetricError(
            f"{path}: {len(seconds)} subnets in {chosen}; {FEWEST} at least are needed to predict "
            "the others"
        )
    first = mine[0][1]
    told = {key: first.get(key, "") for key in ("runtime", "threads", "machine")}
    return Device(name=name, format=chosen, network=network, seconds=seconds, **told)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        if path.stat().st_size > _LARGEST:
            raise MetricError(f"{path}: is too large for a table of times")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            rows = [{k: v or "" for k, v in row.items() if k} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MetricError(f"{path}: cannot be read as CSV: {error}") from error
    if missing := [column for column in NEEDED if column not in columns]:
        raise MetricError(
            f"{path}: lacks {', '.join(missing)}; it has the columns "
            f"{', '.join(columns) or 'of no table'}, and {', '.join(NEEDED)} are needed"
        )
    if not rows:
        raise MetricError(f"{path}: has no rows; time the pack first (python measure.py)")
    return rows


def _milliseconds(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1e9:
        raise MetricError(f"{place}: milliseconds {text!r}; expected a positive number")
    return value


def check_name(name: str) -> str:
    """``name``, if it can be one of a device.

    Raises:
        RunError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise RunError(f"device {name!r}: write letters, digits, '.', '_' and '-', at most 64")
    return name


def keep_device(run: RunDir, device: Device) -> Path:
    """Write it to ``devices/NAME.json`` in the run."""
    path = run.path / FOLDER / f"{check_name(device.name)}.json"
    path.parent.mkdir(exist_ok=True)
    write_json(path, asdict(device))
    return path


def devices_of(run: RunDir) -> Sequence[str]:
    """The names of the devices that a run has."""
    return sorted(path.stem for path in (run.path / FOLDER).glob("*.json"))


def load_device(run: RunDir, name: str, network: str) -> Device:
    """The device ``name`` of the run.

    Raises:
        RunError: there is none of the name, its file is damaged, or it was measured for another
            network.
    """
    path = run.path / FOLDER / f"{check_name(name)}.json"
    if not path.is_file():
        known = ", ".join(devices_of(run)) or "none"
        raise RunError(
            f"search.device: {run.path} has no device {name!r} (known: {known}); "
            "`gancompress device pack` and `device add` make one"
        )
    try:
        device = _from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{path}: cannot be read ({error}); add the device again") from error
    if device.network != network:
        raise RunError(
            f"{path}: measured for another network ({device.network}, the run's is now {network}); "
            "make a pack of this one and time it"
        )
    return device


def _from_json(data: Any) -> Device:
    texts = ("name", "format", "runtime", "threads", "machine", "network")
    seconds = {text: float(taken) for text, taken in data["seconds"].items()}
    return Device(seconds=seconds, **{name: str(data[name]) for name in texts})


@dataclass(frozen=True)
class DeviceClock:
    """A device that is not at hand, and the predictor fitted to what it took."""

    device: Device
    fitted: LatencyPredictor
    cost_model: CostModel

    @classmethod
    def of(cls, device: Device, supernet: Supernet) -> "DeviceClock":
        """The clock of ``device``.

        Raises:
            MetricError: too few times, or impossible ones.
        """
        parse, costs = supernet.space.parse, supernet.cost_model
        measured = {parse(text): seconds for text, seconds in device.seconds.items()}
        return cls(device, fit_latency(costs, measured), costs)

    @property
    def told(self) -> list[str]:
        """How far predictions can be trusted, and whether MACs tell the same."""
        return describe(self.fitted, self.device.told, self.cost_model)

    def best(
        self, front: Front, budget: Budget, reference: Mapping[str, float]
    ) -> tuple[Front, Candidate, list[str]]:
        """As :meth:`gancompress.assemble.latency.Clock.best`, but that no more can be timed."""
        front = front.with_latency(self.fitted.measured)
        chosen = front.best(budget, reference)
        latency, limit = chosen.costs["latency"], budget.limits(reference)["latency"]
        measured = chosen.subnet in self.fitted.measured
        told = (
            f"Subnet {chosen.subnet.brief}: {latency * 1e3:.3g} ms "
            f"{'measured' if measured else 'predicted, not measured,'} on {self.device.name}."
        )
        if not measured and latency * (1 + self.fitted.worst_error) > limit:
            told += " It may be above the budget there: time its exported file."
        return front, chosen, [*self.told, told]
