"""SRVGGNetCompact (Wang et al. 2021): a plain chain of convolutions for super-resolution.

Tensor names equal those of Real-ESRGAN's published files, so their state dicts load without
renaming.
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError

Activation = Literal["prelu", "relu", "leakyrelu"]


class SRVGGGenerator(nn.Module):
    """A small image to a larger one; both in [0, 1].

    Args:
        channels: of the images.
        width: channels inside (num_feat).
        convolutions: of ``width`` channels between the first and the last (num_conv).
        scale: enlargement.
        activation: after each convolution but the last: ``prelu`` as published, with a slope for
            each channel; ``leakyrelu`` has the slope 0.1.
        resolution: of the small image it is meant for; any size works.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        convolutions: int = 16,
        scale: int = 4,
        activation: Activation = "prelu",
        resolution: int = 64,
    ) -> None:
        super().__init__()
        if min(channels, width, scale) < 1 or convolutions < 0:
            raise RecipeError("srvgg: channels, width and scale must be 1 or more")
        self.inputs: InputSpec = {"image": Input("image", (channels, resolution, resolution), 0, 1)}
        self.scale = scale
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1)]
        for _ in range(convolutions):
            layers += [_activation(activation, width), nn.Conv2d(width, width, 3, padding=1)]
        layers.append(_activation(activation, width))
        layers.append(nn.Conv2d(width, channels * scale**2, 3, padding=1))
        self.body = nn.ModuleList(layers)

    def forward(self, image: Tensor) -> Tensor:
        """(N, channels, H, W) in [0, 1] to (N, channels, scale·H, scale·W), about [0, 1]."""
        h = image
        for layer in self.body:
            h = layer(h)
        enlarged = F.interpolate(image, scale_factor=float(self.scale), mode="nearest")
        return F.pixel_shuffle(h, self.scale) + enlarged


def _activation(kind: Activation, width: int) -> nn.Module:
    if kind == "prelu":
        return nn.PReLU(width)
    return nn.ReLU() if kind == "relu" else nn.LeakyReLU(0.1)
