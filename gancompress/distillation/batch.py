"""The batch of a step, how microbatches and subnets share it, and what a subnet makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import gcd

import torch
from torch import Tensor

from gancompress.batch import Batch, InputSpec, concatenate, onto, rows
from gancompress.distillation.data import DistillData
from gancompress.distillation.terms.term import DiscriminatorOutput
from gancompress.supernet import SearchSpace, Subnet

# How far latents are perturbed, in standard deviations of every coordinate.
PERTURBATION = 0.5


@dataclass(frozen=True)
class ConditionedImages:
    """Images with what a discriminator is given beside them."""

    images: Tensor
    conditions: Batch

    def rows(self, cut: slice) -> "ConditionedImages":
        """Some of them."""
        return ConditionedImages(self.images[cut], rows(self.conditions, cut))


def joined(groups: Sequence[ConditionedImages]) -> ConditionedImages:
    """All images of ``groups`` with their conditions, in order."""
    images = torch.cat([group.images for group in groups])
    conditions = concatenate([g.conditions for g in groups]) if groups[0].conditions else {}
    return ConditionedImages(images, conditions)


@dataclass(frozen=True, kw_only=True)
class StepBatch:
    """The data of one step, or a microbatch of them where gradients are accumulated.

    Attributes:
        inputs: of teacher and student.
        teacher: the teacher's outputs.
        pair_numbers: of the pairs.
        real: real images, where a discriminator is given some.
        unpaired: inputs without the teacher's output, whose images are compared with real ones.
        perturbed: the inputs with perturbed latents, where a term compares both.
        finite: whether all inputs and outputs are; found while they are read, so that no step has
            to wait for it.
    """

    inputs: Batch
    teacher: ConditionedImages
    pair_numbers: Sequence[int]
    real: ConditionedImages | None = None
    unpaired: Batch | None = None
    perturbed: Batch | None = None
    finite: bool = True

    def microbatches(self, count: int) -> "list[StepBatch]":
        """The batch in ``count`` parts."""
        return [
            replace(
                self,
                inputs=rows(self.inputs, cut),
                teacher=self.teacher.rows(cut),
                pair_numbers=self.pair_numbers[cut],
                real=self.real.rows(cut) if self.real else None,
                unpaired=rows(self.unpaired, cut) if self.unpaired else None,
                perturbed=rows(self.perturbed, cut) if self.perturbed else None,
            )
            for cut in shares(count)
        ]


@dataclass(frozen=True, kw_only=True)
class SubnetOutput:
    """What one subnet makes of a microbatch.

    Attributes:
        images: its outputs.
        maps, perturbed_maps: its feature maps by submodule; for perturbed latents.
        unpaired: its outputs for a share of the unpaired inputs.
        discriminator: the discriminator's output for its images, where that is computed already.
    """

    images: ConditionedImages
    maps: Mapping[str, Tensor]
    perturbed_maps: Mapping[str, Tensor] = field(default_factory=dict)
    unpaired: ConditionedImages | None = None
    discriminator: DiscriminatorOutput | None = None


def read_batch(data: DistillData, real: bool, step: int) -> StepBatch:
    """Read what ``step`` needs, which depends on nothing but its number.

    Args:
        data: of the training.
        real: with real images, where there are any, and with unpaired inputs to compare them with
            where the options say so.
        step: its number.
    """
    inputs, target = data.pairs_of(step)
    real = real and data.real is not None
    return StepBatch(
        inputs=inputs,
        teacher=ConditionedImages(target, data.conditions(inputs)),
        pair_numbers=data.numbers_of(step),
        real=ConditionedImages(*data.real_of(step)) if real else None,
        unpaired=data.unpaired_of(step) if real and data.options.unpaired else None,
        finite=all(bool(torch.isfinite(value).all()) for value in (target, *inputs.values())),
    )


def perturbed_latents(inputs: Batch, spec: InputSpec) -> Batch:
    """``inputs`` with every latent moved along one random direction, the same for all samples."""
    return {
        name: value + PERTURBATION * torch.randn_like(value[:1]) if spec[name].is_latent else value
        for name, value in inputs.items()
    }


def with_widths(
    images: ConditionedImages,
    space: SearchSpace,
    subnets: Sequence[Subnet],
    cuts: Sequence[slice],
) -> ConditionedImages:
    """``images`` with one more condition, ``widths``: relative ones of the subnet of each sample.

    Args:
        images: for a discriminator that is conditioned on widths.
        space: of the subnets.
        subnets, cuts: each subnet has the samples of its cut.
    """
    largest = torch.tensor(space.largest, dtype=torch.float32)
    widths = torch.empty(len(images.images), len(largest))
    for subnet, cut in zip(subnets, cuts, strict=True):
        widths[cut] = torch.tensor(subnet) / largest
    placed = onto(widths, images.images.device)
    return replace(images, conditions={**images.conditions, "widths": placed})


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
