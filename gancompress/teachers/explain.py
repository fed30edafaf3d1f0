"""What is said of a file that is of no known family, and what to do next."""

import re
from collections.abc import Sequence
from typing import Any

from gancompress.teachers.family import Shapes
from gancompress.teachers.fit import Fit, shown
from gancompress.teachers.other_networks import what_else

# How many tensors an error lists of each sort.
_SHOWN = 5
# Below this share of common names a network is no nearer than any other.
NEAR = 0.2


def explain(shapes: Shapes, fits: Sequence[Fit], where: str, path: str = "") -> str:
    """The error for tensors that fit no family.

    Args:
        shapes: of the file's tensors.
        fits: the families that come near.
        where: names the file, and the part of it, in errors.
        path: of the file, for the recipe to paste; ``where`` by default.
    """
    listed = [f"{name} {shown(shape)}" for name, shape in list(shapes.items())[:_SHOWN]]
    lines = [f"{where}: not a generator of a family that is known"]
    if other := what_else(shapes):
        lines[0] = f"{where}: {other}"
    lines.append(f"it holds {len(shapes)} tensors: {', '.join(listed)}{_more(len(shapes))}")
    if not other:
        lines += [*_nearest(fits), next_step(path or where, shapes)]
    return "\n".join(lines)


def _nearest(fits: Sequence[Fit]) -> list[str]:
    if not fits or nearest(fits).named == 0:
        return ["none of these names is known"]
    best = nearest(fits)
    if best.named < NEAR:
        return [f"few of these names are known (most by {best.family})"]
    lines = [f"closest is {best.family}: {best.same} tensors fit, these do not:"]
    lines += [f"  {misfit}" for misfit in best.misfits[:_SHOWN]]
    if len(best.misfits) > _SHOWN:
        lines.append(f"  and {len(best.misfits) - _SHOWN} more")
    return lines


def nearest(fits: Sequence[Fit]) -> Fit:
    """The fit with the largest share of common names; the most tensors of one shape among those."""
    return max(fits, key=lambda fit: (fit.named, fit.same))


def next_step(path: str, shapes: Shapes) -> str:
    """A recipe's teacher for a network of the user's own, to be pasted."""
    return (
        "for an architecture of your own, write the function that builds it and put into the "
        f'recipe:\n  teacher: {{factory: "your_file.py:build", weights: {path}, '
        f"inputs: {_inputs(shapes)}}}"
    )


def options(name: str, values: Sequence[Any]) -> str:
    """The ways to give a setting: ``activation=relu or activation=leakyrelu``."""
    return " or ".join(f"{name}={value}" for value in values)


def _inputs(shapes: Shapes) -> str:
    """What the network is likely to be fed, by its first weight."""
    weights = [s for n, s in shapes.items() if re.search(r"weight(_orig|_v)?$", n)]
    first = next((shape for shape in weights if len(shape) in (2, 4)), None)
    if first is not None and len(first) == 4 and first[1] <= 4:
        return f"{{image: {{kind: image, shape: [{first[1]}, 256, 256]}}}}"
    latent = 128 if first is None else first[1] if len(first) == 2 else first[0]
    return f"{{z: {{kind: normal, shape: [{latent}]}}}}"


def _more(count: int) -> str:
    return f" and {count - _SHOWN} more" if count > _SHOWN else ""
