"""What a pair store says of itself: the plan it was recorded by, and its shards with checksums."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gancompress.atomic import write_json
from gancompress.batch import InputSpec, spec_from_json, spec_to_json
from gancompress.data.encoding import LatentFormat, OutputFormat
from gancompress.errors import DataError

FILE = "pairs.json"
_VERSION = 1
# A recording may grow; everything else is fixed by its first shard.
_MAY_CHANGE = ("count", "held_out")


# How a manifest that somebody wrote by hand fails to be read.
DAMAGED = (
    OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError,
    DataError,
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What is to be recorded.

    Attributes:
        inputs: the teacher's input specification.
        teacher: its fingerprint.
        seed: of the stream that its inputs are drawn from.
        count: number of pairs, the held-out ones among them.
        held_out: how many of them, the last ones, are not for training.
        shard_size: pairs a file; the last file may have fewer.
        output: ``uint8`` for images in [-1, 1], ``float32`` or ``float16`` for other outputs.
        latents: ``float32``, or ``float16`` for half the size; the teacher is fed the rounded ones.
    """

    inputs: InputSpec
    teacher: str
    seed: int
    count: int
    held_out: int
    shard_size: int
    output: OutputFormat
    latents: LatentFormat

    def __post_init__(self) -> None:
        if self.shard_size < 1 or not 0 <= self.held_out < self.count:
            raise DataError(
                f"pairs: count {self.count}, held out {self.held_out}, shard size "
                f"{self.shard_size}: need 0 ≤ held out < count and a shard size of 1 or more"
            )

    @property
    def training(self) -> range:
        """Indices for training."""
        return range(self.count - self.held_out)

    @property
    def kept(self) -> range:
        """Indices that are kept away from training."""
        return range(self.count - self.held_out, self.count)

    @property
    def shards(self) -> int:
        """Number of shard files."""
        return -(-self.count // self.shard_size)

    def samples(self, shard: int) -> range:
        """Indices of the samples in one shard."""
        first = shard * self.shard_size
        return range(first, min(first + self.shard_size, self.count))

    @property
    def identity(self) -> str:
        """Hash of everything that two shards of one store must agree on."""
        facts = {key: value for key, value in to_json(self).items() if key not in _MAY_CHANGE}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Shard:
    """One file of a finished store."""

    file: str
    count: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A plan, and its shards once all are there."""

    plan: Plan
    shards: tuple[Shard, ...] | None


def shard_file(shard: int) -> str:
    """File name of a shard."""
    return f"shard-{shard:05d}.safetensors"


def to_json(plan: Plan) -> dict[str, Any]:
    """A plan as plain data."""
    return {**asdict(plan), "inputs": spec_to_json(plan.inputs)}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``pairs.json``."""
    shards = manifest.shards
    write_json(
        folder / FILE,
        {
            "version": _VERSION,
            **to_json(manifest.plan),
            "shards": None if shards is None else [asdict(shard) for shard in shards],
        },
    )


def read_manifest(folder: Path) -> Manifest:
    """Read ``pairs.json``.

    Raises:
        DataError: there is none, or it is damaged or of another version.
    """
    file = folder / FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version, shards = content.pop("version"), content.pop("shards")
        plan = Plan(**{**content, "inputs": spec_from_json(content["inputs"])})
        listed = None if shards is None else tuple(Shard(**entry) for entry in shards)
        _check(plan, listed)
    except FileNotFoundError as error:
        raise DataError(f"{folder}: no pairs are recorded here ({FILE} is missing)") from error
    except DAMAGED as error:
        raise DataError(f"{file}: damaged ({error}); record the pairs anew") from error
    if version != _VERSION:
        raise DataError(f"{file}: format version {version}, this program reads {_VERSION}")
    return Manifest(plan, listed)


def _check(plan: Plan, shards: tuple[Shard, ...] | None) -> None:
    """Whether the numbers are some, and no shard lies elsewhere.

    Raises:
        ValueError: saying what is not.
    """
    numbers: dict[str, Any] = {
        "count": plan.count,
        "held_out": plan.held_out,
        "shard_size": plan.shard_size,
        "seed": plan.seed,
    }
    for name, value in numbers.items():
        if not isinstance(value, int) or not 0 <= value < 2**40:
            raise ValueError(f"{name} is {value!r}")
    if plan.shard_size < 1 or plan.held_out > plan.count:
        raise ValueError(f"shard_size {plan.shard_size}, {plan.held_out} of {plan.count} held out")
    if shards is None:
        return
    if [shard.file for shard in shards] != [shard_file(i) for i in range(plan.shards)]:
        raise ValueError("its shards are not those of its plan")
    if [shard.count for shard in shards] != [len(plan.samples(i)) for i in range(plan.shards)]:
        raise ValueError("its shards do not have the samples of its plan")


def require_same(folder: Path, found: Plan, wanted: Plan) -> None:
    """Refuse to go on with a recording that was begun by another plan.

    Raises:
        DataError: naming every field that differs.
    """
    here, there = to_json(found), to_json(wanted)
    differing = [key for key in there if key not in _MAY_CHANGE and here[key] != there[key]]
    if differing:
        listed = "; ".join(f"{key} is {here[key]}, wanted {there[key]}" for key in differing)
        raise DataError(f"{folder}: holds other pairs: {listed}; record into another folder")
