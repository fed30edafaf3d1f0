"""How many evaluations the search needs, against random search and the published evolution.

On spaces small enough to enumerate, with a synthetic quality that has interactions, the true optimum
of every budget is known. Prints the share of seeds that reach it and the curves of evaluations to
quality; then the overhead of a trial.

    python benchmarks/search.py [--seeds 10] [--quick]
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from record import record

from gancompress.elastic.space import SearchSpace, Subnet
from gancompress.search.budget import Budget
from gancompress.search.evaluator import Stage
from gancompress.search.study import search
from tests.unit.search.synthetic import Quality, chain, every_subnet, space_of

BUDGETS = ("1/16", "1/8", "1/4", "1/2", "3/4")
SPACES = ((4, 8), (5, 6), (6, 5), (7, 4))
#: Evaluations that the curves are read off at.
MARKS = (50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 50100)


class Landscape:
    """A space with its quality, every optimum known."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self.space, self.quality, self.model = space, Quality(space, seed), chain(space, seed)
        self.widths = every_subnet(space)
        self.costs = self.model.costs(self.widths)["macs"]
        self.losses = self.quality.of(self.widths)
        self.index = {tuple(row): i for i, row in enumerate(self.widths.tolist())}

    def limit(self, budget: str) -> float:
        over, under = budget.split("/")
        return float(self.costs.max()) * int(over) / int(under)

    def regret(self, order: Sequence[Subnet], budget: str) -> np.ndarray:
        """After each evaluation: the best loss within the budget above the optimum (0: found)."""
        found = np.array([self.index[tuple(subnet)] for subnet in order])
        inside = self.costs <= self.limit(budget)
        losses = np.where(inside[found], self.losses[found], np.inf)
        return np.minimum.accumulate(losses) - self.losses[inside].min()


def our_search(landscape: Landscape, budget: str, evaluations: int, seed: int) -> list[Subnet]:
    """One search, for one budget or ("" ) for all at once."""
    order: list[Subnet] = []

    def score(subnet: Subnet, _: int) -> dict[str, float]:
        order.append(subnet)
        return landscape.quality(subnet)

    stage = Stage("s", {"loss": "minimize"}, score, evaluations)
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        search(
            landscape.space, landscape.model, [stage], Budget.parse(macs=budget), seed=seed,
            storage=Path(folder) / "journal", study_name="s", fingerprint="",
        )  # fmt: skip
    return order


def random_search(landscape: Landscape, budget: str, evaluations: int, seed: int) -> list[Subnet]:
    """Different subnets within the budget, drawn uniformly."""
    inside = np.flatnonzero(landscape.costs <= landscape.limit(budget or "1/1"))
    drawn = np.random.default_rng(seed).permutation(inside)[:evaluations]
    return [Subnet(row) for row in landscape.widths[drawn].tolist()]


def published_evolution(
    landscape: Landscape, budget: str, evaluations: int, seed: int
) -> list[Subnet]:
    """The evolution of GAN Compression (Li et al. 2020), as its text describes it.

    Population 100, 500 iterations; the best quarter are parents; half of each new generation are
    mutants (each width redrawn with probability .2), half crossovers; what is over the budget is
    drawn again. The parents survive. Every individual counts as an evaluation when it is new to its
    generation.
    """
    space, rng, limit = landscape.space, np.random.default_rng(seed), landscape.limit(budget)

    def allowed(draw: Callable[[], Subnet]) -> Subnet:
        while True:
            subnet = draw()
            if landscape.costs[landscape.index[tuple(subnet)]] <= limit:
                return subnet

    def loss(subnet: Subnet) -> float:
        return float(landscape.losses[landscape.index[tuple(subnet)]])

    population = [allowed(lambda: space.sample(rng)) for _ in range(100)]
    order = list(population)
    for _ in range(500):
        if len(order) >= evaluations:
            break
        parents = sorted(population, key=loss)[:25]

        def parent(parents: list[Subnet] = parents) -> Subnet:
            return parents[rng.integers(25)]

        mutants = [allowed(lambda: space.mutate(parent(), rng, 0.2)) for _ in range(50)]
        crossed = [allowed(lambda: space.crossover(parent(), parent(), rng)) for _ in range(50)]
        order += mutants + crossed
        population = parents + mutants + crossed
    return order[:evaluations]


METHODS = {"search": our_search, "random": random_search, "evolution": published_evolution}


def optimum_found(seeds: int, spaces: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Seeds that find the exact optimum of each budget with 5 % of the evaluations."""
    rows = []
    for groups, choices in spaces:
        landscape = Landscape(space_of(groups, choices), seed=groups)
        evaluations = landscape.space.size // 20
        for name in ("one search, any budget", "a search per budget", "random per budget"):
            wins = np.zeros(len(BUDGETS), dtype=int)
            for seed in range(seeds):
                shared = our_search(landscape, "", evaluations, seed) if "any" in name else None
                for i, budget in enumerate(BUDGETS):
                    method = random_search if "random" in name else our_search
                    inside = int((landscape.costs <= landscape.limit(budget)).sum())
                    # 5 % of the subnets that the budget allows, but enough to begin with.
                    allowed = min(evaluations, max(inside // 20, 25))
                    order = shared or method(landscape, budget, allowed, seed)
                    wins[i] += landscape.regret(order, budget)[-1] <= 1e-12
            space = f"{choices}^{groups}"
            found = {budget: f"{wins[i]}/{seeds}" for i, budget in enumerate(BUDGETS)}
            rows.append({"space": space, "evaluations": evaluations, "method": name, **found})
            print(rows[-1], flush=True)
    return rows


def curves(seeds: int, evaluations: int) -> list[dict[str, Any]]:
    """Median regret after so many evaluations at an eighth of the MACs, and when it is 0 for good."""
    landscape = Landscape(space_of(6, 5), seed=6)
    rows = []
    for name, method in METHODS.items():
        length = evaluations if name == "search" else MARKS[-1]
        regrets = []
        for seed in range(seeds):
            order = method(landscape, "1/4", min(length, landscape.space.size), seed)
            regrets.append(landscape.regret(order, "1/4"))
        shortest = min(map(len, regrets))
        median = np.median([regret[:shortest] for regret in regrets], axis=0)
        reached = [int(np.argmax(r <= 1e-12)) + 1 if r[-1] <= 1e-12 else None for r in regrets]
        found = [first for first in reached if first is not None]
        rows.append(
            {
                "method": name,
                "optimum found": f"{len(found)}/{seeds}",
                "median evaluations to it": float(np.median(found)) if found else None,
                **{f"@{mark}": float(median[mark - 1]) for mark in MARKS if mark <= shortest},
            }
        )
        print(rows[-1], flush=True)
    return rows


def overhead(trials: int, folder: Path) -> list[dict[str, Any]]:
    """Seconds per trial of a search whose evaluation takes no time, journal on disk."""
    rows = []
    for groups, choices in ((6, 5), (14, 8), (30, 16)):
        space = space_of(groups, choices, full=64)
        quality, ends = Quality(space), []

        def score(subnet: Subnet, _: int, quality: Quality = quality) -> dict[str, float]:
            return quality(subnet)

        stage = Stage("s", {"loss": "minimize"}, score, trials)
        wall, cpu = time.perf_counter(), time.process_time()
        with tempfile.TemporaryDirectory(dir=folder) as place:
            search(
                space, chain(space), [stage], Budget({}), seed=0,
                storage=Path(place) / "journal", study_name="s", fingerprint="",
                progress=lambda _, ends=ends: ends.append(time.perf_counter()),
            )  # fmt: skip
        spent = time.perf_counter() - wall, time.process_time() - cpu
        late = np.diff(ends[-200:])
        rows.append(
            {
                "space": f"{choices}^{groups}",
                "trials": trials,
                "ms a trial": 1e3 * spent[0] / trials,
                "cpu ms a trial": 1e3 * spent[1] / trials,
                "ms of the last 200": 1e3 * float(late.mean()),
            }
        )
        print(rows[-1], flush=True)
    return rows


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="the smaller spaces, fewer seeds")
    options = parser.parse_args()
    seeds = 3 if options.quick else options.seeds
    spaces = SPACES[:2] if options.quick else SPACES
    record("search_overhead", overhead(500 if options.quick else 2000, Path.cwd()))
    record("search_curves", curves(seeds, 781), space="5^6, budget 1/4", seeds=seeds)
    record("search_optimum", optimum_found(seeds, spaces), seeds=seeds, share="5 %")


if __name__ == "__main__":
    main()
