"""The discriminator of a distillation: it tells the teacher's images from the student's."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.batch import Batch, concatenate
from gancompress.training.losses import ADVERSARIAL, AdversarialLoss
from gancompress.training.optimise import average_gradients, descend


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
        accelerator: for mixed precision.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    loss: AdversarialLoss
    real_weight: float
    accelerator: Accelerator

    def look(self, shown: Shown) -> tuple[Tensor, list[Tensor]]:
        """Logits and maps, shallow to deep."""
        logits, features = self.network(shown.images, **shown.conditions)
        return logits, list(features)

    def learn(
        self, teacher: Shown, student: Shown, real: Shown | None, fresh: Shown | None
    ) -> dict[str, Tensor]:
        """One step; all images go through the network together."""
        groups = [group for group in (teacher, student, real, fresh) if group is not None]
        together = joined(groups)
        tell, _ = ADVERSARIAL[self.loss]
        with self.accelerator.autocast():
            logits, _ = self.look(Shown(together.images.detach(), together.conditions))
            parts = torch.split(logits.float(), [len(group.images) for group in groups])
            loss = tell(parts[0], parts[1])
            losses = {"d": loss.detach()}
            if real is not None and fresh is not None:
                on_real = tell(parts[2], parts[3])
                losses["d_real"] = on_real.detach()
                loss = loss + self.real_weight * on_real
        self.accelerator.backward(loss)
        average_gradients(self.network.parameters())
        descend(self.optimizer)
        return losses
