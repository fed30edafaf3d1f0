"""What a subnet's widths mean for a module: the values of its attributes."""

from math import gcd
from typing import Any

from gancompress.supernet.axes import Axis, Ids
from gancompress.supernet.branches import dropped
from gancompress.supernet.graph import DependencyGraph
from gancompress.supernet.skip import forwards


def attribute_values(graph: DependencyGraph, widths: Ids) -> dict[tuple[str, str], Any]:
    """The attributes that differ from those at full width, by module path and name.

    The ``forward`` of modules that are skipped is among them.
    """
    values: dict[tuple[str, str], Any] = {**forwards(dropped(graph.branches, widths.tolist()))}
    sizes: dict[int, int] = {}
    for follow in graph.attributes:
        now = []
        for size in follow.sizes:
            if isinstance(size, Axis):
                if id(size) not in sizes:
                    sizes[id(size)] = int(size.keep(widths).sum())
                now.append(sizes[id(size)])
            else:
                now.append(size)
        full = [size.size if isinstance(size, Axis) else size for size in follow.sizes]
        if now == full:
            continue
        value = now[0] if follow.kind is int else follow.kind(now)
        values[follow.module, follow.name] = gcd(value, follow.divides) if follow.divides else value
    return values
