"""Conditioning any discriminator on the widths of the subnet whose images it is given."""

import torch
from torch import Tensor, nn

from gancompress.errors import RecipeError


class WidthAware(nn.Module):
    """A discriminator whose logits depend on the widths of the subnet as well.

    One discriminator is trained against subnets of very different quality; conditioned on their
    widths it may treat each differently (Anycost GAN, Lin et al. 2021, section 3.2). The widths
    enter by projection onto its deepest map (Miyato & Koyama 2018), so that the network itself
    needs no change: logits + ⟨mean over positions of the map, V w⟩. V starts at zero: at first the
    logits are those of the network.

    Args:
        network: ``network(image, **conditions)`` gives (logits, features).
        groups: number of widths.
        example: images and conditions to learn the channels of its deepest map from.

    Raises:
        RecipeError: its features are no maps.
    """

    def __init__(self, network: nn.Module, groups: int, example: tuple[Tensor, dict[str, Tensor]]):
        super().__init__()
        self.network = network
        training = network.training
        with torch.no_grad():
            _, features = network.eval()(example[0], **example[1])
        network.train(training)
        if not features or features[-1].ndim < 3:
            raise RecipeError(
                "distill.discriminator.widths: needs a discriminator that gives its maps, "
                "(logits, [maps from shallow to deep])"
            )
        self.project = nn.Linear(groups, features[-1].shape[1], bias=False)
        nn.init.zeros_(self.project.weight)

    def forward(
        self, image: Tensor, *, widths: Tensor, **conditions: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Images (N, …) and relative widths (N, groups) in (0, 1] to logits and maps."""
        logits, features = self.network(image, **conditions)
        deepest = features[-1].flatten(2).mean(dim=2)
        by_width = (deepest * self.project(widths)).sum(dim=1)
        return logits + by_width.view(-1, *[1] * (logits.ndim - 1)), list(features)
