"""What `teach` of a single image is given: the photograph's pyramid, and a composite to fit in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gancompress.assemble.teacher_data import located
from gancompress.batch import draw_inputs
from gancompress.data.images import to_uint8
from gancompress.data.single import open_single, pyramid, resized
from gancompress.errors import RecipeError
from gancompress.generators.consingan import ConSinGANGenerator
from gancompress.recipe.schema import Recipe
from gancompress.report.grid import save_grid, save_png
from gancompress.teach.options import SingleImageOptions

# How far beyond its mask a foreign object is blended in, as a share of the longer side: its edges
# need mending for harmonisation, and the ground around what was moved for editing.
MARGIN = {"harmonise": 0.03, "edit": 0.08}

# Aspect ratios this far apart are still taken for the same.
STRETCH = 1.03


@dataclass(frozen=True)
class Composite:
    """A picture to fit in.

    Attributes:
        picture: (1, C, H, W) in [-1, 1], of the size of the finest stage.
        coarsest: the same, of the size of the coarsest.
        mask: (1, 1, H, W), 1 where the result is taken, 0 where the picture stays.
    """

    picture: Tensor
    coarsest: Tensor
    mask: Tensor


def open_pyramid(recipe: Recipe) -> list[Tensor]:
    """The recipe's photograph at every stage, coarse to fine.

    Raises:
        RecipeError: it is too small, or has too many stages for its size.
        DataError: it cannot be read.
    """
    keys, path = recipe.teach.single_image, located(recipe.data.source)
    if path.is_dir():
        raise RecipeError(f"data.source: {path}: a folder; single_image wants one photograph")
    photograph = open_single(path, max_size=keys.max_size)
    height, width = photograph.shape[-2:]
    size = f"{height}×{width} pixels at teach.single_image.max_size {keys.max_size}"
    if min(height, width) < keys.min_size:
        raise RecipeError(
            f"data.source: {path}: {size}; the shorter side must have "
            f"teach.single_image.min_size ({keys.min_size}) at least"
        )
    images = pyramid(photograph, stages=keys.stages, min_size=keys.min_size)
    sizes = [tuple(image.shape[-2:]) for image in images]
    if len(set(sizes)) < len(sizes):
        raise RecipeError(
            f"teach.single_image.stages: {keys.stages} from min_size {keys.min_size} up to {size}: "
            "two of them would be of one size; take fewer"
        )
    return images


def open_composite(keys: SingleImageOptions, images: Sequence[Tensor]) -> Composite | None:
    """The picture to fit in, None where the task has none.

    Args:
        keys: of the recipe.
        images: the photograph at every stage.

    Raises:
        RecipeError: it has another aspect ratio than the photograph.
        DataError: it or its mask cannot be read.
    """
    if keys.task == "generate":
        return None
    picture = _like("composite", keys.composite, images[-1])
    coarsest = resized(picture, (images[0].size(-2), images[0].size(-1)))
    mask = torch.ones_like(picture[:, :1])
    if keys.mask:
        white = (_like("mask", keys.mask, images[-1]).mean(1, keepdim=True) > 0).float()
        mask = _widened(white, max(1, round(MARGIN[keys.task] * max(picture.shape[-2:]))))
    return Composite(picture, coarsest, mask)


def save_composite(
    generator: ConSinGANGenerator, composite: Composite, seed: int, folder: Path
) -> None:
    """Write ``fitted.png``, what became of the composite, and ``composite.png``, both together."""
    noise = draw_inputs(generator.inputs, [0], seed)
    with torch.no_grad():
        made = generator(**{**noise, "noise_0": composite.coarsest})
    fitted = torch.lerp(composite.picture, made, composite.mask)
    pixels = to_uint8(fitted)[0].permute(1, 2, 0).contiguous().numpy()
    save_png(Image.fromarray(pixels), folder / "fitted.png")
    rows = {"": torch.cat([composite.picture, made, fitted])}
    save_grid(rows, folder / "composite.png", ["composite", "generated", "fitted in"])


def _like(key: str, source: str, photograph: Tensor) -> Tensor:
    """The picture that ``key`` names, in the size of the photograph."""
    picture = open_single(located(source))
    (height, width), (tall, wide) = photograph.shape[-2:], picture.shape[-2:]
    stretch = (width / height) / (wide / tall)
    if not 1 / STRETCH < stretch < STRETCH:
        raise RecipeError(
            f"teach.single_image.{key}: {source}: {tall}×{wide} pixels, but the photograph has "
            f"the aspect ratio of {height}×{width}; cut it to that"
        )
    return resized(picture, (height, width))


def _widened(mask: Tensor, margin: int) -> Tensor:
    """``mask`` (1, 1, H, W) reaching ``margin`` pixels further, and fading out beyond."""
    mask = F.max_pool2d(mask, 2 * margin + 1, 1, margin)
    fade = max(1, margin // 2)
    for _ in range(2):
        mask = F.avg_pool2d(mask, 2 * fade + 1, 1, fade, count_include_pad=False)
    return mask
