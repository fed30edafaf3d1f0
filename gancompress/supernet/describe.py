"""The table that says what of a module is elastic, what is not and why, and what subnets cost."""

import re
from collections.abc import Mapping, Sequence

from torch import Tensor

from gancompress.supernet.axes import ChannelGroup
from gancompress.supernet.cost import CostModel, subnet_cost_range
from gancompress.supernet.graph import DependencyGraph
from gancompress.supernet.skip import is_within
from gancompress.supernet.space import SearchSpace

# Beyond so many lines, groups of like blocks share one.
_MANY = 40
_NUMBERS = re.compile(r"\d+")
_NARROW = "has no narrower width under the space's divisor; lower it or give widths"


def describe(
    groups: Sequence[ChannelGroup],
    space: SearchSpace,
    model: CostModel,
    parameters: Mapping[str, Tensor],
    graph: DependencyGraph,
) -> str:
    """One line per channel group, then the reasons, the space and the cost range.

    Args:
        parameters: of the module, by name; groups that are in none of them (maps of fixed noise,
            filters) are left out.
        graph: what else the walk found.
    """
    shares = model.group_shares()
    widths = dict(zip(space.groups, space.choices, strict=True))
    rows: list[tuple[str, ...]] = [("group", "channels", "tensors", "MACs", "widths")]
    notes: dict[str, int] = {}
    branches = {branch.group: branch for branch in graph.branches}
    for index, (group, share) in enumerate(zip(groups, shares, strict=True)):
        if index in branches:
            names = {name for name in parameters if is_within(name, branches[index].skips)}
        else:
            names = {name for name, _ in group.places}
        if not names & parameters.keys():
            continue
        if group.name in widths:
            state = _choices(widths[group.name])
        elif group.name in space.followers:
            state = f"with {space.groups[space.followers[group.name][0]]}"
        else:
            note = str(group.pinned or _NARROW)
            state = f"fixed [{notes.setdefault(note, len(notes) + 1)}]"
        rows.append((group.name, str(group.channels), str(len(names)), f"{share:.1%}", state))
    if len(rows) > _MANY:
        rows = [rows[0], *_folded(rows[1:])]
    numbered = [f"[{number}] {note}" for note, number in notes.items()]
    remarks = _remarks(parameters, graph)
    return "\n".join(
        [*_aligned(rows), *numbered, *remarks, *_costs(space, model, bool(graph.uncounted))]
    )


def _folded(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """One line for the groups of blocks that are alike in all but the numbers in their names."""
    alike: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for row in rows:
        name, channels, tensors, _, state = row
        alike.setdefault((_NUMBERS.sub("*", name), channels, tensors, state), []).append(row)
    return [_line(members) for members in alike.values()]


def _line(members: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    if len(members) == 1:
        return members[0]
    name, channels, tensors, _, state = members[0]
    share = sum(float(row[3].rstrip("%")) for row in members) / len(members)
    name = f"{_NUMBERS.sub('*', name)} ({len(members)} groups)"
    return (name, channels, tensors, f"{share:.1f}% each", state)


def _remarks(parameters: Mapping[str, Tensor], graph: DependencyGraph) -> list[str]:
    lines = []
    idle = [name for name in graph.unused if name in parameters]
    if idle:
        count = _short(sum(parameters[name].numel() for name in idle))
        lines.append(f"not used in the forward pass: {idle[0]} … ({len(idle)} tensors, {count})")
    if graph.branches:
        lines.append("branch:…: a residual branch, which width 0 drops")
    lines += [f"stays: the residual branch that ends at {why}" for why in graph.whole_branches]
    for line in graph.read_values:
        lines.append(
            f"{line}: reads values of a tensor (.item(), if); the network was followed along the "
            "path that the example inputs take"
        )
    if graph.uncounted:
        lines.append(
            f"the multiply-adds of {', '.join(graph.uncounted[:4])} are not counted: more than "
            "these are executed"
        )
    if graph.whole:
        lines.append(
            "costs are those of the example inputs as a whole: the module does not run on one of "
            "their first dimension's entries at a time as if they were samples"
        )
    return lines


def _choices(widths: Sequence[int]) -> str:
    if len(widths) <= 6:
        return " ".join(map(str, widths))
    return f"{widths[0]} {widths[1]} … {widths[-1]} ({len(widths)})"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    columns = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i in (0, 4) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, columns, strict=True))
        ).rstrip()
        for row in rows
    ]


def _costs(space: SearchSpace, model: CostModel, at_least: bool) -> list[str]:
    (_, small), (_, large) = subnet_cost_range(model)
    counted = "(at least)" if at_least else "(exact)"
    size = f"{space.size:,}" if space.size < 10**9 else f"{space.size:.2e}"
    return [
        f"{len(space.groups)} elastic groups, {size} subnets",
        f"MACs {counted}  {_short(small.macs)} … {_short(large.macs)}",
        f"MACs (paper)  {_short(small.paper_macs)} … {_short(large.paper_macs)}",
        f"parameters    {_short(small.params)} … {_short(large.params)}",
        f"weights       {_short(small.weight_bytes)}B … {_short(large.weight_bytes)}B",
        f"activations   {_short(small.activation_bytes)}B … {_short(large.activation_bytes)}B",
    ]


def _short(value: float) -> str:
    for unit in ("", "k", "M", "G"):
        if abs(value) < 1000:
            return f"{value:.4g}{unit}"
        value /= 1000
    return f"{value:.4g}T"
