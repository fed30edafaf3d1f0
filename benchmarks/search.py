"""How many evaluations the search needs, against random search and the published evolution.

On spaces small enough to enumerate, with a synthetic quality that has interactions, the optimum of
every budget is known. Prints the share of seeds that reach it, the curves of evaluations to
quality, and the overhead of a trial.

    python -m benchmarks.search [--seeds 10] [--quick] [--parts optimum curves]
"""

import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.architecture_search.budget import Budget
from gancompress.architecture_search.evaluator import Stage
from gancompress.architecture_search.feasible import Feasible
from gancompress.architecture_search.study import StudySpec, cost_function, search
from gancompress.supernet.space import SearchSpace, Subnet
from tests.unit.architecture_search.real import real_score, real_supernet
from tests.unit.architecture_search.synthetic import Quality, chain, every_subnet, space_of

#: Evaluations that a search gets at least.
FEWEST = 40
BUDGETS = ("1/8", "1/4", "1/2", "3/4")
SUPERNET_BUDGETS = ("1/6", "1/4", "1/3", "1/2", "3/4")
#: Groups, choices of each, and the tightest budget, near the cheapest subnet.
SPACES = ((4, 8, "1/16"), (5, 6, "1/16"), (6, 5, "1/16"), (7, 4, "1/10"))
#: Evaluations that the curves are read off at.
MARKS = (50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 50100)


class Landscape:
    """A space with its quality, every optimum known."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self.space, self.quality, self.model = space, Quality(space, seed), chain(space, seed)

    def limit(self, budget: str) -> float:
        over, under = (budget or "1/1").split("/")
        return float(self.cost([self.space.largest])[0]) * int(over) / int(under)

    def cost(self, subnets: Sequence[Subnet] | np.ndarray) -> np.ndarray:
        costs: np.ndarray = self.model.costs(np.asarray(subnets))["macs"]
        return costs

    def best_so_far(self, order: Sequence[Subnet], budget: str) -> np.ndarray:
        """After each evaluation: the least loss within the budget."""
        inside = self.cost(order) <= self.limit(budget)
        return np.minimum.accumulate(np.where(inside, self.quality.of(np.array(order)), np.inf))

    def optimum(self, budget: str) -> tuple[float, int]:
        """The least loss of all subnets within the budget, and how many there are."""
        widths = every_subnet(self.space)
        widths = widths[self.cost(widths) <= self.limit(budget)]
        return float(self.quality.of(widths).min()), len(widths)


def our_search(
    landscape: Landscape,
    budget: str,
    evaluations: int,
    seed: int,
    enough: Callable[[list[Subnet]], bool] = lambda order: False,
) -> list[Subnet]:
    """One search, for one budget or ("") for all; it ends early where that is ``enough``."""
    order: list[Subnet] = []

    class Enough(Exception):
        pass

    def score(subnet: Subnet, _: int) -> dict[str, float]:
        order.append(subnet)
        if enough(order):
            raise Enough
        return landscape.quality(subnet)

    stage = Stage("s", {"loss": "minimize"}, score, evaluations)
    with tempfile.TemporaryDirectory(dir=_memory()) as folder, suppress(Enough):
        search(
            landscape.space, cost_function(landscape.model), [stage], Budget.parse(macs=budget),
            StudySpec(storage=Path(folder) / "journal", name="s", fingerprint="", seed=seed),
        )  # fmt: skip
    return order


def random_search(landscape: Landscape, budget: str, evaluations: int, seed: int) -> list[Subnet]:
    """Different random subnets, narrowed where they are over the budget."""
    rng = np.random.default_rng(seed)
    feasible = Feasible(
        landscape.space, landscape.model.costs, {"macs": landscape.limit(budget)}, "macs"
    )
    found: dict[Subnet, None] = {}
    while len(found) < evaluations:
        # Repaired draws, as draws within a tight budget hardly occur by themselves in large spaces.
        drawn = rng.integers(0, feasible.tops + 1, (2 * evaluations, len(feasible.tops)))
        before = len(found)
        found.update(dict.fromkeys(map(feasible.subnet, feasible.repair(drawn, rng))))
        if len(found) == before:
            break
    return list(found)[:evaluations]


def published_evolution(
    landscape: Landscape, budget: str, evaluations: int, seed: int
) -> list[Subnet]:
    """The evolution of GAN Compression (Li et al. 2020), as its text describes it.

    Population 100, 500 iterations; the best quarter are parents; half of each new generation are
    mutants (each width redrawn with probability .2), half crossovers; what is over the budget is
    drawn again. The parents survive. Subnets met again count once: a cache is granted to it.
    """
    space, rng, limit = landscape.space, np.random.default_rng(seed), landscape.limit(budget)
    feasible = Feasible(space, landscape.model.costs, {"macs": limit}, "macs")

    def allowed(draw: Callable[[], Subnet]) -> Subnet:
        # Drawn again until it fits, which in a tight budget may never happen: then narrowed.
        for _ in range(100):
            subnet = draw()
            if landscape.cost([subnet])[0] <= limit:
                return subnet
        return feasible.subnet(feasible.repair(feasible.levels([subnet]), rng)[0])

    losses: dict[Subnet, float] = {}

    def loss(subnet: Subnet) -> float:
        if subnet not in losses:
            losses[subnet] = float(landscape.quality.of(np.array([subnet]))[0])
        return losses[subnet]

    population = [allowed(lambda: space.sample(rng)) for _ in range(100)]
    order = list(population)
    for _ in range(500):
        if len(set(order)) >= evaluations:
            break
        parents = sorted(population, key=loss)[:25]

        def parent(parents: list[Subnet] = parents) -> Subnet:
            return parents[rng.integers(25)]

        mutants = [allowed(lambda: space.mutate(parent(), rng, 0.2)) for _ in range(50)]
        crossed = [allowed(lambda: space.crossover(parent(), parent(), rng)) for _ in range(50)]
        order += mutants + crossed
        population = parents + mutants + crossed
    return list(dict.fromkeys(order))[:evaluations]


METHODS = {"search": our_search, "random": random_search, "evolution": published_evolution}


def optimum_found(seeds: int, space: tuple[int, int, str]) -> list[dict[str, Any]]:
    """Seeds that find the exact optimum of each budget with at most 5 % of the evaluations.

    One search for all budgets has 5 % of the space; a search for one budget has 5 % of the subnets
    within it, but at least :data:`FEWEST`. In parentheses the median of the evaluations needed.
    """
    groups, choices, tightest = space
    landscape = Landscape(space_of(groups, choices), seed=groups)
    optima = {budget: landscape.optimum(budget) for budget in (tightest, *BUDGETS)}
    share = landscape.space.size // 20
    allowed = {budget: max(inside // 20, FEWEST) for budget, (_, inside) in optima.items()}

    def found(order: list[Subnet], budget: str) -> bool:
        return bool(landscape.best_so_far(order, budget)[-1] <= optima[budget][0] + 1e-12)

    def needed(order: list[Subnet], budget: str) -> float:
        reached = landscape.best_so_far(order, budget) <= optima[budget][0] + 1e-12
        return float(reached.argmax() + 1) if reached.any() else np.inf

    table: dict[str, dict[str, list[float]]] = {}
    for seed in range(seeds):
        at_once = our_search(
            landscape, "", share, seed, lambda order: all(found(order, b) for b in optima)
        )
        for budget, count in allowed.items():

            def enough(order: list[Subnet], budget: str = budget) -> bool:
                return found(order, budget)

            orders = {
                "one search for all": at_once,
                "a search per budget": our_search(landscape, budget, count, seed, enough),
                "random per budget": random_search(landscape, budget, count, seed),
            }
            for name, order in orders.items():
                counts = table.setdefault(name, {}).setdefault(budget, [])
                counts.append(needed(order, budget))
    given = " ".join(map(str, allowed.values()))
    return [
        {
            "space": f"{choices}^{groups}",
            "method": name,
            "evaluations": str(share) if "all" in name else given,
            **{
                budget: f"{np.isfinite(counts).sum()}/{seeds} ({np.median(counts):.4g})"
                for budget, counts in found_in.items()
            },
        }
        for name, found_in in table.items()
    ]


def curves(landscape: Landscape, budget: str, seeds: int, ours: int) -> list[dict[str, Any]]:
    """Median loss above the best known after so many evaluations, and evaluations to reach ours.

    ``ours``: evaluations that the search is given; the others have all of :data:`MARKS`.
    """
    losses: dict[str, list[np.ndarray]] = {}
    for name, method in METHODS.items():
        length = ours if name == "search" else min(MARKS[-1], landscape.space.size)
        orders = [method(landscape, budget, length, seed) for seed in range(seeds)]
        losses[name] = [landscape.best_so_far(order, budget) for order in orders]
    best = min(loss[-1] for found in losses.values() for loss in found)
    goal = float(np.median([loss[-1] for loss in losses["search"]]))
    rows = []
    for name, found in losses.items():
        shortest = min(map(len, found))
        median = np.median([loss[:shortest] for loss in found], axis=0)
        reached = [int(np.argmax(loss <= goal + 1e-12)) + 1 for loss in found if loss[-1] <= goal]
        missed = seeds - len(reached)
        rows.append(
            {
                "method": name,
                "reach the search's quality": f"{len(reached)}/{seeds}",
                "median evaluations to it": float(np.median([*reached, *[np.inf] * missed])),
                **{
                    f"@{mark}": float(median[mark - 1] - best) for mark in MARKS if mark <= shortest
                },
            }
        )
        print(rows[-1], flush=True)
    return rows


def overhead(trials: int, folder: Path) -> list[dict[str, Any]]:
    """Time per trial apart from its evaluation, journal on disk."""
    rows = []
    for groups, choices in ((6, 5), (14, 8), (30, 16)):
        space = space_of(groups, choices, full=64)
        quality = Quality(space)

        evaluating = [0.0]

        def score(
            subnet: Subnet, _: int, quality: Quality = quality, spent: list[float] = evaluating
        ) -> dict[str, float]:
            start = time.process_time()
            found = quality(subnet)
            spent[0] += time.process_time() - start
            return found

        stage = Stage("s", {"loss": "minimize"}, score, trials)
        wall, cpu = time.perf_counter(), time.process_time()
        with tempfile.TemporaryDirectory(dir=folder) as place:
            search(
                space, cost_function(chain(space)), [stage], Budget({}),
                StudySpec(storage=Path(place) / "journal", name="s", fingerprint="", seed=0),
            )  # fmt: skip
        spent = time.perf_counter() - wall, time.process_time() - cpu
        own = [seconds - evaluating[0] for seconds in spent]
        rows.append(
            {
                "space": f"{choices}^{groups}",
                "trials": trials,
                "ms a trial": 1e3 * own[0] / trials,
                "cpu ms a trial": 1e3 * own[1] / trials,
            }
        )
        print(rows[-1], flush=True)
    return rows


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def supernet_optimum(seeds: int) -> list[dict[str, Any]]:
    """As :func:`optimum_found`, on a real supernet whose subnets are all scored."""
    supernet = real_supernet(width=48)
    score = real_score(supernet, samples=4)
    subnets = [Subnet(row) for row in every_subnet(supernet.space).tolist()]
    scores = {subnet: score(subnet, 0) for subnet in subnets}
    costs = supernet.cost_model.costs(np.array(subnets))["macs"]
    losses = np.array([scores[subnet]["l1"] for subnet in subnets])
    evaluations = len(subnets) // 20
    wins = dict.fromkeys(SUPERNET_BUDGETS, 0)
    luck = dict.fromkeys(SUPERNET_BUDGETS, 0)
    for budget, seed in itertools.product(SUPERNET_BUDGETS, range(seeds)):
        limit = Budget.parse(macs=budget).limits({"macs": float(costs.max())})["macs"]
        inside = losses[costs <= limit]
        stage = Stage("s", {"l1": "minimize"}, lambda subnet, _: scores[subnet], evaluations)
        with tempfile.TemporaryDirectory(dir=_memory()) as folder:
            front = search(
                supernet.space, cost_function(supernet.cost_model), [stage],
                Budget.parse(macs=budget),
                StudySpec(storage=Path(folder) / "journal", name="s", fingerprint="", seed=seed),
            )  # fmt: skip
        found = min(candidate.scores["s", "l1"] for candidate in front.candidates)
        wins[budget] += found == inside.min()
        drawn = np.random.default_rng(seed).permutation(inside)[:evaluations]
        luck[budget] += drawn.min() == inside.min()
    table = {"search": wins, "random": luck}
    return [
        {"method": name, "subnets": len(subnets), "evaluations": evaluations}
        | {budget: f"{count}/{seeds}" for budget, count in counts.items()}
        for name, counts in table.items()
    ]


PARTS = ("overhead", "optimum", "supernet", "curves")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = arguments_of(parser, seeds=1, parts=["overhead", "optimum"])
    seeds = options.seeds
    if "overhead" in options.parts:
        record("search_overhead", overhead(60 if options.quick else 2000, Path.cwd()))
    if "optimum" in options.parts:
        rows: list[dict[str, Any]] = []
        for space in SPACES[:1] if options.quick else SPACES:
            rows += optimum_found(seeds, space)
            record("search_optimum", rows, seeds=seeds, share="5 %")
    if "supernet" in options.parts:
        record("search_supernet", supernet_optimum(seeds), seeds=seeds)
    if "curves" in options.parts:
        for groups, choices, budget, ours in ((6, 5, "1/4", 200), (14, 8, "1/8", 300)):
            landscape = Landscape(space_of(groups, choices), seed=groups)
            name = f"search_curves_{groups}_groups"
            record(name, curves(landscape, budget, seeds, ours), budget=budget, seeds=seeds)


if __name__ == "__main__":
    main()
