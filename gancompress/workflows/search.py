"""`search`: the best subnets of the supernet, and the student for a budget."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from gancompress.batch import Batch, example_inputs
from gancompress.data.encoding import decode_output
from gancompress.data.live import Pairs
from gancompress.elastic import Subnet, Supernet
from gancompress.elastic.calibrate import calibrated
from gancompress.elastic.student import Student, save_student
from gancompress.metrics.collect import collect
from gancompress.metrics.frechet import frechet_distance, statistics_of
from gancompress.metrics.images import as_uint8
from gancompress.metrics.macs import count_macs
from gancompress.recipe.schema import Recipe
from gancompress.recipe.schema import Search as SearchKeys
from gancompress.run_dir import RunDir
from gancompress.search.budget import Budget, check_feasible
from gancompress.search.evaluator import (
    Stage,
    distribution_score,
    paired_score,
)
from gancompress.search.front import Candidate, Front
from gancompress.search.study import Progress, cost_function
from gancompress.search.study import search as run_search
from gancompress.teachers.teacher import ModuleTeacher
from gancompress.workflows import assemble
from gancompress.workflows.front import draw_front, trust
from gancompress.workflows.judge import extractor_of
from gancompress.workflows.latency import Clock, Stopwatch, predict, predictor, threads_of
from gancompress.workflows.pairs import can_be_drawn, open_pairs, paired_judge, search_inputs

# Images scored at once.
BATCH = 64


def budget_of(keys: SearchKeys) -> Budget:
    """The recipe's budget."""
    return Budget.parse(
        macs=keys.mac_budget,
        params=keys.param_budget,
        size=keys.size_budget,
        latency=keys.latency_budget,
    )


def search(recipe: Recipe, run: RunDir) -> None:
    """Search the supernet of ``run`` under the recipe's budget; writes front and student.

    Where the recipe names a storage that other machines reach, copies of the run on them, searched
    at the same time, share the work.
    """
    assemble.prepare(recipe)
    supernet, full = assemble.load_supernet(recipe, run)
    budget = budget_of(recipe.search)
    reference = teacher_costs(recipe, run)
    # Told before anything is timed or scored.
    _check_costs(budget, reference, supernet)
    clock = _clock(recipe, run, supernet, full, budget, recipe.search.runtime)
    check_feasible(
        budget.limits(reference), supernet.space, cost_function(supernet.cost_model, predict(clock))
    )
    pairs = open_pairs(recipe, run)
    stages = _stages(recipe, run, supernet, pairs)
    with tqdm(desc="search", total=sum(stage.subnets for stage in stages)) as bar:
        front = run_search(
            supernet.space,
            supernet.cost_model,
            stages,
            budget,
            seed=recipe.seed,
            storage=recipe.search.storage or run.path / "search.journal",
            study_name=recipe.name,
            fingerprint=_conditions(recipe, full),
            reference=reference,
            latency=predict(clock),
            progress=lambda progress: _show(bar, progress),
        )
    front.to_csv(run.path / "front.csv")
    _conclude(recipe, run, supernet, full, pairs, front, budget, reference, clock)


def _conditions(recipe: Recipe, full: Student) -> str:
    """What scores must have in common to be compared."""
    keys = recipe.search
    counts = (keys.score_samples, keys.finalist_samples, keys.seeds, keys.calibration_batches)
    return ":".join(map(str, (full.fingerprint, *counts)))


def choose(recipe: Recipe, run: RunDir, budget: Budget, runtime: str) -> Candidate:
    """Make the student for another budget out of the front that was found before.

    Raises:
        BudgetError: no subnet of the space keeps the budget, or none that was scored does.
    """
    supernet, full = assemble.load_supernet(recipe, run)
    reference = teacher_costs(recipe, run)
    _check_costs(budget, reference, supernet)
    clock = _clock(recipe, run, supernet, full, budget, runtime)
    costs = cost_function(supernet.cost_model, predict(clock))
    check_feasible(budget.limits(reference), supernet.space, costs)
    front = Front.from_csv(run.path / "front.csv").with_costs(costs)
    pairs = open_pairs(recipe, run)
    return _conclude(recipe, run, supernet, full, pairs, front, budget, reference, clock)


def _check_costs(budget: Budget, reference: Mapping[str, float], supernet: Supernet) -> None:
    """Refuse limits on what a formula gives; a latency is known later."""
    amounts = {name: amount for name, amount in budget.amounts.items() if name != "latency"}
    limits = Budget(amounts).limits(reference)
    check_feasible(limits, supernet.space, cost_function(supernet.cost_model))


def _clock(
    recipe: Recipe, run: RunDir, supernet: Supernet, full: Student, budget: Budget, runtime: str
) -> Clock | None:
    """What predicts and measures latency, where latency is limited."""
    if "latency" not in budget.amounts:
        return None
    watch = Stopwatch(
        supernet,
        full.inputs,
        runtime,
        threads_of(recipe.threads),
        recipe.evaluate.latency_runs,
    )
    kept = run.path / "latency.json"
    count = recipe.search.timed_subnets
    return Clock(watch, predictor(watch, full.fingerprint, count, recipe.seed, kept))


def _conclude(
    recipe: Recipe,
    run: RunDir,
    supernet: Supernet,
    full: Student,
    pairs: Pairs,
    front: Front,
    budget: Budget,
    reference: Mapping[str, float],
    clock: Clock | None,
) -> Candidate:
    """Choose for the budget, keep the student, draw what was found."""
    limits = budget.limits(reference)
    told: list[str] = []
    if clock is None:
        chosen = front.best(budget, reference)
    else:
        chosen, told = clock.best(front, budget, reference, limits["latency"])
    _keep(recipe, run, supernet, full, pairs, chosen)
    draw_front(front, chosen, supernet.space, run, limits)
    facts = {
        "scored": len(front.candidates),
        "subnet": chosen.subnet.text,
        "costs": dict(chosen.costs),
        "remarks": [*trust(front, chosen), *told],
    }
    run.complete("search", facts)
    return chosen


def teacher_costs(recipe: Recipe, run: RunDir) -> dict[str, float]:
    """What one sample costs the teacher, by column; shares of a budget refer to it.

    Nothing is known of a black box; shares are refused then.
    """
    teacher = assemble.load_teacher(recipe, run)
    if not isinstance(teacher, ModuleTeacher):
        return {}
    parameters = list(teacher.module.parameters())
    return {
        "macs": float(count_macs(teacher.module, example_inputs(teacher.inputs, 1)).exact),
        "params": float(sum(p.numel() for p in parameters)),
        "weight_bytes": float(sum(p.numel() * p.element_size() for p in parameters)),
    }


def calibration_batches(recipe: Recipe, pairs: Pairs) -> list[Batch]:
    """Training inputs for BatchNorm statistics."""
    size = recipe.distill.batch_size
    starts = range(0, recipe.search.calibration_batches * size, size)
    found = []
    for start in starts:
        indices = [index % len(pairs.train) for index in range(start, start + size)]
        found.append(pairs.batch(indices)[0])
    return found


def _stages(recipe: Recipe, run: RunDir, supernet: Supernet, pairs: Pairs) -> list[Stage]:
    """Paired distance for all candidates, then, with real data, a Fréchet distance for the best."""
    keys = recipe.search
    batches = calibration_batches(recipe, pairs)

    def generator_at(subnet: Subnet) -> Callable[[Batch], Tensor]:
        module = calibrated(supernet, subnet, batches)
        return lambda batch: _call(module, batch)

    inputs, outputs = pairs.batch(list(pairs.held_out)[: keys.score_samples])
    targets = decode_output(outputs)
    name, judge = paired_judge(recipe, targets)
    paired = paired_score(generator_at, lambda seed: (inputs, targets), {name: judge}, batch=BATCH)
    stages = [Stage("paired", {name: "minimize"}, paired, keys.trials)]
    data = assemble.real_images(recipe)
    extractor = extractor_of(recipe, run, data[0]) if data else None
    if data is None or extractor is None:
        return stages
    reference = collect(data[0], extractor).statistics

    def distance(features: NDArray[np.float32]) -> float:
        return frechet_distance(statistics_of(torch.from_numpy(features)), reference)

    frechet = distribution_score(
        generator_at,
        lambda seed: search_inputs(recipe, pairs, seed),
        lambda images: extractor(as_uint8(images)).features.numpy(),
        {f"fd_{extractor.name}": distance},
        batch=BATCH,
    )
    name = f"fd_{extractor.name}"
    seeds = keys.seeds if can_be_drawn(pairs) else 1
    stages.append(Stage("frechet", {name: "minimize"}, frechet, keys.finalists, seeds))
    return stages


def _call(module: nn.Module, batch: Batch) -> Tensor:
    output: Tensor = module(**batch)
    return output


def _show(bar: "tqdm[Any]", progress: Progress) -> None:
    bar.update()
    bar.set_postfix({"stage": progress.stage, "best": f"{progress.best_score:.4g}"}, refresh=False)


def _keep(
    recipe: Recipe,
    run: RunDir,
    supernet: Supernet,
    full: Student,
    pairs: Pairs,
    chosen: Candidate,
) -> None:
    """Extract the chosen subnet, with its own BatchNorm statistics, into ``run/student``."""
    module = calibrated(supernet, chosen.subnet, calibration_batches(recipe, pairs))
    provenance = {
        "teacher": pairs.plan.teacher,
        "supernet": full.fingerprint,
        "subnet": chosen.subnet.text,
        "scores": {f"{stage}.{name}": value for (stage, name), value in chosen.scores.items()},
    }
    student = Student(module, full.inputs, full.architecture, provenance)
    # What stood on the former student no longer holds.
    for stage in ("finetune", "export", "report"):
        run.reopen(stage)
    save_student(student, run.path / "student.safetensors")
