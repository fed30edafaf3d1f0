"""What a recipe's student is beside its teacher: its shapes, what is elastic, what it may cost."""

import warnings
from collections.abc import Callable
from typing import Any

from torch import Tensor

from gancompress import assemble
from gancompress.api.costs import module_costs
from gancompress.architecture_search.budget import (
    METRICS,
    Budget,
    budget_of,
    check_feasible,
    columns_of,
    format_amount,
)
from gancompress.architecture_search.study import cost_function
from gancompress.assemble.check.findings import Findings
from gancompress.assemble.check.network import UNFIT, Network, example_on, shapes, size
from gancompress.assemble.check.proposal import fitting, proposal
from gancompress.assemble.check.teacher import Known, several
from gancompress.assemble.inherit import check_kept, inherit, keep_of_teacher, start_from
from gancompress.batch import WHOLE, Input, InputSpec
from gancompress.errors import GancompressError, RecipeError
from gancompress.generators.build import build
from gancompress.recipe.schema import Recipe
from gancompress.supernet import Supernet

# Groups that are named where nothing is elastic.
TOLD = 3


def look_at_student(recipe: Recipe, teacher: Known | None, found: Findings) -> Network | None:
    """The recipe's student; None where it cannot be built or run, which is among the mistakes."""
    with found.noting("student.factory"):
        known = teacher.architecture if teacher else None
        network = Network(assemble.student_architecture(recipe, known).build)
        _build(recipe, network)
        if teacher is None:
            return network
        before = len(found.mistakes)
        _check_fed(recipe, network, teacher, found)
        if len(found.mistakes) == before:
            _check_answer(recipe, network, teacher)
        return network
    return None


def _build(recipe: Recipe, network: Network) -> None:
    try:
        network.bare  # noqa: B018 - what cannot be built is told here
    except RecipeError as error:
        if recipe.student.separable and "separable pattern" in str(error):
            raise RecipeError(f"student.separable: {error}") from error
        raise


def _check_fed(recipe: Recipe, network: Network, teacher: Known, found: Findings) -> None:
    """Whether the student takes what the teacher is fed, as far as it says what it takes."""
    own = getattr(network.bare, "inputs", None)
    if not isinstance(own, dict) or not all(isinstance(e, Input) for e in own.values()):
        return
    theirs = teacher.inputs
    if own.keys() != theirs.keys() or any(_unlike(own[n], theirs[n]) for n in own):
        wanted = _suggested(recipe, teacher)
        found.mistake(
            f"student.kwargs: the student is fed {shapes(own)}, the teacher {shapes(theirs)}; "
            f"make them equal{wanted}"
        )
        return
    for name, entry in own.items():
        limits = theirs[name].low, theirs[name].high
        if entry.kind == "image" and (entry.low, entry.high) != limits:
            found.remark(
                f"student.factory: it says that black and white of {name} are {entry.low:g} and "
                f"{entry.high:g}; it is fed the teacher's {limits[0]:g} and {limits[1]:g}"
            )


def _unlike(own: Input, theirs: Input) -> bool:
    if own.kind in ("image", "label_map"):  # of any size, as a rule
        return own.shape[:1] != theirs.shape[:1]
    return (own.kind in WHOLE, own.shape, own.classes) != (
        theirs.kind in WHOLE,
        theirs.shape,
        theirs.classes,
    )


def _check_answer(recipe: Recipe, network: Network, teacher: Known) -> None:
    fed = example_on(network.bare, teacher.inputs)
    made = network(
        f"student.factory: cannot take what the teacher is fed ({shapes(teacher.inputs)})", **fed
    )
    if not isinstance(made, Tensor):
        raise RecipeError(several("student", made))
    shape = tuple(made.shape[1:])
    if teacher.output is not None and shape != teacher.output:
        wanted = _suggested(recipe, teacher)
        raise RecipeError(
            f"student.kwargs: the student makes {size(shape)}, the teacher "
            f"{size(teacher.output)}; make them equal{wanted}"
        )


def _suggested(recipe: Recipe, teacher: Known) -> str:
    keys = recipe.student
    if keys.factory == "teacher":
        return ""
    changes = fitting(keys.factory, keys.kwargs, teacher.inputs, teacher.output)
    network = Network(lambda: build(keys.factory, **{**keys.kwargs, **changes}))
    fed = example_on(network.bare, teacher.inputs) if changes else {}
    return proposal("student.kwargs", changes, network, fed)


def look_at_supernet(
    recipe: Recipe, network: Network, teacher: Known, found: Findings
) -> Supernet | None:
    """The student made elastic, with what it takes over of the teacher; None where that fails."""
    before = len(found.mistakes)
    with found.noting("student.init"):
        if (recipe.student.init == "teacher" or recipe.orders) and teacher.network:
            _without_warning(inherit, network.bare, teacher.network.bare)
    with found.noting("student.file"):
        if recipe.student.file:
            anew = _without_warning(start_from, network.bare, recipe.student.file)
            check_kept(network.bare, anew, recipe.student.keep)
    with found.noting("student.keep"):
        if recipe.student.keep and not recipe.student.file:
            if teacher.network is None:
                raise RecipeError(
                    "student.keep: a black box does not show its parts; leave it empty"
                )
            theirs = teacher.network.bare
            _without_warning(keep_of_teacher, network.bare, theirs, recipe.student.keep)
    if len(found.mistakes) > before:
        return None
    with found.noting("student.factory"):
        supernet = _elastic(recipe, network, teacher.inputs)
        if supernet.space.size == 1:
            raise RecipeError(_nothing_elastic(recipe, supernet))
        with found.noting("distill.fixed"):
            if recipe.distill.fixed:
                supernet.space.parse(recipe.distill.fixed)
        return supernet
    return None


def _without_warning(take: Callable[..., Any], *arguments: Any) -> Any:
    with warnings.catch_warnings():
        # Nothing arrives on the meta device, and nothing has to.
        warnings.simplefilter("ignore")
        return take(*arguments)


def _elastic(recipe: Recipe, network: Network, inputs: InputSpec) -> Supernet:
    failed: Exception | None = None
    for module in network.attempts():
        try:
            return assemble.make_supernet(module, inputs, recipe.student)
        except (GancompressError, *UNFIT) as error:
            failed = error
    assert failed is not None
    raise failed


def _nothing_elastic(recipe: Recipe, supernet: Supernet) -> str:
    keys = recipe.student
    names = {name for name, _ in supernet.module.named_parameters()}
    groups = [g for g in supernet.groups if any(name in names for name, _ in g.places)]
    reasons = [
        f"{g.name} ({g.channels}): {g.pinned or 'no narrower width is allowed'}" for g in groups
    ]
    told = "; ".join(reasons[:TOLD]) + ("; …" if len(reasons) > TOLD else "")
    return (
        f"student: nothing of {keys.factory!r} can be made narrower under divisor {keys.divisor} "
        f"and minimum {keys.minimum}: {told}; lower these, or see `gancompress inspect`"
    )


def check_budget(recipe: Recipe, supernet: Supernet, teacher: Known, found: Findings) -> None:
    """Whether some subnet keeps the budget; a latency is known only where it is measured."""
    with found.noting("search.mac_budget"):
        budget = budget_of(recipe.search)
        known = Budget({n: amount for n, amount in budget.amounts.items() if n != "latency"})
        reference: dict[str, float] = {}
        if teacher.network is not None:
            reference = module_costs(teacher.network.bare, teacher.inputs)
        costs = cost_function(supernet.cost_model)
        limits = known.limits(reference)
        check_feasible(limits, supernet.space, costs)
        largest = columns_of(costs, [supernet.space.largest])
        for name, limit in limits.items():
            most = float(largest[METRICS[name].column][0])
            if limit >= most:
                found.remark(
                    f"{METRICS[name].key}: {format_amount(limit, name)} is not below the largest "
                    f"subnet ({format_amount(most, name)}): every subnet keeps it"
                )
