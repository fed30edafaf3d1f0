"""pix2pixHD (Wang et al. 2018): a global generator, and local enhancers around it.

Tensor names equal those of the published checkpoints, so their state dicts load without renaming.
"""

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError
from gancompress.generators.norms import Norm, norm
from gancompress.generators.resnet import ResidualBlock, initialise


class Pix2PixHDGenerator(nn.Module):
    """A label map (with instance edges) to an image.

    Args:
        label_channels: of the label map: the classes, and one for instance edges where used.
        out_channels: of the image.
        width: channels of the global generator's first convolution (ngf).
        downs: down-samplings of the global generator.
        blocks: residual blocks of the global generator.
        enhancers: local enhancers, each of twice the resolution and half the width.
        enhancer_blocks: residual blocks of each.
        norm_kind: ``instance`` as published, or ``batch``.
        size: height and width of the image, multiples of 2^(downs + enhancers).
    """

    def __init__(
        self,
        label_channels: int = 36,
        out_channels: int = 3,
        width: int = 64,
        downs: int = 4,
        blocks: int = 9,
        enhancers: int = 0,
        enhancer_blocks: int = 3,
        norm_kind: Norm = "instance",
        size: tuple[int, int] = (512, 1024),
    ) -> None:
        super().__init__()
        factor = 2 ** (downs + enhancers)
        if size[0] % factor or size[1] % factor:
            raise RecipeError(f"pix2pixhd: size {size}: both must be multiples of {factor}")
        if width % 2**enhancers:
            raise RecipeError(f"pix2pixhd: width {width}: each of {enhancers} enhancers halves it")
        self.inputs: InputSpec = {"label_map": Input("label_map", (label_channels, *size))}
        self.enhancers = enhancers
        widths = [width * 2**index for index in range(downs + 1)]
        layers = [*_stem(label_channels, width, norm_kind)]
        for a, b in itertools.pairwise(widths):
            layers += _down(a, b, norm_kind)
        layers += _blocks(widths[-1], blocks, norm_kind)
        for a, b in itertools.pairwise(reversed(widths)):
            layers += _up(a, b, norm_kind)
        # An enhancer takes the maps, not the image.
        self.model = nn.Sequential(*layers, *([] if enhancers else _image(width, out_channels)))
        for index in range(1, enhancers + 1):
            inner = width // 2**index
            before = [*_stem(label_channels, inner, norm_kind), *_down(inner, 2 * inner, norm_kind)]
            after = _blocks(2 * inner, enhancer_blocks, norm_kind)
            after += _up(2 * inner, inner, norm_kind)
            after += _image(inner, out_channels) if index == enhancers else []
            self.add_module(f"model{index}_1", nn.Sequential(*before))
            self.add_module(f"model{index}_2", nn.Sequential(*after))
        self.downsample = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        self.apply(initialise)

    def forward(self, label_map: Tensor) -> Tensor:
        """One-hot maps (N, label_channels, H, W) to images (N, out_channels, H, W) in [-1, 1]."""
        pyramid = [label_map]
        for _ in range(self.enhancers):
            pyramid.append(self.downsample(pyramid[-1]))
        h: Tensor = self.model(pyramid[-1])
        for index in range(1, self.enhancers + 1):
            before = self.get_submodule(f"model{index}_1")(pyramid[self.enhancers - index])
            h = self.get_submodule(f"model{index}_2")(before + h)
        return h


def _stem(channels: int, width: int, norm_kind: Norm) -> Sequence[nn.Module]:
    return [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7), norm(norm_kind, width), nn.ReLU()]


def _down(a: int, b: int, norm_kind: Norm) -> list[nn.Module]:
    return [nn.Conv2d(a, b, 3, stride=2, padding=1), norm(norm_kind, b), nn.ReLU()]


def _blocks(width: int, count: int, norm_kind: Norm) -> list[nn.Module]:
    return [ResidualBlock(width, width, norm_kind) for _ in range(count)]


def _up(a: int, b: int, norm_kind: Norm) -> list[nn.Module]:
    conv = nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1)
    return [conv, norm(norm_kind, b), nn.ReLU()]


def _image(width: int, channels: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()]
