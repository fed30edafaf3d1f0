"""The discriminator of a distillation: it tells the teacher's images from the student's."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.batch import Batch, concatenate
from gancompress.training.losses import (
    AdversarialLoss,
    discriminator_loss,
    gradient_penalty,
    r1_penalty,
)
from gancompress.training.optimise import average_buffers, average_gradients, descend

# Logits (N, 1), and maps from shallow to deep.
Look = tuple[Tensor, list[Tensor]]


@dataclass(frozen=True)
class Shown:
    """Images with what the discriminator is told beside them."""

    images: Tensor
    conditions: Batch


def joined(groups: Sequence[Shown]) -> Shown:
    """All images of ``groups`` with their conditions, in order."""
    images = torch.cat([group.images for group in groups])
    conditions = concatenate([g.conditions for g in groups]) if groups[0].conditions else {}
    return Shown(images, conditions)


@dataclass(frozen=True)
class Opponent:
    """A discriminator in training.

    Attributes:
        network: ``network(image, **conditions)`` gives (logits, features).
        optimizer: of its parameters.
        loss: how it learns.
        real_weight: of real against freshly generated images in its loss; teacher against student
            counts 1 (DiStyleGAN, L_D).
        relativistic: it judges the teacher's images by how much more real they look than the
            student's, see :func:`gancompress.training.losses.relativistic`.
        r1: weight of the R1 penalty on the images it should call real; 0 for none.
        gradient_penalty: weight of the penalty of Gulrajani et al. between both; 0 for none.
        penalty_every: steps between two penalties, which then weigh that many times more.
        sees_widths: it is told the widths of the subnet as well, as ``widths``.
        accelerator: for mixed precision.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    loss: AdversarialLoss
    real_weight: float
    relativistic: bool
    r1: float
    gradient_penalty: float
    penalty_every: int
    sees_widths: bool
    accelerator: Accelerator

    def look(self, shown: Shown) -> Look:
        """What it sees in these images."""
        logits, features = self.network(shown.images, **shown.conditions)
        return logits, list(features)

    def study(
        self,
        step: int,
        teacher: Shown,
        student: Shown,
        real: Shown | None,
        fresh: Shown | None,
        share: float,
        look: Look | None = None,
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Add to its gradients what it learns from these images, all in one pass.

        Args:
            step: decides about penalties.
            teacher, real: images it should call real.
            student, fresh: images it should call fake; without ``fresh`` the student's are set
                against the real ones, too.
            share: of these images in the step.
            look: what it has just seen in the student's images, whose graph stays.

        Returns:
            Its losses by name, and its maps of the teacher's images, without gradient.
        """
        groups = {"teacher": teacher, "student": student, "real": real, "fresh": fresh}
        passed = {
            n: group for n, group in groups.items() if group and not (look and n == "student")
        }
        together = joined(list(passed.values()))
        with self.accelerator.autocast():
            logits, maps = self.look(Shown(together.images.detach(), together.conditions))
            sizes = [len(group.images) for group in passed.values()]
            seen = dict(zip(passed, torch.split(logits.float(), sizes), strict=True))
            fake = look[0].float() if look else seen["student"]
            loss = discriminator_loss(self.loss, seen["teacher"], fake, self.relativistic)
            losses = {"d": loss.detach()}
            if real is not None:
                fake = seen.get("fresh", fake)
                on_real = discriminator_loss(self.loss, seen["real"], fake, self.relativistic)
                losses["d_real"] = on_real.detach()
                loss = loss + self.real_weight * on_real
        if step % self.penalty_every == 0 and (self.r1 or self.gradient_penalty):
            penalty = self._penalty(teacher, student)
            losses["d_penalty"] = penalty.detach()
            loss = loss + self.penalty_every * penalty
        learning = list(self.network.parameters())
        self.accelerator.backward(loss * share, inputs=learning, retain_graph=look is not None)
        return losses, [level[: len(teacher.images)].detach() for level in maps]

    def learn(self) -> None:
        """One step along the gradients added up by :meth:`study`."""
        average_gradients(self.network.parameters())
        average_buffers(self.network)
        descend(self.optimizer, scaler=self.accelerator.scaler)

    def _penalty(self, teacher: Shown, student: Shown) -> Tensor:
        """In full precision: squares of gradients do not survive half."""
        conditions = teacher.conditions
        total = teacher.images.new_zeros(())
        if self.r1:
            total = total + self.r1 / 2 * r1_penalty(self.network, teacher.images, conditions)
        if self.gradient_penalty:
            mix = torch.rand(len(teacher.images), device=teacher.images.device)
            student_images = student.images.float()
            total = total + self.gradient_penalty * gradient_penalty(
                self.network, teacher.images, student_images, conditions, mix
            )
        return total
