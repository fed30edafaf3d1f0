"""The normalisations and the separable convolution that the image-to-image families share."""

from typing import Literal

from torch import Tensor, nn

Norm = Literal["instance", "batch", "none"]


def norm(kind: Norm, channels: int) -> nn.Module:
    """The normalisation of ``channels`` maps: ``instance`` has no tensors, ``batch`` is affine."""
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=False)
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.Identity()


class SeparableConv2d(nn.Module):
    """Depthwise convolution, normalisation, pointwise convolution (GAN Compression, section 3.2).

    Tensors are named as in the published checkpoints: ``conv.0`` depthwise, ``conv.2`` pointwise.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        padding: int = 0,
        bias: bool = True,
        norm_kind: Norm = "instance",
    ) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(
                in_channels,
                in_channels,
                kernel_size,
                padding=padding,
                groups=in_channels,
                bias=bias,
            ),
            norm(norm_kind, in_channels),
            nn.Conv2d(in_channels, out_channels, 1, bias=bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # type: ignore[no-any-return]
