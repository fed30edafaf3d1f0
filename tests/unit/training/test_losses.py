"""Penalties of discriminators that judge patches."""

import pytest
import torch
from torch import Tensor, nn

from gancompress.training.losses import pixel_gradient_penalty


class Linear(nn.Module):
    """A logit a pixel: the same weighted sum of its channels everywhere."""

    def __init__(self, weights: list[float]) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights).view(1, -1, 1, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        return (image * self.weights).sum(1, keepdim=True), []


@pytest.mark.parametrize("size", [1, 7])
def test_a_norm_a_pixel_does_not_grow_with_the_image(size: int) -> None:
    real, fake = torch.randn(2, 2, 3, size, size)
    penalty = pixel_gradient_penalty(Linear([2.0, 3.0, 6.0]), real, fake, torch.rand(2))
    # The gradient of every pixel is the weights, of length 7.
    assert float(penalty.detach()) == pytest.approx((7.0 - 1.0) ** 2, rel=1e-5)


def test_it_draws_the_discriminator_towards_slope_one() -> None:
    discriminator = Linear([2.0, 3.0, 6.0])
    real, fake = torch.randn(2, 1, 3, 4, 4)
    torch.autograd.backward(pixel_gradient_penalty(discriminator, real, fake, torch.rand(1)))
    gradient = discriminator.weights.grad
    assert gradient is not None
    # ∂(‖w‖ - 1)²/∂w = 2 (‖w‖ - 1) w / ‖w‖.
    assert torch.allclose(gradient.flatten(), torch.tensor([2.0, 3.0, 6.0]) * 12 / 7, rtol=1e-4)
