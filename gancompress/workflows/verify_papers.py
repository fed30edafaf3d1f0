"""``gancompress verify-papers``: does every network have the size that was published of it?"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch

from gancompress.batch import InputSpec
from gancompress.generators.build import build
from gancompress.generators.published_size import PublishedSize, Quantity
from gancompress.generators.published_sizes import PUBLISHED_SIZES
from gancompress.metrics.macs import Macs, count_macs

_UNITS = {"M": 10**6, "G": 10**9}


@dataclass(frozen=True)
class SizeCheck:
    """What was counted of a published network, and the figures that it fails to reproduce."""

    size: PublishedSize
    params: int
    macs: Macs
    failures: tuple[str, ...]


def verify_papers(as_json: bool = False, as_markdown: bool = False) -> bool:
    """Count every network of :data:`PUBLISHED_SIZES`, print the table, say whether all match."""
    checks = [verify(size) for size in PUBLISHED_SIZES]
    if as_json:
        print(to_json(checks))
    elif as_markdown:
        print(to_markdown(checks), end="")
    else:
        print(to_text(checks))
    return not any(check.failures for check in checks)


def verify(size: PublishedSize) -> SizeCheck:
    """Build one network without data and compare its counts with the published figures."""
    with torch.device("meta"):
        module = build(size.factory, **size.kwargs)
        shapes = size.inputs or _shapes(cast(InputSpec, module.inputs))
        inputs = {name: torch.empty(1, *shape) for name, shape in shapes.items()}
    params = sum(parameter.numel() for parameter in module.parameters())
    macs = count_macs(module, inputs)
    failures = [] if size.params in (None, params) else [f"{size.params:,} parameters"]
    counts = _counts(params, macs)
    for figure, quantity in (*size.published, *size.recounted):
        if not agrees(figure, counts[quantity]):
            failures.append(f"{figure} {quantity}")
    return SizeCheck(size, params, macs, tuple(failures))


def _shapes(inputs: InputSpec) -> dict[str, tuple[int, ...]]:
    return {name: entry.shape for name, entry in inputs.items()}


def agrees(figure: str, count: int) -> bool:
    """Whether ``count`` rounds to ``figure`` at the digits that it shows.

    Figures: "56.8G", ".342M", "2,984,771,584", "over 20M".
    """
    bound, _, number = figure.rpartition(" ")
    unit = _UNITS.get(number[-1], 1)
    digits = number.rstrip("MG").replace(",", "")
    if bound == "over":
        return count > float(digits) * unit
    decimals = len(digits.partition(".")[2])
    return f"{count / unit:.{decimals}f}" == f"{float(digits):.{decimals}f}"


def _counts(params: int, macs: Macs) -> dict[Quantity, int]:
    return {
        "params": params,
        "exact": macs.exact,
        "paper": macs.paper,
        "paper without InstanceNorm": macs.paper - macs.instance_norm,
        "exact without depthwise filters": macs.exact - macs.depthwise,
    }


def to_json(checks: Sequence[SizeCheck]) -> str:
    """The table as a JSON list, counts in full."""
    return json.dumps(
        [
            {
                "model": check.size.model,
                "config": check.size.config,
                "published": [list(figure) for figure in check.size.published],
                "recounted": [list(figure) for figure in check.size.recounted],
                "published_params": check.size.params,
                "params": check.params,
                "exact_macs": check.macs.exact,
                "paper_macs": check.macs.paper,
                "instance_norm_macs": check.macs.instance_norm,
                "thop_macs": check.macs.thop,
                "match": not check.failures,
                "failures": list(check.failures),
                "note": check.size.note,
            }
            for check in checks
        ],
        indent=2,
        ensure_ascii=False,
    )


_HEAD = ("model", "config", "published", "params", "exact", "paper", "thop", "result", "note")


def to_text(checks: Sequence[SizeCheck]) -> str:
    """The table in aligned columns, and a line that sums it up."""
    rows = [_HEAD, *(_cells(check) for check in checks)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([*lines, "", _summary(checks)])


def to_markdown(checks: Sequence[SizeCheck]) -> str:
    """The page ``docs/published_sizes.md``."""
    rows = [_HEAD, ("---",) * len(_HEAD), *(_cells(check) for check in checks)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""# Published sizes

Written by `gancompress verify-papers --markdown`. Every network is built without data and counted;
parameters must equal the published ones to the unit where they are known so, and every published
figure must be what our count rounds to. MACs are of one sample, by convention:

- *exact*: each multiply-add that is executed by convolutions, linear layers and matrix products;
- *paper*: transposed convolutions at their output positions, and one for each output element of an
  InstanceNorm (the rows that were published otherwise say so);
- *thop*: what `thop.profile` reports; it sees modules only, so it counts nothing of StyleGAN2.

{table}

{_summary(checks)}
"""


def _cells(check: SizeCheck) -> tuple[str, ...]:
    macs = check.macs
    figures = check.size.published or check.size.recounted
    return (
        check.size.model,
        check.size.config,
        " / ".join(figure for figure, _ in figures) or f"{check.size.params:,}",
        f"{check.params:,}",
        f"{macs.exact:,}",
        f"{macs.paper:,}",
        f"{macs.thop:,}",
        f"MISMATCH: {', '.join(check.failures)}" if check.failures else "match",
        check.size.note,
    )


def _summary(checks: Sequence[SizeCheck]) -> str:
    matching = sum(not check.failures for check in checks)
    return f"{matching} of {len(checks)} rows match."
