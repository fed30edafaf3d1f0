"""What a recipe's images and inputs are, seen from their names and one of them."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from gancompress.assemble.check.findings import Findings
from gancompress.assemble.check.network import size
from gancompress.assemble.teacher_data import located, require_layout
from gancompress.batch import DRAWN, Input, InputSpec, class_count
from gancompress.data.decode import Content, Form, Part, decode
from gancompress.data.digits import open_digits
from gancompress.data.labels import read_labels
from gancompress.data.sources import Source, image_names, open_source
from gancompress.errors import DataError, RecipeError
from gancompress.recipe.schema import Recipe
from gancompress.recipe.sources import DataOptions, TeacherDataOptions

# Real images below which a Fréchet distance says nothing, and pairs to search and report by.
LEAST = 2


@dataclass(frozen=True)
class Look:
    """A set of images, of which one was read.

    Attributes:
        count: of the images.
        classes: their names; none where the images are not labelled.
        shape: (C, H, W) that they are brought to.
    """

    count: int
    classes: tuple[str, ...]
    shape: tuple[int, int, int]


def look_at_real(recipe: Recipe, found: Findings) -> Look | None:
    """The real images of the recipe; None where there are none, or they cannot be had."""
    keys = recipe.data
    if not keys.source or keys.layout == "photograph":
        return None
    with found.noting("data.source"):
        look = _digits(keys) if keys.source == "digits" else _folder(keys)
        if keys.source != "digits" and keys.held_out:
            kept = int(look.count * keys.held_out)
            if kept < LEAST:
                found.mistake(
                    f"data.held_out: {keys.held_out:g} of {look.count} images is {kept}; at least "
                    f"{LEAST} are wanted to judge by: a larger share, or more images"
                )
        return look
    return None


def _digits(keys: DataOptions) -> Look:
    images = open_digits(keys.size[0], part="train")
    return Look(len(images), images.classes, images.shape)


def _folder(keys: DataOptions) -> Look:
    part: Part = "whole"
    if keys.layout == "side_by_side":
        part = "right" if keys.direction == "AtoB" else "left"
    channels = 3 if keys.layout == "side_by_side" else keys.channels
    form = Form(channels, keys.size, keys.crop, part)
    source, names = _listed(keys.source, keys.folder)
    _read_one(source, names, form, keys.corrupt == "skip")
    labels, classes = read_labels(source, names, keys.folder or None)
    return Look(len(names), classes if labels is not None else (), (channels, *keys.size))


def check_inputs(recipe: Recipe, inputs: InputSpec | None, found: Findings) -> None:
    """Whether the recipe's data hold what the teacher is fed and cannot be drawn.

    Of a teacher that cannot be had, None is known; the data can be there nevertheless.
    """
    keys = recipe.teacher.data
    if inputs is None:
        with found.noting("teacher.data.source"):
            if keys.source:
                _listed(keys.source, keys.folder)
        return
    taken = {name: entry for name, entry in inputs.items() if entry.kind not in DRAWN}
    with found.noting("teacher.data.source"):
        if unknown := [name for name in keys.others if name not in taken]:
            near = difflib.get_close_matches(unknown[0], taken, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(taken) or 'none'}"
            raise RecipeError(
                f"teacher.data.others.{unknown[0]}: the teacher has no image input of this name; "
                f"{hint}"
            )
        if not taken:
            if keys.source:
                found.remark(
                    f"teacher.data.source: {keys.source} is not used: every input of the teacher "
                    "is drawn"
                )
            return
        for name, entry in taken.items():
            count = _look_at_input(keys.of(name), name, entry)
            if count < 2:
                raise DataError(
                    f"teacher.data.source: {keys.of(name).source}: one input only; training and "
                    "held-out inputs need two at least"
                )
            _check_held_out(recipe, count, alone=len(inputs) == 1)


def _check_held_out(recipe: Recipe, count: int, *, alone: bool) -> None:
    """Whether a share of so few rows is left for what the search and the report look at."""
    keys, share = recipe.collect, recipe.data.held_out
    if recipe.taught_on_inputs:
        if not int(count * share):
            raise RecipeError(
                f"data.held_out: {share:g} of {count} inputs is none; give more inputs or a "
                "larger share"
            )
        return
    wanted = -(-keys.count // recipe.teacher.data.turns)
    part = keys.held_out / (wanted + keys.held_out)
    kept = min(keys.held_out, max(1, round(count * part)), count - 1)
    if alone and kept < LEAST:
        raise RecipeError(
            f"collect.held_out: {keys.held_out} beside {keys.count} is {kept} of {count} inputs; "
            f"at least {LEAST} are wanted to search by: raise it, or lower collect.count"
        )


def _look_at_input(keys: TeacherDataOptions, name: str, entry: Input) -> int:
    """How many rows there are; one of them is read.

    Raises:
        RecipeError: the recipe names none, or of another kind.
        DataError: they are not there.
    """
    require_layout(keys, name, entry)
    source, names = _listed(keys.source, keys.folder)
    _read_one(source, names, _form(keys, entry), keys.corrupt == "skip")
    return len(names)


def _form(keys: TeacherDataOptions, entry: Input) -> Form:
    part: Part = "whole"
    if keys.layout == "side_by_side":
        part = "left" if keys.direction == "AtoB" else "right"
    maps = keys.layout == "label_maps"
    content: Content = "labels" if maps else "image"
    return Form(
        channels=1 if maps else entry.shape[0],
        size=keys.size(entry.shape),
        crop=keys.crop,
        part=part,
        content=content,
    )


def _listed(text: str, folder: str) -> tuple[Source, list[str]]:
    source = open_source(located(text))
    return source, image_names(source, folder or None)


def _read_one(source: Source, names: Sequence[str], form: Form, skip: bool) -> None:
    """Read the first image, or the first that can be read where others are skipped."""
    failed = ""
    for name in names if skip else names[:1]:
        try:
            decode(source.read(name), form)
        except Exception as error:  # Pillow's decoders raise whatever they like
            failed = failed or f"{source.path}, {name}: cannot be read as an image ({error})"
        else:
            return
    raise DataError(f"{failed}; repair or remove it, or write corrupt: skip")


def check_classes(look: Look, inputs: InputSpec, found: Findings) -> None:
    """Whether real images have the classes that a generator is told one of."""
    classes = class_count(inputs)
    if not classes:
        return
    if not look.classes:
        found.mistake(
            f"data.source: no labels, but the generator is told one of {classes} classes; put the "
            "images into one folder a class, or use a generator without classes"
        )
    elif len(look.classes) != classes:
        shown = ", ".join(look.classes[:6]) + (", …" if len(look.classes) > 6 else "")
        found.mistake(
            f"data.source: {len(look.classes)} class folders ({shown}), but the generator is told "
            f"one of {classes}; make them equal, in the data or in kwargs"
        )


def check_same_shape(look: Look, shape: tuple[int, ...], whose: str, found: Findings) -> None:
    """Whether real images and generated ones are of one shape."""
    if len(shape) == 3 and shape != look.shape:
        found.mistake(
            f"data.resolution, data.channels: the real images are {size(look.shape)}, {whose} "
            f"makes {size(shape)}; make them equal"
        )
