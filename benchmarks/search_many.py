"""The search where there are more groups than scores: Real-ESRGAN's 280, at 1/8 of its MACs.

    python -m benchmarks.search_many [--seeds 2] [--trials 150] [--blocks 23] [--quick]

Names, widths and costs are the network's; losses are formulas: how much a group matters is drawn
for its place in a block, for where in the network the block stands and for itself ("alike"), or for
itself alone ("unlike"). Returns diminish, 560 pairs of groups act together, and every score has
noise of 2 % of the random subnets' deviation. Told is the loss without noise of the subnet with the
best score, on a scale from 0, the widest uniform subnet that fits, to 1, what 500 rounds of
exchanges between groups find that see the loss itself; medians and the worst of the seeds. Random
subnets are narrowed to the budget's edge; a local search moves a tenth of the best one's groups by
a step; "each by itself" is the search with a length for every group instead of profiles.
"""

import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gancompress as gc
from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.architecture_search import profiles
from gancompress.architecture_search.budget import Budget
from gancompress.architecture_search.evaluator import Stage
from gancompress.architecture_search.feasible import Feasible, Levels, Vector
from gancompress.architecture_search.proposals import uniform_line
from gancompress.architecture_search.study import StudySpec, cost_function, search
from gancompress.generators.build import build
from gancompress.supernet.space import SearchSpace, Subnet

SHARE = "1/8"
NOISE = 0.02
MARKS = (60, 150, 400)
# Deviations of the logarithm of how much a group matters: by place in its block, by depth, its own.
SENSITIVITIES = {"alike": (0.6, 0.6, 0.3), "unlike": (0.0, 0.0, 0.9)}

Score = Callable[[Subnet], float]


class Loss:
    """A loss of every subnet of ``space``."""

    def __init__(self, space: SearchSpace, sensitivity: tuple[float, float, float], seed: int):
        rng = np.random.default_rng(seed)
        groups = len(space.groups)
        places = [re.sub(r"\d+", "*", name, count=1) for name in space.groups]
        _, place = np.unique(places, return_inverse=True)
        by_place, by_depth, own = sensitivity
        wave = np.sin(np.linspace(0, 2 * np.pi, groups) + rng.uniform(0, 2 * np.pi))
        logs = by_place * rng.normal(size=groups)[place] + by_depth * np.sqrt(2) * wave
        self._weights = np.exp(logs + own * rng.normal(size=groups))
        self._powers = rng.uniform(0.7, 2.5, groups)
        self._pairs = rng.integers(groups, size=(2, 2 * groups))
        self._together = rng.exponential(0.3, 2 * groups)
        self._full = np.array(space.largest)

    def __call__(self, widths: Levels) -> Vector:
        """Losses of subnets (n, groups): (n,)."""
        missing = 1 - widths / self._full
        alone = missing**self._powers @ self._weights
        # A pair loses by the narrower of both.
        first, second = self._pairs
        together = np.maximum(missing[:, first], missing[:, second]) ** 2 @ self._together
        return np.asarray((alone + together) / len(self._full))


def ours(feasible: Feasible, score: Score, trials: int, seed: int) -> None:
    stage = Stage("s", {"loss": "minimize"}, lambda subnet, _: {"loss": score(subnet)}, trials)
    with tempfile.TemporaryDirectory() as folder:
        search(
            feasible.space, feasible._costs, [stage], Budget.parse(macs=SHARE),
            StudySpec(storage=Path(folder) / "journal", name="s", fingerprint="", seed=seed),
        )  # fmt: skip


def each_by_itself(feasible: Feasible, score: Score, trials: int, seed: int) -> None:
    kept, profiles.MANY = profiles.MANY, 10**9
    try:
        ours(feasible, score, trials, seed)
    finally:
        profiles.MANY = kept


def random(feasible: Feasible, score: Score, trials: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, feasible.tops + 1, (trials, len(feasible.tops)))
    for row in feasible.repair(drawn, rng):
        score(feasible.subnet(row))


def local(feasible: Feasible, score: Score, trials: int, seed: int) -> None:
    """From the widest uniform subnet that fits, ever on from the best."""
    rng = np.random.default_rng(seed)
    best = feasible.levels(uniform_line(feasible)[-1:])[0]
    least = score(feasible.subnet(best))
    for _ in range(trials - 1):
        step = rng.integers(-1, 2, len(best)) * (rng.random(len(best)) < 0.15)
        tried = feasible.repair(np.clip(best + step, 0, feasible.tops)[None], rng)[0]
        loss = score(feasible.subnet(tried))
        if loss < least:
            best, least = tried, loss


METHODS = {"search": ours, "each by itself": each_by_itself, "random": random, "local": local}


def best_known(feasible: Feasible, loss: Loss, rounds: int) -> float:
    """The loss that exchanges of one level between two groups end at."""
    rng = np.random.default_rng(0)
    at = feasible.levels(uniform_line(feasible)[-1:])[0]
    best = float(loss(feasible.widths(at[None]))[0])
    for _ in range(rounds):
        moved = np.repeat(at[None], 500, axis=0)
        for step in (1, 1, -1, -1):
            moved[np.arange(500), rng.integers(len(at), size=500)] += step * rng.integers(0, 2, 500)
        moved = np.clip(moved, 0, feasible.tops)
        moved = moved[feasible.inside(moved)]
        losses = loss(feasible.widths(moved))
        if len(losses) and losses.min() < best:
            best, at = float(losses.min()), moved[losses.argmin()]
    return best


def measured(supernet: gc.Supernet, kind: str, options: Any) -> list[dict[str, Any]]:
    """A row for each method on the losses of one kind."""
    space, costs = supernet.space, cost_function(supernet.cost_model)
    limit = float(costs(np.array([space.largest]))["macs"][0]) / 8
    feasible = Feasible(space, costs, {"macs": limit}, "macs")
    found: dict[str, list[list[float]]] = {name: [] for name in options.methods}
    spent = dict.fromkeys(found, 0.0)
    for seed in range(options.seeds):
        loss = Loss(space, SENSITIVITIES[kind], seed)
        rng = np.random.default_rng(seed)
        start = float(loss(np.array(uniform_line(feasible)[-1:]))[0])
        goal = best_known(feasible, loss, 500)
        noise = NOISE * float(loss(feasible.widths(feasible.random(200, rng))).std())
        for name in found:
            seen: list[tuple[float, float]] = []

            def score(
                subnet: Subnet, rng: Any = rng, noise: float = noise, loss: Loss = loss,
                seen: list[tuple[float, float]] = seen,
            ) -> float:  # fmt: skip
                true = float(loss(np.array([subnet]))[0])
                seen.append((true + noise * rng.normal(), true))
                return seen[-1][0]

            begun = time.process_time()
            METHODS[name](feasible, score, options.trials, seed)
            spent[name] += time.process_time() - begun
            reached = [min(seen[:mark])[1] for mark in MARKS if mark <= options.trials]
            found[name].append([(start - value) / (start - goal) for value in reached])
            print(kind, seed, name, np.round(found[name][-1], 3), round(spent[name], 1), flush=True)
    return [
        {
            "losses": kind,
            "groups": len(space.groups),
            "method": name,
            **{
                f"@{mark}": f"{np.median(column):.2f} (worst {min(column):.2f})"
                for mark, column in zip(MARKS, zip(*rows, strict=True), strict=False)
            },
            "cpu ms a trial": round(1e3 * spent[name] / options.seeds / options.trials, 1),
        }
        for name, rows in found.items()
    ]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--blocks", type=int, default=23)
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=list(METHODS))
    options = arguments_of(parser, seeds=1, trials=60, blocks=2)
    torch.manual_seed(0)
    network = build("rrdb", blocks=options.blocks)
    supernet = gc.Supernet(network, {"image": torch.randn(2, 3, 16, 16)})
    rows = [row for kind in SENSITIVITIES for row in measured(supernet, kind, options)]
    record("search_many", rows, seeds=options.seeds, trials=options.trials)


if __name__ == "__main__":
    main()
