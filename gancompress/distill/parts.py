"""What a step runs at once, and what subnets answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

from torch import Tensor

from gancompress.batch import Batch, rows
from gancompress.distill.features import moved_latents
from gancompress.distill.opponent import Shown
from gancompress.distill.source import Source

# The teacher's maps by term.
TeacherMaps = Mapping[str, list[list[Tensor]]]


@dataclass(frozen=True)
class Part:
    """What is run at once: a batch, or one part of it where gradients are accumulated.

    Attributes:
        batch, target: inputs and the teacher's outputs.
        conditions: what of the inputs a discriminator is told.
        real: real images, where a discriminator sees some.
        fresh: inputs the teacher never answered, to set against them.
        moved: the inputs with moved latents, where a term wants them.
    """

    batch: Batch
    target: Tensor
    conditions: Batch
    real: Shown | None
    fresh: Batch | None
    moved: Batch | None

    def tensors(self) -> list[Tensor]:
        """What comes from outside and may be poisoned."""
        return [self.target, *self.batch.values()]


@dataclass(frozen=True)
class Answer:
    """What one subnet made of a part: its outputs and taps, the same for moved latents."""

    shown: Shown
    maps: Mapping[str, Tensor]
    moved_maps: Mapping[str, Tensor]
    fresh: Shown | None


def parts_of(
    source: Source, step: int, count: int, *, adversarial: bool, moved: bool
) -> list[Part]:
    """The batch of ``step`` in ``count`` parts.

    Args:
        adversarial: there is a discriminator, which sees real images where there are any.
        moved: the latents are wanted moved as well.
    """
    batch, target = source.pairs_of(step)
    adversarial = adversarial and source.real is not None
    real = Shown(*source.real_of(step)) if adversarial else None
    fresh = source.fresh_of(step) if adversarial else None
    shifted = moved_latents(batch, dict(source.inputs)) if moved else None
    parts = []
    for cut in shares(count):
        own = rows(batch, cut)
        parts.append(
            Part(
                own,
                target[cut],
                source.conditions(own),
                Shown(real.images[cut], rows(real.conditions, cut)) if real else None,
                rows(fresh, cut) if fresh else None,
                rows(shifted, cut) if shifted else None,
            )
        )
    return parts


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
