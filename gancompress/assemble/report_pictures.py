"""The pictures of a report: the same inputs through teacher, student and subnets of the front."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.utils import make_grid

from gancompress.api.scoring import can_be_drawn, unseen_pairs
from gancompress.architecture_search.front import Front
from gancompress.assemble.report_media import draw_media
from gancompress.assemble.similarity import side_by_side
from gancompress.batch import Batch, InputSpec, class_count, draw_inputs
from gancompress.data.images import to_float
from gancompress.data.live import Pairs
from gancompress.metrics.embedding import map_images
from gancompress.metrics.features import Extractor
from gancompress.metrics.sources import GeneratedImages, generated
from gancompress.recipe.schema import Recipe
from gancompress.report.grid import picture_of, save_grid, save_png
from gancompress.report.mosaic import save_maps
from gancompress.run import RunDir
from gancompress.supernet import Subnet

# Streams of inputs: the pairs have the recipe's seed, the search that + 2.
STREAM = 3

# The map of images, in the folder of a report.
MAP = "tsne.png"

# Columns of a picture of images that come from data.
PICTURED = 6

# Differences are shown so many times as large.
MAGNIFIED = 4

# Subnets of the front that are pictured, images of each, and the side of its picture in pixels.
SUBNETS, IMAGES, SIDE = 10, 4, 72

# Images smaller than this are enlarged in the comparison, by a whole factor.
LEGIBLE = 96


def draw_pictures(
    recipe: Recipe,
    networks: Mapping[str, nn.Module],
    inputs: InputSpec,
    pairs: Pairs,
    extractor: Extractor | None,
    run: RunDir,
) -> None:
    """The same inputs through the first of ``networks`` and the student."""
    folder, unseen = run.path / "report", unseen_pairs(recipe.search, pairs)
    rate = recipe.evaluate.sample_rate
    if draw_media(networks["student"], pairs, unseen, rate, folder) != "image":
        return
    if not can_be_drawn(pairs):
        _draw_translations(networks["student"], pairs, unseen, folder)
        return
    _draw_rows(inputs, networks, folder)
    (folder / MAP).unlink(missing_ok=True)
    if recipe.evaluate.tsne and extractor is not None:
        _draw_map(inputs, networks, extractor, recipe.evaluate.tsne, folder)


def _draw_rows(inputs: InputSpec, networks: Mapping[str, nn.Module], folder: Path) -> None:
    """Drawn inputs through the first network and the student, one column a class (or a sample)."""
    classes = class_count(inputs)
    count = min(classes, 20) if classes else 10
    first_name = next(iter(networks))
    # Several sets of the same classes below each other show the variety. A multiple of the classes
    # away, so that column k shows class k.
    rows: dict[str, Tensor] = {}
    sides = []
    for turn in range(3):
        first = turn * (classes or count)
        batch = draw_inputs(inputs, range(first, first + count), seed=STREAM)
        with torch.no_grad():
            made = [networks[name](**batch) for name in (first_name, "student")]
        rows |= {f"{first_name} {turn + 1}": made[0], f"student {turn + 1}": made[1]}
        rows[f"difference ×{MAGNIFIED}, {turn + 1}"] = _difference(*made)
        sides.append(made)
    save_grid(rows, folder / "samples.png", [str(k) for k in range(count)] if classes else None)
    _save_sides([torch.cat(side) for side in zip(*sides, strict=True)], count, folder)


def _draw_translations(student: nn.Module, pairs: Pairs, samples: range, folder: Path) -> None:
    """Recorded inputs, the teacher's answers, the student's; nothing where they are no pictures."""
    rows = side_by_side(student, pairs, samples, PICTURED)
    if rows is None:
        return
    sides = [_floats(rows["teacher"]), _floats(rows["student"])]
    shown = {**rows, f"difference ×{MAGNIFIED}": _difference(*sides)}
    save_grid(shown, folder / "samples.png")
    _save_sides(sides, min(len(sides[0]), 3), folder)


def _draw_map(
    inputs: InputSpec,
    networks: Mapping[str, nn.Module],
    extractor: Extractor,
    count: int,
    folder: Path,
) -> None:
    """``count`` images of the first network and of the student from the same inputs on one map."""
    names = [next(iter(networks)), "student"]

    def source(module: nn.Module) -> GeneratedImages:
        def paint(batch: Batch) -> Tensor:
            images: Tensor = module(**batch)
            return images

        return generated(paint, inputs, count=count, seed=STREAM, fingerprint="")

    sources = [source(networks[name]) for name in names]
    found = map_images(sources, extractor, count=count, seed=STREAM)
    sides = list(zip(found.images, found.tiles, strict=True))
    save_maps(found.rows, found.columns, sides, names, folder / MAP)


def subnet_pictures(
    module_at: Callable[[Subnet], nn.Module], front: Front, batch: Batch
) -> dict[Subnet, str]:
    """What subnets of the front make of ``batch``, as small PNGs in data URIs."""
    found = {}
    stage = next(iter(front.stages))
    members = front.nondominated(stage, "macs")
    step = max(1, -(-len(members) // SUBNETS))
    for candidate in members[::step]:
        module = module_at(candidate.subnet)
        with torch.no_grad():
            images = module(**{name: value[:IMAGES] for name, value in batch.items()})
        if images.ndim == 4 and images.shape[1] in (1, 3):
            found[candidate.subnet] = small_picture(images)
    return found


def _difference(first: Tensor, second: Tensor) -> Tensor:
    return ((_floats(first) - _floats(second)).abs() * MAGNIFIED - 1).clamp(max=1)


def _floats(images: Tensor) -> Tensor:
    return to_float(images) if images.dtype == torch.uint8 else images.detach().float().cpu()


def _save_sides(sides: Sequence[Tensor], columns: int, folder: Path) -> None:
    for name, images in zip(("left", "right"), sides, strict=True):
        grid = make_grid(images.clamp(-1, 1), columns, padding=2, pad_value=0.8)
        factor = max(1, round(LEGIBLE / images.shape[-1]))
        grid = grid.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
        save_png(picture_of(grid), folder / f"{name}.png")


def small_picture(images: Tensor) -> str:
    """Images (N, C, H, W) in [-1, 1] beside each other, as a PNG in a data URI."""
    images = images.clamp(-1, 1)
    if images.shape[-1] > SIDE:
        size = (SIDE * images.shape[-2] // images.shape[-1], SIDE)
        images = nn.functional.interpolate(images, size, mode="bicubic", antialias=True)
    data = io.BytesIO()
    grid = make_grid(images.clamp(-1, 1), len(images), padding=1, pad_value=0.8)
    picture_of(grid).save(data, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
