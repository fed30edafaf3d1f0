"""What a subnet may cost: amounts as users write them, resolved and checked before the search."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gancompress.architecture_search.options import SearchOptions
from gancompress.errors import BudgetError
from gancompress.supernet.space import SearchSpace, Subnet

#: Costs of many subnets: an integer matrix (n, groups) of widths to arrays of length n by name.
Costs = Callable[[NDArray[np.int64]], Mapping[str, NDArray[Any]]]


@dataclass(frozen=True)
class BudgetedCost:
    """A cost that can be limited: its recipe key, its column among the costs and its unit."""

    key: str
    column: str
    unit: str  # "": decimal prefixes; "B": bytes; "s": seconds


METRICS = {
    "macs": BudgetedCost("search.mac_budget", "macs", ""),
    "paper_macs": BudgetedCost("search.paper_mac_budget", "paper_macs", ""),
    "params": BudgetedCost("search.param_budget", "params", ""),
    "size": BudgetedCost("search.size_budget", "weight_bytes", "B"),
    "memory": BudgetedCost("search.memory_budget", "activation_bytes", "B"),
    "latency": BudgetedCost("search.latency_budget", "latency", "s"),
}

_SCALES = {
    "": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12,
    "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30,
    "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6,
}  # fmt: skip
_ALLOWED = {
    "": {"", "k", "m", "g", "t"},
    "B": {"", "k", "m", "g", "b", "kb", "mb", "gb", "kib", "mib", "gib"},
    "s": {"s", "ms", "us", "µs"},
}
_EXAMPLES = {"": "4M, 1.2G or 1/8", "B": "500KB, 4MiB or 1/8", "s": "2ms, 0.5s or 1/2"}
_AMOUNT = re.compile(r"(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+)\s*([a-zµ%]*)", re.IGNORECASE)
_FRACTION = re.compile(r"(\d+\.?\d*)\s*/\s*(\d+\.?\d*)")


@dataclass(frozen=True)
class Amount:
    """A limit: absolute in the metric's unit, or, where ``relative``, a share of a reference."""

    value: float
    relative: bool = False


def parse_amount(text: str | float, metric: str = "macs") -> Amount:
    """Read an amount: ``4M``, ``2.5k``, ``512KiB``, ``2ms``; or a share: ``1/8``, ``12.5%``.

    Prefixes of MACs, parameters and bytes are decimal, except KiB, MiB and GiB; a latency needs its
    unit, a size may do without (bytes).

    Raises:
        BudgetError: the text is no positive amount of ``metric``.
    """
    about = METRICS[metric]
    cleaned = str(text).strip().replace("_", "")
    amount = None
    if fraction := _FRACTION.fullmatch(cleaned):
        over, under = map(float, fraction.groups())
        amount = Amount(over / under, relative=True) if under else None
    elif plain := _AMOUNT.fullmatch(cleaned):
        number, suffix = float(plain[1]), plain[2].lower()
        if suffix == "%":
            amount = Amount(number / 100, relative=True)
        elif suffix in _ALLOWED[about.unit]:
            amount = Amount(number * _SCALES[suffix])
    if amount is None or not 0 < amount.value < float("inf"):
        expected = _EXAMPLES[about.unit]
        raise BudgetError(
            f"{about.key}: {cleaned!r} is not an amount; write for instance {expected}"
        )
    return amount


def format_amount(value: float, metric: str) -> str:
    """``value`` of ``metric`` as a person reads it: ``3.1M``, ``512KB``, ``2.04ms``."""
    unit = METRICS[metric].unit
    if unit == "s":
        return f"{value * 1e3:.3g}ms" if value < 1 else f"{value:.3g}s"
    for scale, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")):
        if value >= scale:
            return f"{value / scale:.4g}{prefix}{unit}"
    return f"{value:.4g}{unit}"


@dataclass(frozen=True)
class Budget:
    """Upper limits by metric (a key of :data:`METRICS`); none at all allows every subnet."""

    amounts: Mapping[str, Amount]

    @classmethod
    def parse(cls, **amounts: str | float | None) -> "Budget":
        """A budget of texts by metric, ``Budget.parse(macs="1/8", latency="2ms")``.

        None and the empty text stand for no limit.
        """
        given = {name: text for name, text in amounts.items() if text not in (None, "")}
        return cls(
            {name: parse_amount(text, name) for name, text in given.items() if text is not None}
        )

    def limits(self, reference: Mapping[str, float]) -> dict[str, float]:
        """Absolute limits by metric; shares are taken of ``reference`` (costs by column name).

        Raises:
            BudgetError: a share of a cost that ``reference`` does not know.
        """
        resolved = {}
        for name, amount in self.amounts.items():
            about = METRICS[name]
            if amount.relative and about.column not in reference:
                raise BudgetError(
                    f"{about.key}: {amount.value:.4g} of an unknown {name}; "
                    "write an absolute amount"
                )
            scale = reference[about.column] if amount.relative else 1.0
            resolved[name] = amount.value * scale
        return resolved


def budget_of(options: SearchOptions) -> Budget:
    """The budget that the options of a search name.

    Raises:
        BudgetError: an amount cannot be read.
    """
    return Budget.parse(
        macs=options.mac_budget,
        params=options.param_budget,
        size=options.size_budget,
        memory=options.memory_budget,
        latency=options.latency_budget,
    )


def columns_of(costs: Costs, subnets: Sequence[Subnet]) -> dict[str, NDArray[np.float64]]:
    """The costs of ``subnets`` by column name, as float arrays."""
    table = costs(np.asarray(subnets, dtype=np.int64))
    return {name: np.asarray(column, dtype=np.float64) for name, column in table.items()}


def fits(table: Mapping[str, Any], limits: Mapping[str, float]) -> Any:
    """Which rows of a cost table keep every limit: a boolean array, or a boolean for one row.

    A cost that is not known keeps no limit.
    """
    inside: Any = True
    for name, limit in limits.items():
        inside = inside & (table.get(METRICS[name].column, np.inf) <= limit)
    return inside


def check_feasible(limits: Mapping[str, float], space: SearchSpace, costs: Costs) -> None:
    """Refuse limits that no subnet keeps.

    Costs grow with every width, so that the smallest subnet is the cheapest by every measure
    that is a formula; a predicted latency is held to the same subnet.

    Raises:
        BudgetError: naming each limit that binds, the feasible range and the cheapest subnet.
    """
    table = columns_of(costs, [space.smallest, space.largest])
    mistakes = []
    for name, limit in limits.items():
        about = METRICS[name]
        if about.column not in table:
            raise BudgetError(f"{about.key}: the {name} of a subnet is not known here")
        low, high = table[about.column]
        if limit < low:
            least, most = format_amount(low, name), format_amount(high, name)
            mistakes.append(
                f"{about.key}: {format_amount(limit, name)} is below the smallest subnet "
                f"({least}); raise it or add narrower widths (feasible: {least} to {most}, "
                f"cheapest subnet {space.smallest.brief})"
            )
    if mistakes:
        raise BudgetError("\n".join(mistakes))
