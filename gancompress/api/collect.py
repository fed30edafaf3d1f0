"""Recording what a teacher answers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch.distributed as dist
from torch import Tensor

from gancompress.api.inputs import Parted, rows_of, with_shares
from gancompress.batch import DRAWN, Batch, InputSpec
from gancompress.data.live import LivePairs, Pairs
from gancompress.data.manifest import Plan
from gancompress.data.memory import record_in_memory
from gancompress.data.options import CollectOptions
from gancompress.data.outputs import stored_form
from gancompress.data.pairs import PairStore, PairWriter, record
from gancompress.errors import TeacherError
from gancompress.options import check_given, check_ranges, check_seed, check_whole
from gancompress.progress import progress_bar
from gancompress.teachers.teacher import FrozenTeacher, InputData, PartedData, take_inputs
from gancompress.training.optimise import processes

TEACHER = "a gc.Teacher, a gc.RemoteTeacher, or what gc.load_teacher gives"

# Of images in [-1, 1]; what lies beyond was meant in another range. Generators without a last tanh
# overshoot, by far less than 0…255 does.
FAR_OUTSIDE = 8.0


def collect(
    teacher: FrozenTeacher,
    data: Any = None,
    count: int = 10_000,
    *,
    held_out: int | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    options: CollectOptions | None = None,
) -> Pairs:
    """Record what ``teacher`` answers for ``count`` inputs to learn from, and for some held out.

    Launched in several processes at once, they share the work of a ``folder``.

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
        options: see :class:`gancompress.CollectOptions`; its ``count`` and ``held_out`` are
            replaced. By default latents keep all their 32 bits.

    Returns:
        The pairs: ``pairs.batch(indices)`` gives inputs by name and outputs.

    Raises:
        OptionError: a number is out of its range.
        DataError: there is no data for an input, or ``folder`` holds other pairs.
        TeacherError: it answers neither images in [-1, 1] nor scores.
    """
    check_whole(count, "gc.collect: count", 2)
    check_seed(seed, "gc.collect: seed")
    check_given(teacher, FrozenTeacher, "gc.collect: teacher", TEACHER)
    base = options or CollectOptions(half=False)
    kept = min(2_000, max(2, count // 10)) if held_out is None else held_out
    how = replace(base, count=count, held_out=kept)
    check_ranges(how, "gc.collect")
    inputs = with_shares(dict(teacher.inputs), how.class_shares)
    asked = _Numbered(teacher, inputs, _rows(teacher, data, how, seed))
    plan = _plan(asked, teacher.fingerprint, how, seed)
    if not how.store:
        return LivePairs(asked, plan)
    if folder is None:
        return record_in_memory(asked, plan, batch_size=how.batch_size)
    _record(asked, PairWriter(folder, plan), how.batch_size)
    return PairStore(folder, teacher=teacher.fingerprint)


class _Numbered:
    """A teacher whose samples have numbered rows as inputs."""

    def __init__(self, teacher: FrozenTeacher, inputs: InputSpec, rows: InputData | None) -> None:
        self._teacher, self.inputs, self.rows = teacher, inputs, rows

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch:
        return take_inputs(self.inputs, self.rows, indices, seed)

    def __call__(self, batch: Batch) -> Tensor:
        return self._teacher(batch)


def _rows(teacher: FrozenTeacher, data: Any, how: CollectOptions, seed: int) -> PartedData | None:
    """Rows by the number of the sample; None where all inputs are drawn."""
    own: InputData | None = getattr(teacher, "data", None) if data is None else None
    rows = rows_of(data, teacher.inputs) if own is None else own
    if rows is None or isinstance(rows, PartedData):
        return rows
    drawn = any(entry.kind in DRAWN for entry in teacher.inputs.values())
    return Parted(rows, how.count, how.held_out, repeat=drawn, seed=seed)


def _plan(asked: _Numbered, teacher: str, how: CollectOptions, seed: int) -> Plan:
    """What is recorded; two samples show what is answered."""
    counts = how.count, how.held_out
    if isinstance(asked.rows, PartedData):
        counts = asked.rows.training, asked.rows.kept
    answers = asked(asked.sample_inputs(range(2), seed))
    form = stored_form(answers.shape)
    if form == "uint8":
        _check_range(answers)
    return Plan(
        inputs=asked.inputs,
        teacher=teacher,
        seed=seed,
        count=sum(counts),
        held_out=counts[1],
        shard_size=how.shard,
        output=form,
        latents="float16" if how.half else "float32",
    )


def _check_range(images: Tensor) -> None:
    if float((images.abs() > FAR_OUTSIDE).float().mean()) > 0.1:
        low, high = float(images.min()), float(images.max())
        raise TeacherError(
            "teacher.output_range: black and white should become -1 and 1 by it, but its images "
            f"hold {low:.3g} to {high:.3g} then; give the values of both, e.g. (0, 255)"
        )


def _record(asked: _Numbered, writer: PairWriter, batch_size: int) -> None:
    """Record what is missing, shared between the processes; return when all of it is there."""
    ranks = processes()
    rank, plan = (dist.get_rank() if ranks > 1 else 0), writer.plan
    initial = plan.count - sum(len(plan.samples(shard)) for shard in writer.missing())
    with progress_bar(total=plan.count, initial=initial, desc="collect", disable=rank > 0) as bar:
        record(asked, writer, batch_size=batch_size, rank=rank, ranks=ranks, progress=bar.update)
    if ranks > 1:
        dist.barrier()
    if rank == 0:
        writer.finish()
    if ranks > 1:
        # The others may not open what is not finished.
        dist.barrier()
