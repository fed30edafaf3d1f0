"""Recording what a teacher answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gancompress.api.inputs import Parted, rows_of
from gancompress.batch import DRAWN, Batch
from gancompress.data.live import Pairs
from gancompress.data.manifest import Plan
from gancompress.data.memory import record_in_memory
from gancompress.data.pairs import PairStore, PairWriter, record
from gancompress.errors import TeacherError
from gancompress.teachers.teacher import FrozenTeacher, take_inputs

# Pairs a file.
SHARD = 1_000

# Of images in [-1, 1]; what lies beyond was meant in another range.
FAR_OUTSIDE = 8.0


def collect(
    teacher: FrozenTeacher,
    data: Any = None,
    count: int = 10_000,
    *,
    held_out: int | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    batch_size: int = 64,
) -> Pairs:
    """Record what ``teacher`` answers for ``count`` inputs to learn from, and for some held out.

    Args:
        teacher: a :class:`gancompress.Teacher`, a :class:`gancompress.RemoteTeacher`, or anything
            with ``inputs``, ``fingerprint`` and ``teacher(batch)``.
        data: rows for the inputs that cannot be drawn from a seed: a folder or zip of images; a
            tensor (N, …); a mapping of tensors; or a dataset whose rows are mappings by the inputs'
            names, tensors, or tuples that begin with the input, as the teacher takes them. None:
            those that the teacher was made with.
        count: pairs to learn from; fewer where the data has no more.
        held_out: further pairs, which a search scores subnets on; none of their rows is learned
            from. Default: a tenth of ``count``, 2 to 2,000.
        folder: where the pairs are recorded, to be gone on with or used again; None keeps them in
            memory.
        seed: of the inputs that are drawn and of the order of ``data``.
        batch_size: pairs a call of the teacher.

    Returns:
        The pairs: ``pairs.batch(indices)`` gives inputs by name and outputs.

    Raises:
        DataError: there is no data for an input, or ``folder`` holds other pairs.
        TeacherError: it answers neither images in [-1, 1] nor scores.
    """
    kept = min(2_000, max(2, count // 10)) if held_out is None else held_out
    own = getattr(teacher, "data", None) if data is None else None
    rows = rows_of(data, teacher.inputs) if own is None else own
    drawn = any(entry.kind in DRAWN for entry in teacher.inputs.values())
    parted = None if rows is None else Parted(rows, count, kept, repeat=drawn, seed=seed)
    if parted is not None:
        count, kept = parted.training, parted.held_out
    asked = _Numbered(teacher, parted)
    plan = Plan(
        inputs=dict(teacher.inputs),
        teacher=teacher.fingerprint,
        seed=seed,
        count=count + kept,
        held_out=kept,
        shard_size=SHARD,
        output=_form(asked, seed),
        latents="float32",
    )
    if folder is None:
        return record_in_memory(asked, plan, batch_size=batch_size)
    writer = PairWriter(folder, plan)
    record(asked, writer, batch_size=batch_size)
    writer.finish()
    return PairStore(folder, teacher=teacher.fingerprint)


class _Numbered:
    """A teacher whose samples have numbered rows as inputs."""

    def __init__(self, teacher: FrozenTeacher, rows: Parted | None) -> None:
        self._teacher, self._rows = teacher, rows

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch:
        return take_inputs(self._teacher.inputs, self._rows, indices, seed)

    def __call__(self, batch: Batch) -> Any:
        return self._teacher(batch)


def _form(asked: _Numbered, seed: int) -> Any:
    """How outputs are stored, by two of them."""
    answers = asked(asked.sample_inputs(range(2), seed))
    if answers.ndim == 2:
        return "float32"
    if answers.ndim != 4:
        raise TeacherError(
            f"teacher: answers tensors of {tuple(answers.shape)}; images (N, C, H, W) or scores "
            "(N, K) can be distilled"
        )
    if float((answers.abs() > FAR_OUTSIDE).float().mean()) > 0.1:
        low, high = float(answers.min()), float(answers.max())
        raise TeacherError(
            f"teacher: its images hold {low:.3g} to {high:.3g}; give the values of black and "
            "white, e.g. output_range=(0, 255)"
        )
    return "uint8"
