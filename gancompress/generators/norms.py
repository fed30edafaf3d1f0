"""The normalisations and the separable convolution that the image-to-image families share."""

from typing import Literal

from torch import Tensor, nn

Norm = Literal["instance", "instance_affine", "instance_tracked", "batch", "none"]


def norm(kind: Norm, channels: int) -> nn.Module:
    """The normalisation of ``channels`` maps.

    ``instance`` has no tensors, ``instance_affine`` a scale and a shift; ``instance_tracked``
    normalises with running statistics in evaluation mode; ``batch`` is affine.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "none":
        return nn.Identity()
    return nn.InstanceNorm2d(
        channels,
        affine=kind == "instance_affine",
        track_running_stats=kind == "instance_tracked",
    )


def needs_bias(kind: Norm) -> bool:
    """Whether pix2pix gives a bias to the convolution before the normalisation ``kind``."""
    return kind.startswith("instance")


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
