"""What a step runs at once, and what subnets answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd

import torch
from torch import Tensor

from gancompress.batch import Batch, onto, rows
from gancompress.distillation.discriminator import Look, Shown
from gancompress.distillation.features import moved_latents
from gancompress.distillation.source import Source
from gancompress.supernet import SearchSpace, Subnet

# The teacher's maps by term.
TeacherMaps = Mapping[str, list[list[Tensor]]]


@dataclass(frozen=True)
class Drawn:
    """The data of one step, which depend on nothing but its number.

    Attributes:
        batch, target: inputs and the teacher's outputs.
        real: real images, where a discriminator sees some.
        fresh: inputs the teacher never answered, to set against them.
        finite: whether all of ``batch`` and ``target`` is; found while they are read, so that no
            step has to wait for it.
        numbers: of the pairs.
    """

    batch: Batch
    target: Tensor
    real: Shown | None
    fresh: Batch | None
    finite: bool
    numbers: Sequence[int]


@dataclass(frozen=True)
class Part:
    """What is run at once: a batch, or one part of it where gradients are accumulated.

    Attributes:
        batch: inputs.
        conditions: what of the inputs a discriminator is told.
        teacher: the teacher's outputs, as a discriminator sees them.
        real, fresh: see :class:`Drawn`.
        moved: the inputs with moved latents, where a term wants them.
        numbers: of the pairs.
    """

    batch: Batch
    conditions: Batch
    teacher: Shown
    real: Shown | None
    fresh: Batch | None
    moved: Batch | None
    numbers: Sequence[int]


@dataclass(frozen=True)
class Answer:
    """What one subnet made of a part.

    Attributes:
        shown, maps: its outputs and taps.
        moved_maps: its taps for moved latents.
        fresh: its outputs for inputs without a teacher.
        look: what the discriminator sees in its outputs, where that is known already.
    """

    shown: Shown
    maps: Mapping[str, Tensor]
    moved_maps: Mapping[str, Tensor]
    fresh: Shown | None
    look: Look | None = None


def draw(source: Source, real: bool, fresh: bool, step: int) -> Drawn:
    """Read what ``step`` needs.

    Args:
        real: with real images, where there are any.
        fresh: and with inputs to set against them.
    """
    batch, target = source.pairs_of(step)
    real = real and source.real is not None
    return Drawn(
        batch,
        target,
        Shown(*source.real_of(step)) if real else None,
        source.fresh_of(step) if real and fresh else None,
        all(bool(torch.isfinite(value).all()) for value in (target, *batch.values())),
        source.numbers_of(step),
    )


def parts_of(source: Source, drawn: Drawn, count: int, *, moved: bool) -> list[Part]:
    """The data of a step in ``count`` parts; ``moved``: with the latents moved as well."""
    shifted = moved_latents(drawn.batch, dict(source.inputs)) if moved else None
    real, fresh = drawn.real, drawn.fresh
    parts = []
    for cut in shares(count):
        own = rows(drawn.batch, cut)
        conditions = source.conditions(own)
        parts.append(
            Part(
                own,
                conditions,
                Shown(drawn.target[cut], conditions),
                Shown(real.images[cut], rows(real.conditions, cut)) if real else None,
                rows(fresh, cut) if fresh else None,
                rows(shifted, cut) if shifted else None,
                drawn.numbers[cut],
            )
        )
    return parts


def with_widths(
    shown: Shown, space: SearchSpace, subnets: Sequence[Subnet], cuts: Sequence[slice]
) -> Shown:
    """``shown`` with one more condition, ``widths``: relative ones of the subnet of each sample.

    Args:
        subnets, cuts: each subnet has the samples of its cut.
    """
    largest = torch.tensor(space.largest, dtype=torch.float32)
    widths = torch.empty(len(shown.images), len(largest))
    for subnet, cut in zip(subnets, cuts, strict=True):
        widths[cut] = torch.tensor(subnet) / largest
    placed = onto(widths, shown.images.device)
    return replace(shown, conditions={**shown.conditions, "widths": placed})


def shares(count: int, *, offset: int = 0, stride: int = 1) -> list[slice]:
    """Every ``count``-th sample of a batch, ``count`` times.

    Where processes divide a batch, sample *j* of one is sample ``offset + stride · j`` of the whole
    and belongs to the share that it belongs to in a single process.
    """
    if gcd(count, stride) > 1:
        # A process would have but some of the shares.
        offset, stride = 0, 1
    inverse = pow(stride, -1, count)
    return [slice((number - offset) * inverse % count, None, count) for number in range(count)]
