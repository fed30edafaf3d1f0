"""What to score next in a stage, as a function of what has been: the same in every worker."""

from collections.abc import Sequence

import numpy as np

from gancompress.architecture_search.evaluator import Stage
from gancompress.architecture_search.feasible import Feasible, Vector
from gancompress.architecture_search.proposals import (
    Matrix,
    dominators,
    elite,
    next_round,
    starting_population,
    uniform_line,
)
from gancompress.architecture_search.shared_study import Record, SharedStudy
from gancompress.supernet.space import Subnet

# The share of the first stage that is its starting population, the fewest of it, and the most for
# each group of channels: as many as the model's trend has numbers.
START_SHARE, SHORTEST_START, START_PER_GROUP = 1 / 8, 6, 2
# A round of proposals is as long as a share of what is scored: planning anew costs time, planning
# far ahead uses an old model.
ROUND_SHARE, SHORTEST_ROUND = 1 / 16, 3


class Exploration:
    """The first stage: a starting population, then rounds that follow from the scores so far.

    A round depends on nothing but the seed and the trials that were scored before it, so that an
    interrupted search goes on as if it had not been, and workers draw from the same list.
    """

    def __init__(self, feasible: Feasible, stage: Stage, seed: int) -> None:
        self.total = stage.subnets
        self._feasible = feasible
        self._directions = list(stage.directions.values())
        self._seed = seed
        self._inside: dict[int, bool] = {}
        self._start: list[Subnet] = []
        self._round: tuple[int, list[Subnet]] = (-1, [])

    def concerns(self, record: Record) -> bool:
        """Whether it keeps the limits; a study may hold others, of an earlier budget."""
        if record.number not in self._inside:
            self._inside[record.number] = self._fits(record.subnet)
        return self._inside[record.number]

    def next(self, records: Sequence[Record], study: SharedStudy) -> Subnet | None:
        """The subnet to score now; None where there is no other, or none that can be found."""
        for subnet in (*filter(self._fits, study.abandoned()), *self._starting()):
            if not study.holds(subnet):
                return subnet
        for subnet in self._this_round(records):
            if not study.holds(subnet):
                return subnet
        # Other workers have taken the whole round, or it came out short: look again, once.
        self._round = (self._round[0], self._propose(records, len(records)))
        return next((subnet for subnet in self._round[1] if not study.holds(subnet)), None)

    def _fits(self, subnet: Subnet) -> bool:
        return bool(self._feasible.inside(self._feasible.levels([subnet]))[0])

    def _starting(self) -> list[Subnet]:
        if not self._start:
            most = START_PER_GROUP * (len(self._feasible.tops) + 1)
            share = min(round(self.total * START_SHARE), most)
            count = min(max(SHORTEST_START, share), self.total)
            rng = np.random.default_rng([self._seed, 0])
            self._start = starting_population(self._feasible, count, rng)
        return self._start

    def _this_round(self, records: Sequence[Record]) -> list[Subnet]:
        begun = len(self._starting())
        while (end := begun + max(SHORTEST_ROUND, int(begun * ROUND_SHARE))) <= len(records):
            begun = end
        if self._round[0] != begun:
            self._round = (begun, self._propose(records, begun))
        return self._round[1]

    def _propose(self, records: Sequence[Record], known: int) -> list[Subnet]:
        scored = [record for record in records if record.values is not None][:known]
        if not scored:
            return []
        return next_round(
            self._feasible,
            [record.subnet for record in scored],
            losses(scored, self._directions),
            # What others are scoring now is known to be taken; what came later than the round
            # began is not, lest an interrupted round be planned otherwise the second time.
            {record.subnet for record in scored},
            max(SHORTEST_ROUND, int(known * ROUND_SHARE)),
            np.random.default_rng([self._seed, 1, known]),
        )


class Finals:
    """A later stage: the best of the one before, and uniform widths to compare them with."""

    def __init__(
        self, feasible: Feasible, records: Sequence[Record], before: Stage, count: int
    ) -> None:
        """
        Args:
            records: trials of the stage ``before``.
            count: of the best to score; those along the whole front, or under limits the best
                within them. Uniform-width subnets come on top: one under limits, else a few.
        """
        inside = feasible.inside(feasible.levels([record.subnet for record in records]))
        scored = [r for r, fit in zip(records, inside, strict=True) if fit and r.values is not None]
        table = losses(scored, list(before.directions.values()))
        subnets = [record.subnet for record in scored]
        if feasible.limited:
            best = [subnets[i] for i in elite(table, count)]
        else:
            best = _along_front(subnets, feasible.cost(feasible.levels(subnets)), table, count)
        uniform = uniform_line(feasible)
        baselines = uniform[-1:] if feasible.limited else uniform[:: max(1, len(uniform) // 4)]
        self._listed = list(dict.fromkeys([*best, *baselines]))
        self.total = len(self._listed)

    def concerns(self, record: Record) -> bool:
        """Whether it is of one of the finalists."""
        return record.subnet in self._listed

    def next(self, records: Sequence[Record], study: SharedStudy) -> Subnet | None:
        """The first finalist that nobody scores or has scored."""
        return next((subnet for subnet in self._listed if not study.holds(subnet)), None)


def _along_front(
    subnets: Sequence[Subnet], costs: Vector, table: Matrix, count: int
) -> list[Subnet]:
    """``count`` of the best, evenly spaced over the front where that has more."""
    objectives = np.column_stack([costs, table])
    order = elite(objectives, len(objectives))
    length = int((dominators(objectives) == 0).sum())
    if length > count:
        front = sorted(order[:length], key=lambda i: float(costs[i]))
        order = np.array(front)[np.linspace(0, length - 1, count).round().astype(int)]
    return [subnets[i] for i in order[:count]]


def losses(records: Sequence[Record], directions: Sequence[str]) -> Matrix:
    """Scores (n, objectives), lower is better; collapsed ones get the worst finite score."""
    signs = np.array([1.0 if direction == "minimize" else -1.0 for direction in directions])
    table: Matrix = np.array([record.values for record in records], dtype=np.float64) * signs
    for column in table.T:
        finite = column[np.isfinite(column)]
        column[~np.isfinite(column)] = finite.max() if len(finite) else 0.0
    return table
