"""The table that says what of a module is elastic, what is not and why, and what subnets cost."""

from collections.abc import Sequence

from gancompress.elastic.axes import ChannelGroup
from gancompress.elastic.cost import CostModel, subnet_cost_range
from gancompress.elastic.space import SearchSpace


def describe(groups: Sequence[ChannelGroup], space: SearchSpace, model: CostModel) -> str:
    """One line per channel group, then the reasons, the space and the cost range."""
    shares = model.group_shares()
    widths = dict(zip(space.groups, space.choices, strict=True))
    rows = [("group", "channels", "tensors", "MACs", "widths")]
    notes: list[str] = []
    for group, share in zip(groups, shares, strict=True):
        if group.name in widths:
            state = _choices(widths[group.name])
        elif group.name in space.followers:
            state = f"with {space.groups[space.followers[group.name][0]]}"
        else:
            state = f"fixed [{len(notes) + 1}]"
            notes.append(str(group.pinned or "has no narrower width under the space's divisor"))
        tensors = len({name for name, _ in group.places})
        rows.append((group.name, str(group.channels), str(tensors), f"{share:.1%}", state))
    lines = _aligned(rows)
    lines += [f"[{i}] {note}" for i, note in enumerate(notes, 1)]
    lines += _costs(space, model)
    return "\n".join(lines)


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


def _costs(space: SearchSpace, model: CostModel) -> list[str]:
    (_, small), (_, large) = subnet_cost_range(model)
    size = f"{space.size:,}" if space.size < 10**9 else f"{space.size:.2e}"
    return [
        f"{len(space.groups)} elastic groups, {size} subnets",
        f"MACs (exact)  {_short(small.macs)} … {_short(large.macs)}",
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
