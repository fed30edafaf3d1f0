"""`inspect`: what of a module is elastic, and what it costs."""

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from gancompress.batch import InputSpec, example_inputs
from gancompress.errors import RecipeError
from gancompress.generators.build import BUILT_IN, build
from gancompress.supernet import Supernet
from gancompress.teachers.from_file import from_file
from gancompress.teachers.hub import is_hub

_SHAPE = re.compile(r"(?:(?P<name>\w+)=)?(?P<sizes>\d+(?:x\d+)*)")


def inspect(
    what: str,
    kwargs: dict[str, object],
    shapes: list[str],
    *,
    divisor: int,
    minimum: int,
    depth: bool = False,
) -> str:
    """Describe the supernet of a factory (built-in, ``module:attr``, ``file.py:attr``) or a file.

    Args:
        what: the factory, a student file or a teacher file.
        kwargs: arguments of the factory, or settings of the file (``part``, ``family``, …).
        shapes: one ``1x3x256x256`` or ``name=1x512`` an input; empty where the module says itself
            what it is fed.
        divisor: widths are multiples of it.
        minimum: the narrowest width.
        depth: whether residual branches may be dropped.
    """
    module, inputs = _module(what, kwargs)
    example: object
    if shapes:
        example = _example(shapes)
    elif inputs:
        example = example_inputs(inputs)
    else:
        raise RecipeError(
            f"{what}: does not say what it is fed; add --input, e.g. --input 1x3x256x256"
        )
    supernet = Supernet(module, example, divisor=divisor, minimum=minimum, depth=depth)
    return supernet.describe()


def _module(what: str, kwargs: dict[str, object]) -> tuple[nn.Module, InputSpec]:
    if is_hub(what) or (":" not in what and what not in BUILT_IN and Path(what).exists()):
        teacher = from_file(what, **kwargs)  # type: ignore[arg-type]
        return teacher.module, dict(teacher.inputs)
    module = build(what, **kwargs)
    return module, dict(getattr(module, "inputs", {}))


def _example(shapes: list[str]) -> object:
    """Random inputs of the given shapes: by position, or by name where all have one."""
    values: list[tuple[str | None, Tensor]] = []
    for text in shapes:
        found = _SHAPE.fullmatch(text)
        if found is None:
            raise RecipeError(f"--input {text}: write sizes as 1x3x256x256 or name=1x512")
        sizes = [int(size) for size in found["sizes"].split("x")]
        # A single sample hides what belongs to the batch and what to the image.
        sizes[0] = max(sizes[0], 2)
        values.append((found["name"], torch.randn(sizes)))
    if all(name for name, _ in values):
        return {str(name): value for name, value in values}
    return tuple(value for _, value in values)
