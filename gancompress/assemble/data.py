"""The real images that a recipe names."""

from gancompress.assemble.problems import tell_problems
from gancompress.assemble.teacher_data import (
    located,
)
from gancompress.data.digits import open_digits
from gancompress.data.idx import is_idx, labels_beside, open_idx
from gancompress.data.images import Images, Reading, open_images
from gancompress.data.paired import open_side_by_side
from gancompress.data.splits import split
from gancompress.recipe.schema import Recipe
from gancompress.recipe.sources import DataOptions


def open_data(data: DataOptions, seed: int, *, by_class: bool = True) -> tuple[Images, Images]:
    """The real images as (training, held out), by default with equal shares of every class."""
    if data.source == "digits":
        train = open_digits(data.size[0], part="train")
        return train, open_digits(data.size[0], part="held_out")
    images = open_all(data)
    count = int(len(images) * data.held_out)
    labels = images.labels if by_class else None
    train_rows, held_out_rows = split(len(images), count, seed=seed, labels=labels)
    return images.subset(train_rows), images.subset(held_out_rows)


def open_all(data: DataOptions) -> Images:
    """The real images, not parted; says what was wrong with their files."""
    images = _open_all(data)
    tell_problems(images.problems, data.source)
    return images


def _open_all(data: DataOptions) -> Images:
    path, folder = located(data.source), data.folder or None
    reading = Reading(data.corrupt, data.odd)
    if is_idx(path):
        labels = labels_beside(path)
        return open_idx(path, labels, resolution=data.size, channels=data.channels)
    if data.layout == "side_by_side":
        pairs = open_side_by_side(
            path,
            direction=data.direction,
            resolution=data.size,
            folder=folder,
            reading=reading,
        )
        assert pairs.targets is not None  # both halves are there
        return pairs.targets
    return open_images(
        path,
        folder=folder,
        resolution=data.size,
        crop=data.crop,
        channels=data.channels,
        reading=reading,
    )


def real_images(recipe: Recipe) -> tuple[Images, Images] | None:
    """The recipe's real images, if it has any; one photograph is none of a distribution."""
    if not recipe.data.source or recipe.data.layout == "photograph":
        return None
    return open_data(recipe.data, recipe.seed)
