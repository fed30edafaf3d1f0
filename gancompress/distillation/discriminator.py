"""The discriminator of a distillation: it tells the teacher's images from the student's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.distillation.batch import (
    ConditionedImages,
    StepBatch,
    joined,
    shares,
    with_widths,
)
from gancompress.distillation.data import DistillData
from gancompress.distillation.options import DistillOptions
from gancompress.distillation.terms.term import DiscriminatorOutput, DiscriminatorReference
from gancompress.distillation.width_aware import WidthAware
from gancompress.supernet import SearchSpace, Subnet, Supernet
from gancompress.training.losses import discriminator_loss, gradient_penalty, r1_penalty
from gancompress.training.optimise import adam, average_buffers, average_gradients, optimizer_step


@dataclass(frozen=True, kw_only=True)
class DiscriminatorTraining:
    """A discriminator, how it is trained, and where.

    Attributes:
        network: ``network(image, **conditions)`` gives (logits, maps).
        optimizer: of its parameters.
        space: of the subnets whose images it is given.
        options: of the distillation. Teacher against student counts 1 in its loss, real images
            against generated ones ``real_weight`` (DiStyleGAN, L_D).
        accelerator: for mixed precision.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    space: SearchSpace
    options: DistillOptions
    accelerator: Accelerator

    @property
    def relativistic(self) -> bool:
        """Images are compared, see :func:`gancompress.training.losses.relativistic`."""
        return self.options.discriminator.relativistic

    def __call__(self, images: ConditionedImages) -> DiscriminatorOutput:
        """Logits and maps of ``images``."""
        logits, maps = self.network(images.images, **images.conditions)
        return DiscriminatorOutput(logits, list(maps))

    def reference(
        self, batch: StepBatch, maps: list[Tensor], uses_real: bool
    ) -> DiscriminatorReference:
        """What the student's images are compared with.

        Args:
            batch: a microbatch.
            maps: of the teacher's images.
            uses_real: a term compares the student's images with real ones.
        """
        if not self.relativistic:
            return DiscriminatorReference(maps=maps)
        logits = self(batch.teacher).logits
        real = self(batch.real).logits if batch.real is not None and uses_real else None
        return DiscriminatorReference(maps=maps, logits=logits, real_logits=real)

    def with_widths_of(self, subnet: Subnet, images: ConditionedImages) -> ConditionedImages:
        """``images`` of a subnet with its widths, where the discriminator is given widths."""
        if not self.options.discriminator.widths:
            return images
        return with_widths(images, self.space, [subnet], [slice(None)])

    def with_widths(self, batch: StepBatch, subnets: Sequence[Subnet]) -> StepBatch:
        """``batch``, its images with the widths of the subnets that they are compared with."""
        if not self.options.discriminator.widths:
            return batch
        cuts = self.cuts(len(subnets))
        real = with_widths(batch.real, self.space, subnets, cuts) if batch.real else None
        teacher = with_widths(batch.teacher, self.space, subnets, cuts)
        return replace(batch, teacher=teacher, real=real)

    def cuts(self, subnets: int) -> list[slice]:
        """The share of a batch of pairs that it is given of each subnet's images."""
        # A process has every n-th of the pairs.
        offset, stride = self.accelerator.process_index, self.accelerator.num_processes
        return shares(subnets, offset=offset, stride=stride)

    def add_gradients(
        self,
        step: int,
        batch: StepBatch,
        student: ConditionedImages,
        unpaired: ConditionedImages | None,
        known: DiscriminatorOutput | None,
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Add the gradients of its loss on one microbatch, all images in one pass.

        Args:
            step: decides about penalties.
            batch: with the images that should be called real: the teacher's, and real ones.
            student, unpaired: images that should be called fake; without ``unpaired`` the
                student's are compared with the real ones, too.
            known: its output for the student's images, where that was computed already; its graph
                stays.

        Returns:
            Its losses by name, and its maps of the teacher's images, without gradient.
        """
        # One pass over all images that it has not seen yet.
        teacher, real = batch.teacher, batch.real
        groups = {"teacher": teacher, "student": student, "real": real, "unpaired": unpaired}
        passed = {
            name: group
            for name, group in groups.items()
            if group and not (known and name == "student")
        }
        together = joined(list(passed.values()))
        with self.accelerator.autocast():
            detached = ConditionedImages(together.images.detach(), together.conditions)
            logits, maps = self(detached)
            sizes = [len(group.images) for group in passed.values()]
            of = dict(zip(passed, torch.split(logits.float(), sizes), strict=True))

            # The teacher's images against the student's, real images against generated ones.
            loss_name = self.options.adversarial
            fake = known.logits.float() if known else of["student"]
            loss = discriminator_loss(loss_name, of["teacher"], fake, self.relativistic)
            losses = {"d": loss.detach()}
            if real is not None:
                fake = of.get("unpaired", fake)
                on_real = discriminator_loss(loss_name, of["real"], fake, self.relativistic)
                losses["d_real"] = on_real.detach()
                loss = loss + self.options.real_weight * on_real

        # Penalties now and then, which then count as many times more.
        own = self.options.discriminator
        if step % own.penalty_every == 0 and (own.r1 or own.gradient_penalty):
            penalty = self._penalty(teacher, student)
            losses["d_penalty"] = penalty.detach()
            loss = loss + own.penalty_every * penalty
        parameters = list(self.network.parameters())
        share = 1 / self.options.accumulate
        self.accelerator.backward(loss * share, inputs=parameters, retain_graph=known is not None)
        return losses, [level[: len(teacher.images)].detach() for level in maps]

    def update(self) -> None:
        """One optimizer step along the gradients that were added up."""
        average_gradients(self.network.parameters())
        average_buffers(self.network)
        optimizer_step(self.optimizer, scaler=self.accelerator.scaler)

    def _penalty(self, teacher: ConditionedImages, student: ConditionedImages) -> Tensor:
        """In full precision: squares of gradients do not survive half."""
        own, conditions = self.options.discriminator, teacher.conditions
        total = teacher.images.new_zeros(())
        if own.r1:
            total = total + own.r1 / 2 * r1_penalty(self.network, teacher.images, conditions)
        if own.gradient_penalty:
            mix = torch.rand(len(teacher.images), device=teacher.images.device)
            student_images = student.images.float()
            total = total + own.gradient_penalty * gradient_penalty(
                self.network, teacher.images, student_images, conditions, mix
            )
        return total


def prepare_discriminator(
    network: nn.Module, supernet: Supernet, data: DistillData
) -> DiscriminatorTraining:
    """Set ``network`` up to be trained against the subnets of ``supernet``."""
    options, accelerator = data.options, data.accelerator
    if options.discriminator.widths:
        batch, target = data.pairs_of(0)
        example = target.cpu(), {name: x.cpu() for name, x in data.conditions(batch).items()}
        network = WidthAware(network, len(supernet.space.groups), example)
    place = {"device": accelerator.device, "memory_format": torch.channels_last}
    network = network.to(**place).train()
    optimizer = adam(network.parameters(), options.discriminator_learning_rate, options.betas)
    return DiscriminatorTraining(
        network=network,
        optimizer=optimizer,
        space=supernet.space,
        options=options,
        accelerator=accelerator,
    )
