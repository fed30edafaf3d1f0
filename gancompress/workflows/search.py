"""`search`: the best subnets of the supernet, and the student for a budget."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import gancompress as gc
from gancompress import assemble
from gancompress.api.costs import costs_of
from gancompress.architecture_search.budget import Budget, Costs, budget_of, check_feasible
from gancompress.architecture_search.front import Candidate, Front
from gancompress.architecture_search.study import Predict, Progress, cost_function
from gancompress.assemble.devices import DeviceClock, load_device, network_id
from gancompress.assemble.front import coverage, draw_front, dropped_branches, trust
from gancompress.assemble.identity import identity_of
from gancompress.assemble.latency import Clock, Stopwatch, predictor, threads_of
from gancompress.assemble.pairs import open_pairs
from gancompress.assemble.scoring import search_settings
from gancompress.assemble.students import adopt_student, keep_student, title_of
from gancompress.assemble.subnets import ModuleAt, module_at
from gancompress.data.live import Pairs
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.student.file import Student
from gancompress.supernet import Supernet
from gancompress.workflows.kept import keep_a_copy


@dataclass(frozen=True)
class _Task:
    """What is searched, and for which budget.

    Attributes:
        full: the student file that holds the supernet's weights.
        reference: what one sample costs the teacher, by column; shares of the budget refer to it.
        clock: what predicts latency, and measures it here, where it is limited.
        module_at: a subnet as a module.
    """

    recipe: Recipe
    run: RunDir
    supernet: Supernet
    full: Student
    pairs: Pairs
    budget: Budget
    reference: Mapping[str, float]
    clock: Clock | DeviceClock | None
    module_at: ModuleAt

    @property
    def costs(self) -> Costs:
        """The costs of many subnets by column."""
        return cost_function(self.supernet.cost_model, self.predict)

    @property
    def predict(self) -> Predict | None:
        """Predicted seconds of many subnets, where latency is limited."""
        return self.clock.fitted if self.clock else None

    @property
    def limits(self) -> dict[str, float]:
        """The budget in absolute amounts."""
        return self.budget.limits(self.reference)


def search(recipe: Recipe, run: RunDir) -> None:
    """Search the supernet of ``run`` under the recipe's budget; writes front and student.

    What was scored before counts; scores under another budget stay on the front as well.
    """
    task = _task(recipe, run)
    _conclude(task, _front(task))


def contribute(recipe: Recipe, run: RunDir) -> int:
    """Score subnets for the search of ``run`` that another process leads; returns how many.

    Nothing is written but scores to the recipe's storage.
    """
    scored: list[Progress] = []
    _front(_task(recipe, run), scored.append)
    return len(scored)


def choose(recipe: Recipe, run: RunDir) -> Candidate:
    """Make the student for the recipe's budget out of the front that was found before.

    Raises:
        BudgetError: no subnet of the space keeps the budget, or none that was scored does.
    """
    task = _task(recipe, run)
    front = Front.from_csv(run.path / "front.csv").with_costs(task.costs)
    # Refused before what was chosen for another budget is put away.
    front.best(task.budget, task.reference)
    if (record := run.record("search")) is not None:
        keep_a_copy("search", run, record)
    run.begin("search", identity_of("search", recipe, run))
    return _conclude(task, front)


def with_search(recipe: Recipe, **keys: Any) -> Recipe:
    """``recipe`` with other keys under ``search``."""
    return replace(recipe, search=replace(recipe.search, **keys))


def _task(recipe: Recipe, run: RunDir) -> _Task:
    """Everything the search needs; an impossible budget is told before anything is scored."""
    assemble.prepare(recipe)
    supernet, full = assemble.load_supernet(recipe, run)
    budget, reference = budget_of(recipe.search), costs_of(assemble.load_teacher(recipe, run))
    # What a formula gives, before anything is timed.
    known = Budget({name: limit for name, limit in budget.amounts.items() if name != "latency"})
    check_feasible(known.limits(reference), supernet.space, cost_function(supernet.cost_model))
    clock = _clock(recipe, run, supernet, full) if "latency" in budget.amounts else None
    pairs = open_pairs(recipe, run)
    task = _Task(
        recipe=recipe,
        run=run,
        supernet=supernet,
        full=full,
        pairs=pairs,
        budget=budget,
        reference=reference,
        clock=clock,
        module_at=module_at(recipe, supernet, pairs),
    )
    check_feasible(task.limits, supernet.space, task.costs)
    return task


def _clock(recipe: Recipe, run: RunDir, supernet: Supernet, full: Student) -> Clock | DeviceClock:
    keys = recipe.search
    if keys.device:
        device = load_device(run, keys.device, network_id(supernet, full))
        return DeviceClock.of(device, supernet)
    threads, runs = threads_of(recipe.threads), recipe.evaluate.latency_runs
    watch = Stopwatch(
        supernet=supernet, inputs=full.inputs, runtime=keys.runtime, threads=threads, runs=runs
    )
    kept = run.path / "latency.json"
    return Clock(watch, predictor(watch, full.fingerprint, keys.timed_subnets, recipe.seed, kept))


def _front(task: _Task, scored: Callable[[Progress], None] = lambda progress: None) -> Front:
    """Score what is not scored yet, alone or with other processes; calls ``scored`` for each."""
    keys = task.recipe.search
    settings = search_settings(task.recipe, task.run, task.full.fingerprint)
    found = gc.search(
        task.supernet,
        pairs=task.pairs,
        trials=keys.trials,
        mac_budget=keys.mac_budget,
        folder=task.run.path,
        settings=replace(
            settings,
            reference=task.reference,
            latency=task.predict,
            scored=scored,
            module_at=task.module_at,
        ),
    )
    return found.front


def _conclude(task: _Task, front: Front) -> Candidate:
    """Choose for the budget, keep the student, draw what was found."""
    run, space = task.run, task.supernet.space
    remarks = coverage(front, space, task.limits, task.costs)
    if task.clock is None:
        chosen = front.best(task.budget, task.reference)
    else:
        front, chosen, measured = task.clock.best(front, task.budget, task.reference)
        remarks += measured
    remarks += dropped_branches(space, chosen.subnet)
    front.to_csv(run.path / "front.csv")
    name = _keep(task, chosen)
    draw_front(front, chosen, space, run, task.limits)
    facts = {
        "scored": len(front.candidates),
        "subnet": chosen.subnet.text,
        "costs": dict(chosen.costs),
        "limits": task.limits,
        "remarks": [*trust(front, chosen), *remarks],
        "student": name,
    }
    if task.recipe.solves:
        facts["finalists"] = _finalists(task, front, chosen)
    run.complete("search", facts, ["front.csv", name])
    adopt_student(run)
    return chosen


def _finalists(task: _Task, front: Front, chosen: Candidate) -> list[str]:
    """The subnets whose weights are worth solving for layer by layer, the chosen one first."""
    ranked = [chosen]
    if task.clock is None:
        ranked = front.ranked(task.budget, task.reference)
    return [one.subnet.text for one in ranked[: task.recipe.reconstruct.finalists]]


def _keep(task: _Task, chosen: Candidate) -> str:
    """Extract the chosen subnet, with its own BatchNorm statistics; returns where it is kept."""
    module = task.module_at(chosen.subnet)
    provenance = {
        "teacher": task.pairs.plan.teacher,
        "supernet": task.full.fingerprint,
        "subnet": chosen.subnet.text,
        "scores": {f"{stage}.{name}": value for (stage, name), value in chosen.scores.items()},
    }
    student = Student(module, task.full.inputs, task.full.architecture, provenance)
    return keep_student(student, task.run, title_of(task.recipe.search))
