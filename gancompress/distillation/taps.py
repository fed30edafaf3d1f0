"""Feature maps inside generators: recorded by hooks, matched between student and teacher."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gancompress.errors import RecipeError
from gancompress.metrics.tapped import AUTO, tapped


@dataclass(frozen=True)
class Tap:
    """A place in the student that is held against a place in the teacher.

    Attributes:
        student, teacher: names of submodules; their outputs are compared.
        student_shape, teacher_shape: of one output at full width, (C, H, W).
    """

    student: str
    teacher: str
    student_shape: tuple[int, ...]
    teacher_shape: tuple[int, ...]

    def __str__(self) -> str:
        shapes = ["×".join(map(str, shape)) for shape in (self.student_shape, self.teacher_shape)]
        return f"{self.student} ({shapes[0]}) = {self.teacher} ({shapes[1]})"


def find_taps(
    student: nn.Module, teacher: nn.Module, batch: Mapping[str, Tensor], wanted: Sequence[str]
) -> tuple[Tap, ...]:
    """The taps that a recipe asks for, after a run of both on ``batch``.

    Args:
        student: at full width.
        teacher: a white box.
        batch: inputs of both.
        wanted: ``student.module=teacher.module`` each, or one name where both are called the same;
            ``auto``: one tap for every stage of equal resolution, see :func:`match`.

    Raises:
        RecipeError: no such submodule, one without a tensor as output, or nothing that matches.
    """
    ours, output = shapes_inside(student, batch)
    theirs, _ = shapes_inside(teacher, batch)
    if list(wanted) == [AUTO]:
        found = match(stages(ours, output), stages(theirs, output))
        if not found:
            raise RecipeError(
                "distill.terms: taps: auto: student and teacher have no maps of one resolution; "
                "name submodules, e.g. [decoder.2=model.18]"
            )
        return tuple(Tap(a, b, ours[a], theirs[b]) for a, b in found)
    taps = []
    for text in wanted:
        name, _, other = (part.strip() for part in text.partition("="))
        other = other or name
        for known, asked, whose in ((ours, name, "student"), (theirs, other, "teacher")):
            if asked not in known:
                raise RecipeError(
                    f"distill.terms: tap {text!r}: the {whose} has no submodule {asked!r} that "
                    f"gives a tensor; it has {', '.join(known)}"
                )
        taps.append(Tap(name, other, ours[name], theirs[other]))
    return tuple(taps)


def shapes_inside(
    module: nn.Module, batch: Mapping[str, Tensor]
) -> tuple[dict[str, tuple[int, ...]], tuple[int, ...]]:
    """Shape of one sample's output of each submodule, in the order they finish, and of the whole.

    The module is run once, in evaluation mode and without changing it.
    """
    names = [name for name, _ in module.named_modules() if name]
    modes = {child: child.training for child in module.modules()}
    module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(), tapped(module, names) as maps:
            output = module(**batch)
    finally:
        for child, training in modes.items():
            child.training = training
    return {name: tuple(value.shape[1:]) for name, value in maps.items()}, tuple(output.shape[1:])


def stages(
    shapes: Mapping[str, tuple[int, ...]], output: tuple[int, ...]
) -> list[tuple[str, tuple[int, ...]]]:
    """The last map of every stretch of one resolution: (name, (height, width)).

    Maps of the output's own shape are left out: they are the image, which other terms compare.
    """
    found: list[tuple[str, tuple[int, ...]]] = []
    for name, shape in shapes.items():
        if len(shape) != 3 or shape == output:
            continue
        if found and found[-1][1] == shape[1:]:
            found.pop()
        found.append((name, shape[1:]))
    return found


def match(
    student: Sequence[tuple[str, tuple[int, ...]]], teacher: Sequence[tuple[str, tuple[int, ...]]]
) -> list[tuple[str, str]]:
    """Pairs of stages of equal resolution, in order, as many as there can be.

    Where several choices give as many, the one whose relative depths differ least.
    """
    rows, columns = len(student), len(teacher)
    best: list[list[tuple[float, list[tuple[str, str]]]]] = [
        [(0.0, []) for _ in range(columns + 1)] for _ in range(rows + 1)
    ]
    for i in range(rows):
        for j in range(columns):
            choices = [best[i][j + 1], best[i + 1][j]]
            if student[i][1] == teacher[j][1]:
                score, pairs = best[i][j]
                apart = abs((i + 1) / rows - (j + 1) / columns)
                # Less than one match in all, however many there are.
                gain = 1.0 - apart / (rows + columns)
                choices.append((score + gain, [*pairs, (student[i][0], teacher[j][0])]))
            best[i + 1][j + 1] = max(choices, key=lambda choice: choice[0])
    return best[rows][columns][1]
