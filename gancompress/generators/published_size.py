"""How a published network is described: how it is built, and what was published of it.

Figures keep the digits that were published ("2.67G", "11.4M", "2,984,771,584"): a count of ours
must round to each of them.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

# What a figure counts; the MACs are those of metrics/macs.py.
Quantity = Literal[
    "params",
    "exact",
    "paper",
    "paper without InstanceNorm",
    "exact without depthwise filters",
]

# Figures, each with what it counts.
Figures = tuple[tuple[str, Quantity], ...]


@dataclass(frozen=True)
class PublishedSize:
    """One network and the figures that it is checked against.

    Attributes:
        model: what people call it.
        config: what of its architecture is chosen.
        factory: its name in ``generators.build.BUILT_IN``.
        kwargs: the factory's arguments.
        params: its parameters, to the unit; None where nobody has published them.
        published: what papers print.
        recounted: more digits, from recounting the published configuration.
        inputs: shapes of one sample's inputs; empty for the generator's own ``inputs``.
        note: why a figure counts something else than the ``paper`` convention.
    """

    model: str
    config: str
    factory: str
    kwargs: dict[str, Any]
    params: int | None
    published: Figures = ()
    recounted: Figures = ()
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    note: str = ""
