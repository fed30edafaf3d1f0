"""What a search found: candidates with costs and scores, and the best of them for any budget."""

import csv
import io
import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gancompress.architecture_search.budget import (
    METRICS,
    Budget,
    Costs,
    columns_of,
    fits,
    format_amount,
)
from gancompress.atomic import write_text
from gancompress.errors import BudgetError, MetricError, RunError
from gancompress.supernet.space import Subnet

#: Objectives of each stage, first stage first: ``{"paired": {"l1": "minimize"}}``.
StageDirections = Mapping[str, Mapping[str, str]]

# By how much, as a share, the costs of two subnets of about the same cost may differ.
SAME_COST = 0.05


@dataclass(frozen=True)
class Candidate:
    """A scored subnet.

    Attributes:
        subnet: its widths.
        uniform: whether every width is the same share of the full one.
        costs: by column name (``macs``, ``params``, ``weight_bytes``, …).
        scores: mean over the evaluation seeds by (stage, objective).
        spreads: standard deviation over those seeds, likewise.
    """

    subnet: Subnet
    uniform: bool
    costs: Mapping[str, float]
    scores: Mapping[tuple[str, str], float]
    spreads: Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Correlation:
    """How two stages rank the subnets that both scored (Spearman; lower is better in both)."""

    cheap: str
    expensive: str
    subnets: int
    rank: float


@dataclass(frozen=True)
class Front:
    """Every candidate of a search, cheapest (by MACs) first.

    Attributes:
        stages: what they were scored by.
        candidates: as said.
        reference: costs by column that shares of a budget are taken of, the same as in the search;
            empty where they are not known, as when read from a file.
    """

    stages: StageDirections
    candidates: tuple[Candidate, ...]
    reference: Mapping[str, float] = field(default_factory=dict)

    def best(self, budget: Budget, reference: Mapping[str, float] | None = None) -> Candidate:
        """The best candidate within ``budget``, see :meth:`ranked`."""
        return self.ranked(budget, reference)[0]

    def ranked(
        self, budget: Budget, reference: Mapping[str, float] | None = None
    ) -> list[Candidate]:
        """The candidates within ``budget``, best first; at least one.

        The first stage chooses; each later one revises the choice if it has scored it, for only
        then has it seen what there is within this budget.

        Args:
            budget: upper limits; an empty one allows every candidate.
            reference: costs that shares are taken of; by default those of the search.

        Raises:
            BudgetError: no candidate is that cheap; names the cheapest. Or a share is asked for,
                and it is not known of what.
            MetricError: none of them has a finite score.
        """
        limits = budget.limits(reference or self.reference)
        inside = [candidate for candidate in self.candidates if fits(candidate.costs, limits)]
        if not inside:
            raise self._none_fits(limits)
        first, *later = self.stages
        inside.sort(key=lambda candidate: self.quality(candidate, first))
        if not self.quality(inside[0], first) < math.inf:
            names = ", ".join(self.stages[first])
            raise MetricError(
                f"search: none of {len(inside)} candidates within the budget has a finite score "
                f"({names}): the evaluator gives NaN or infinity for all, so nothing is chosen"
            )
        for stage in later:
            if self.quality(inside[0], stage) < math.inf:
                inside.sort(key=lambda candidate: self.quality(candidate, stage))
        return [c for c in inside if self.quality(c, first) < math.inf]

    def finalists(self) -> tuple[Candidate, ...]:
        """The candidates of the last stage, where there is more than one stage."""
        last = list(self.stages)[1:][-1:]
        return tuple(c for c in self.candidates for s in last if self.quality(c, s) < math.inf)

    def with_costs(self, costs: Costs) -> "Front":
        """The same candidates with their costs taken anew, a predicted latency among them."""
        table = columns_of(costs, [candidate.subnet for candidate in self.candidates])
        return replace(
            self,
            candidates=tuple(
                replace(c, costs={name: float(column[i]) for name, column in table.items()})
                for i, c in enumerate(self.candidates)
            ),
        )

    def _none_fits(self, limits: Mapping[str, float]) -> BudgetError:
        asked = ", ".join(
            f"{METRICS[name].key}: {format_amount(limit, name)}" for name, limit in limits.items()
        )
        cheapest = self.candidates[0]
        costs = ", ".join(
            f"{name} {format_amount(cheapest.costs[about.column], name)}"
            for name, about in METRICS.items()
            if about.column in cheapest.costs
        )
        return BudgetError(
            f"{asked or 'search'}: none of the {len(self.candidates)} scored subnets is that cheap "
            f"(the cheapest, {cheapest.subnet.brief}: {costs}); search again under this budget"
        )

    def quality(self, candidate: Candidate, stage: str) -> float:
        """The first objective of ``stage``, lower is better; inf where it was not scored."""
        objective, direction = next(iter(self.stages[stage].items()))
        score = candidate.scores.get((stage, objective))
        if score is None or math.isnan(score):
            return math.inf
        return score if direction == "minimize" else -score

    def last_stage(self, candidate: Candidate) -> str:
        """The latest stage that scored ``candidate``."""
        return [stage for stage in self.stages if any(s == stage for s, _ in candidate.scores)][-1]

    def nondominated(self, stage: str, cost: str = "macs") -> tuple[Candidate, ...]:
        """Candidates that no other of ``stage`` beats in ``cost`` and quality, cheapest first."""
        scored = [c for c in self.candidates if self.quality(c, stage) < math.inf]
        least = math.inf
        front = []
        for candidate in sorted(scored, key=lambda c: (c.costs[cost], self.quality(c, stage))):
            if self.quality(candidate, stage) < least:
                least = self.quality(candidate, stage)
                front.append(candidate)
        return tuple(front)

    def correlations(self) -> tuple[Correlation, ...]:
        """How well the ranks of each pair of consecutive stages agree."""
        names = list(self.stages)
        found = []
        for cheap, expensive in itertools.pairwise(names):
            pairs = [(self.quality(c, cheap), self.quality(c, expensive)) for c in self.candidates]
            both = np.array([pair for pair in pairs if max(pair) < math.inf])
            found.append(Correlation(cheap, expensive, len(both), spearman(both)))
        return tuple(found)

    def uniform_baseline(self, chosen: Candidate, cost: str = "macs") -> Candidate | None:
        """The best uniform-width candidate of about the cost of ``chosen``, scored as far.

        Its cost exceeds the chosen subnet's by no more than the share :data:`SAME_COST`: uniform
        widths come in steps, and the baseline has the advantage of it.
        """
        stage = self.last_stage(chosen)
        baselines = [
            candidate
            for candidate in self.candidates
            if candidate.uniform
            and candidate.costs[cost] <= chosen.costs[cost] * (1 + SAME_COST)
            and self.quality(candidate, stage) < math.inf
        ]
        return min(baselines, key=lambda baseline: self.quality(baseline, stage), default=None)

    def with_latency(self, measured: Mapping[Subnet, float]) -> "Front":
        """The front with ``measured`` seconds in place of predicted ones.

        The predictions stay in the column ``predicted_latency``.
        """
        candidates = []
        for candidate in self.candidates:
            costs = dict(candidate.costs)
            if candidate.subnet in measured:
                if "latency" in costs:
                    costs.setdefault("predicted_latency", costs["latency"])
                costs["latency"] = measured[candidate.subnet]
            candidates.append(replace(candidate, costs=costs))
        return replace(self, candidates=tuple(candidates))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a row per candidate: subnet, uniform, costs and ``stage.objective.direction``."""
        columns = [
            (stage, objective, direction)
            for stage, directions in self.stages.items()
            for objective, direction in directions.items()
        ]
        costs = list(dict.fromkeys(name for c in self.candidates for name in c.costs))
        names = [".".join(column) for column in columns]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["subnet", "uniform", *costs, *names, *(f"{n}.std" for n in names)])
        for candidate in self.candidates:
            keys = [(stage, objective) for stage, objective, _ in columns]
            found = candidate.costs
            writer.writerow(
                [candidate.subnet.text, int(candidate.uniform)]
                + [repr(float(found[name])) if name in found else "" for name in costs]
                + [repr(candidate.scores[key]) if key in candidate.scores else "" for key in keys]
                + [repr(candidate.spreads[key]) if key in candidate.spreads else "" for key in keys]
            )
        write_text(path, text.getvalue())

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> "Front":
        """Read what :meth:`to_csv` wrote.

        Raises:
            RunError: the file is missing or is no such table.
        """
        try:
            with Path(path).open(encoding="utf-8", newline="") as file:
                return _from_rows(list(csv.DictReader(file)))
        except (
            *(OSError, ValueError, KeyError, IndexError, TypeError, AttributeError),
            *(OverflowError, csv.Error),
        ) as error:
            raise RunError(
                f"{path}: not a search front that can be read: {error}; remove it and search again"
            ) from error


def _from_rows(table: Sequence[Mapping[str, str]]) -> Front:
    names = list(table[0])
    columns = [name.split(".") for name in names if name.count(".") == 2]
    costs = [name for name in names[2:] if "." not in name]
    stages: dict[str, dict[str, str]] = {}
    for stage, objective, direction in columns:
        stages.setdefault(stage, {})[objective] = direction
    candidates = []
    for number, row in enumerate(table, 2):
        if None in row or None in row.values():
            raise ValueError(f"line {number} does not have its {len(names)} columns")
        scored = [column for column in columns if row[".".join(column)]]
        candidates.append(
            Candidate(
                subnet=Subnet(map(int, row["subnet"].split("_"))),
                uniform=row["uniform"] == "1",
                costs={name: float(row[name]) for name in costs if row[name]},
                scores={(s, o): float(row[f"{s}.{o}.{d}"]) for s, o, d in scored},
                spreads={(s, o): float(row[f"{s}.{o}.{d}.std"]) for s, o, d in scored},
            )
        )
    return Front(stages, tuple(candidates))


def spearman(pairs: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
    """Spearman's rank correlation of an array (n, 2); NaN for fewer than three or constant ones."""
    if len(pairs) < 3 or min(np.ptp(pairs, axis=0)) == 0:
        return math.nan
    from scipy import stats  # half a second, which most commands do without

    return float(stats.spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def in_order_of_cost(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Cheapest first, by MACs."""
    return tuple(sorted(candidates, key=lambda candidate: candidate.costs["macs"]))
