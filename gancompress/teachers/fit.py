"""How well a file's tensors fit a network."""

from dataclasses import dataclass

from torch import nn

from gancompress.teachers.family import Arguments, Shapes


@dataclass(frozen=True)
class Fit:
    """How well one family fits.

    Attributes:
        family: its name.
        kwargs: arguments of its factory.
        module: what the factory makes of them, on the meta device.
        shapes: of the file's tensors, under our names.
        misfits: what does not fit, a line each, differences of structure before those of sizes.
        named: share of all names that both have.
        same: tensors of the same name and shape.
    """

    family: str
    kwargs: Arguments
    module: nn.Module
    shapes: Shapes
    misfits: tuple[str, ...]
    named: float
    same: int

    @classmethod
    def of(
        cls,
        family: str,
        kwargs: Arguments,
        module: nn.Module,
        shapes: Shapes,
        held: Shapes,
        expected: Shapes,
        *,
        by_name: bool,
    ) -> "Fit":
        """Compare tensors that are ``held`` with those ``expected``.

        Args:
            shapes: of all the file's tensors; ``held`` are those that the network has use for.
            by_name: the network is not of the file's own width: shapes are not compared.
        """
        missing = [name for name in expected if name not in held]
        extra = [name for name in held if name not in expected]
        misfits = _structure(missing, extra, held, expected, family)
        common = [name for name in expected if name in held]
        if not by_name:
            misfits += [
                f"{name}: {shown(held[name])} in the file, {shown(expected[name])} in {family}"
                for name in common
                if held[name] != expected[name]
            ]
        elif not misfits:
            misfits = [f"its sizes are not those of {family}"]
        same = sum(1 for name in common if held[name] == expected[name])
        share = len(common) / max(1, len(expected) + len(extra))
        return cls(
            family=family,
            kwargs=kwargs,
            module=module,
            shapes=shapes,
            misfits=tuple(misfits),
            named=share,
            same=same,
        )


def shown(shape: tuple[int, ...] | None) -> str:
    """A shape as messages have it: ``64×3×7×7``."""
    if shape is None:
        return "missing"
    return "×".join(map(str, shape)) or "a number"


def _structure(
    missing: list[str], extra: list[str], held: Shapes, expected: Shapes, family: str
) -> list[str]:
    """Lines for tensors that only one of both has; those of one layer on one line."""
    lines = []
    beside = {name.rpartition(".")[0]: name for name in reversed(extra)}
    told = set()
    for name in missing:
        other = beside.get(name.rpartition(".")[0])
        if other is not None and other not in told:
            told.add(other)
            lines.append(
                f"{other}: {shown(held[other])} in the file, where {family} has {name} "
                f"{shown(expected[name])}"
            )
        else:
            lines.append(f"{name}: missing in the file, {shown(expected[name])} in {family}")
    lines += [
        f"{name}: {shown(held[name])} in the file, not in {family}"
        for name in extra
        if name not in told
    ]
    return lines
