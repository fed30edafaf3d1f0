"""Running an image translator on pictures of any size: padding, tiles, or a fixed size.

What a network accepts is found by running it: the smallest multiple that both sides must have, the
enlargement, and how far an output pixel sees. Tiles that overlap by at least that far give what the
whole picture gives, because every kept pixel has seen all that it depends on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

#: Images (1, C, H, W) to images (1, C', H·scale, W·scale).
Translator = Callable[[Tensor], Tensor]

MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

# Side in pixels of the images that a network is examined with.
PROBE = 96


@dataclass(frozen=True)
class SizeRule:
    """Which sizes a translator takes.

    Attributes:
        fixed: (height, width) if it takes one size only, else None.
        multiple: height and width must be multiples of this.
        scale: output pixels per input pixel and side.
        reach: largest distance in input pixels from an output pixel to what it depends on; None
            where that is the whole picture (instance norm, attention) or more than a probe shows.
    """

    fixed: tuple[int, int] | None
    multiple: int
    scale: int
    reach: int | None


@torch.no_grad()
def find_size_rule(network: Translator, shape: tuple[int, int, int]) -> SizeRule:
    """Find out by running it which sizes ``network`` takes.

    Args:
        network: in evaluation mode, without random numbers.
        shape: (C, H, W) of the input that it is meant for.
    """
    channels, height, width = shape
    for multiple in MULTIPLES:
        side = -(-PROBE // multiple) * multiple
        scale = _scale(network, (1, channels, side, side + multiple))
        if scale is not None:
            return SizeRule(None, multiple, scale, _reach(network, channels, side, multiple))
    scale = _scale(network, (1, channels, height, width)) or 1
    return SizeRule((height, width), 1, scale, None)


def _scale(network: Translator, size: tuple[int, int, int, int]) -> int | None:
    """Enlargement at an input of ``size``; None where it is refused or the sides do not follow."""
    try:
        output = network(torch.zeros(size))
    # Whatever a network raises for a size that it was not made for.
    except Exception:
        return None
    height, width = size[2:]
    scale = output.shape[2] // height
    follows = scale >= 1 and output.shape[2:] == (height * scale, width * scale)
    return scale if follows else None


def _reach(network: Translator, channels: int, side: int, multiple: int) -> int | None:
    """How far a change in the middle is seen; the largest of several random images."""
    side = max(side, 2 * multiple + PROBE) // multiple * multiple
    middle = side // 2
    reach = 0
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        image = torch.rand((1, channels, side, side), generator=generator) * 2 - 1
        changed = image.clone()
        changed[..., middle, middle] = -changed[..., middle, middle].sign()
        difference = (network(image) - network(changed)).abs().amax(dim=(0, 1))
        scale = difference.shape[0] // side
        seen = difference.nonzero() / scale
        if len(seen) == 0:
            return None
        distance = int((seen - middle).abs().max().ceil())
        if distance >= middle - 1:
            return None
        reach = max(reach, distance)
    # What a pixel reaches, and what reaches it, differ by less than one step of the strides.
    return reach + multiple


@torch.no_grad()
def translate(
    network: Translator, image: Tensor, rule: SizeRule, *, tile: int = 0, overlap: int | None = None
) -> Tensor:
    """``network`` of one picture of any size.

    Args:
        network: translates images.
        image: (1, C, H, W).
        rule: what :func:`find_size_rule` found of it.
        tile: side in pixels of the tiles that a larger picture is cut into, at most; 0: none.
        overlap: input pixels by which a tile sees beyond what is kept of it; None: the rule's
            reach, or a quarter of the tile where that is unknown.

    Returns:
        (1, C', H·scale, W·scale); where the network takes one size only, of that size.
    """
    if rule.fixed is not None:
        return network(F.interpolate(image, rule.fixed, mode="bicubic", antialias=True))
    height, width = image.shape[2:]
    padded = _padded(image, rule.multiple)
    if not tile or max(height, width) <= tile:
        output = network(padded)
    else:
        margin = overlap if overlap is not None else (rule.reach or tile // 4)
        margin = -(-margin // rule.multiple) * rule.multiple
        output = _by_tiles(network, padded, rule, tile // rule.multiple * rule.multiple, margin)
    return output[..., : height * rule.scale, : width * rule.scale]


def _padded(image: Tensor, multiple: int) -> Tensor:
    height, width = image.shape[2:]
    down, right = -height % multiple, -width % multiple
    if not down and not right:
        return image
    return F.pad(image, (0, right, 0, down), mode="replicate")


def _by_tiles(network: Translator, image: Tensor, rule: SizeRule, tile: int, margin: int) -> Tensor:
    height, width = image.shape[2:]
    output: Tensor | None = None
    step = max(tile - 2 * margin, rule.multiple)
    for top, bottom in _spans(height, step):
        for left, right in _spans(width, step):
            # What the tile sees, and what is kept of it.
            y0, y1 = max(top - margin, 0), min(bottom + margin, height)
            x0, x1 = max(left - margin, 0), min(right + margin, width)
            made = network(image[..., y0:y1, x0:x1])
            if output is None:
                size = (1, made.shape[1], height * rule.scale, width * rule.scale)
                output = made.new_empty(size)
            s = rule.scale
            output[..., top * s : bottom * s, left * s : right * s] = made[
                ..., (top - y0) * s : (bottom - y0) * s, (left - x0) * s : (right - x0) * s
            ]
    assert output is not None  # an image has at least one pixel
    return output


def _spans(length: int, step: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, step):
        yield start, min(start + step, length)
