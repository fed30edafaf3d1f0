"""The search itself: stages of scoring over a study that any number of workers share."""

import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gancompress.architecture_search.budget import (
    METRICS,
    Budget,
    Costs,
    check_feasible,
    columns_of,
)
from gancompress.architecture_search.evaluator import Stage, score_all
from gancompress.architecture_search.feasible import Feasible
from gancompress.architecture_search.front import (
    Candidate,
    Front,
    StageDirections,
    in_order_of_cost,
)
from gancompress.architecture_search.plan import Exploration, Finals
from gancompress.architecture_search.proposals import UNIFORM_RATIOS
from gancompress.architecture_search.shared_study import Record, SharedStudy
from gancompress.architecture_search.storage import open_storage
from gancompress.supernet.cost import CostModel
from gancompress.supernet.space import SearchSpace, Subnet

#: Widths (n, groups) to predicted seconds (n,).
Predict = Callable[[NDArray[np.int64]], NDArray[np.float64]]

# Seconds between looks at what other workers are still scoring.
POLL = 0.2


@dataclass(frozen=True)
class Progress:
    """Where a search stands: told after each subnet that this worker has scored.

    Attributes:
        stage: name of the stage.
        scored, subnets: how many of how many, all workers together.
        subnet, score: of the trial that just ended (first objective).
        best, best_score: the best within the budget so far.
    """

    stage: str
    scored: int
    subnets: int
    subnet: Subnet
    score: float
    best: Subnet
    best_score: float


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """Which search it is: where its trials are kept, and what they depend on.

    Attributes:
        storage: a file for the journal of trials, or a database URL.
        name: of the search within the storage.
        fingerprint: of the supernet's weights and the scoring; a study with another is refused.
        seed: of the proposals. With one worker the same seed gives the same search, interrupted
            or not.
    """

    storage: str | os.PathLike[str]
    name: str
    fingerprint: str
    seed: int


def search(
    space: SearchSpace,
    costs: Costs,
    stages: Sequence[Stage],
    budget: Budget,
    study: StudySpec,
    *,
    reference: Mapping[str, float] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Front:
    """Find the subnets of ``space`` with the best scores for their cost.

    Called again it goes on where it stopped; called in several processes at once they share the
    work. No subnet is scored twice in a stage, and none over the budget is scored at all.

    Args:
        space: what to search.
        costs: of its subnets, see :func:`cost_function`; with the predicted latency where that is
            limited or wanted.
        stages: the first explores its number of subnets, each later one scores the best of those
            before it, spread over the front, and uniform-width subnets for comparison.
        budget: upper limits; without any the whole front is explored.
        study: which search it is.
        reference: costs by column that shares of the budget are taken of (the teacher's); by
            default those of the largest subnet.
        progress: called after each subnet scored here.

    Raises:
        BudgetError: no subnet keeps the budget; nothing was scored.
        RunError: the storage cannot be used, or its scores were made under other conditions.
    """
    largest = columns_of(costs, [space.largest])
    whole = dict(reference or {name: float(column[0]) for name, column in largest.items()})
    limits = budget.limits(whole)
    check_feasible(limits, space, costs)
    column = METRICS[next(iter(limits), "macs")].column
    feasible = Feasible(space, costs, limits, column)
    directions = {stage.name: stage.directions for stage in stages}
    studies = _open(study, space, directions)
    plan: Exploration | Finals = Exploration(feasible, stages[0], study.seed)
    _score(studies[stages[0].name], stages[0], plan, progress)
    for before, stage in itertools.pairwise(stages):
        plan = Finals(feasible, studies[before.name].records(), before, stage.subnets)
        _score(studies[stage.name], stage, plan, progress)
    return replace(_front(space, costs, directions, studies), reference=whole)


def cost_function(cost_model: CostModel, latency: Predict | None = None) -> Costs:
    """The costs of many subnets by column, with the predicted ``latency`` where there is one."""

    def costs(widths: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        table = {name: np.asarray(c, dtype=float) for name, c in cost_model.costs(widths).items()}
        return table if latency is None else {**table, "latency": latency(widths)}

    return costs


def _open(study: StudySpec, space: SearchSpace, stages: StageDirections) -> dict[str, SharedStudy]:
    opened, name = open_storage(study.storage), study.name
    return {
        stage: SharedStudy(
            opened,
            f"{name}/{stage}",
            space=space,
            directions=directions,
            fingerprint=study.fingerprint,
        )
        for stage, directions in stages.items()
    }


def _score(
    study: SharedStudy,
    stage: Stage,
    plan: Exploration | Finals,
    progress: Callable[[Progress], None] | None,
) -> None:
    """Score what ``plan`` proposes until all of it is scored, here or by other workers."""
    while True:
        records = [record for record in study.records() if plan.concerns(record)]
        scored = sum(record.values is not None for record in records)
        if scored >= plan.total:
            return
        subnet = None
        if len(records) < plan.total:
            subnet = plan.next(records, study)
        if subnet is None:
            if scored == len(records):  # the space has no more
                return
            time.sleep(POLL)
            continue

        # Take the subnet; another worker may have been faster, or have taken the last one.
        number = study.claim(subnet)
        if number is None:
            continue
        records = [record for record in study.records() if plan.concerns(record)]
        if [record.number for record in records].index(number) >= plan.total:
            study.withdraw(number)
            continue

        try:
            means, spreads = score_all(stage, subnet)
        except BaseException:
            study.withdraw(number)
            raise
        study.finish(number, means, spreads)
        if progress is not None:
            progress(_progress(stage, plan.total, records, subnet, means[0]))


def _progress(
    stage: Stage, total: int, before: Sequence[Record], subnet: Subnet, score: float
) -> Progress:
    sign = 1 if next(iter(stage.directions.values())) == "minimize" else -1
    scored = [(record.values[0], record.subnet) for record in before if record.values is not None]
    best_score, best = min([*scored, (score, subnet)], key=lambda found: sign * found[0])
    return Progress(
        stage=stage.name,
        scored=len(scored) + 1,
        subnets=total,
        subnet=subnet,
        score=score,
        best=best,
        best_score=best_score,
    )


def _front(
    space: SearchSpace, costs: Costs, stages: StageDirections, studies: Mapping[str, SharedStudy]
) -> Front:
    uniform = {space.uniform(ratio) for ratio in UNIFORM_RATIOS}
    scores: dict[Subnet, dict[tuple[str, str], float]] = {}
    spreads: dict[Subnet, dict[tuple[str, str], float]] = {}
    for stage, directions in stages.items():
        for record in studies[stage].records():
            if record.values is not None:
                keys = [(stage, objective) for objective in directions]
                scores.setdefault(record.subnet, {}).update(zip(keys, record.values, strict=True))
                spreads.setdefault(record.subnet, {}).update(zip(keys, record.spreads, strict=True))
    subnets = list(scores)
    table = columns_of(costs, subnets) if subnets else {}
    found = [
        Candidate(
            subnet=subnet,
            uniform=subnet in uniform,
            costs={name: float(column[i]) for name, column in table.items()},
            scores=scores[subnet],
            spreads=spreads[subnet],
        )
        for i, subnet in enumerate(subnets)
    ]
    return Front(stages, in_order_of_cost(found))
