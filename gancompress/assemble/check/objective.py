"""Whether what a student is asked for fits its shapes: terms, taps, discriminator."""

import difflib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancompress.assemble.check.data import Look, check_classes, check_same_shape
from gancompress.assemble.check.findings import Findings
from gancompress.assemble.check.network import Network, example_on, size
from gancompress.assemble.check.proposal import fitting, proposal
from gancompress.assemble.check.teacher import Known
from gancompress.assemble.teacher_data import expanded
from gancompress.batch import as_one_hot, class_input, example_inputs
from gancompress.data.outputs import OutputKind, output_kind
from gancompress.distillation.features import Networks, prepare_features
from gancompress.distillation.objective import objective_of
from gancompress.distillation.options import TermOptions
from gancompress.distillation.terms import TERMS, find_term
from gancompress.distillation.terms.term import LossInputs, LossTerm
from gancompress.errors import MetricError, RecipeError
from gancompress.generators.build import build
from gancompress.metrics.feature_network import open_network
from gancompress.recipe.schema import Recipe
from gancompress.training.weights import load_weights

# Samples that terms are tried on.
SAMPLES = 2

_NAMES: dict[OutputKind, str] = {
    "image": "images",
    "audio": "waves",
    "video": "film",
    "scores": "scores",
    "tensor": "other tensors",
}

# What to take for outputs of a kind, where a term is for others.
_FITTING: dict[OutputKind, str] = {
    "image": "l1 or another term of images",
    "scores": "kl or l1",
    "audio": "stft or l1",
}


def check_terms(recipe: Recipe, output: tuple[int, ...] | None, found: Findings) -> None:
    """Whether every term is known, has what it needs and can compare such answers."""
    keys = recipe.distill
    if not keys.terms:
        found.mistake("distill.terms: empty; name at least one, for instance l1")
    if keys.per_tag and output is not None and output_kind((1, *output)) != "scores":
        found.mistake(f"distill.per_tag: the teacher answers {size(output)}, no scores; write 0")
    for name, options in keys.terms.items():
        place = f"distill.terms.{name}"
        with found.noting(place):
            term = _term(place, str(name))
            if "discriminator" in term.needs and not keys.discriminator.factory:
                raise RecipeError(f"{place}: needs distill.discriminator, which has no factory")
            if "feature_network" in term.needs and not options.network:
                raise RecipeError(
                    f"{place}.network: missing; name the network whose feature maps are compared, "
                    "e.g. squeezenet:squeezenet1_1.pth or a classifier of "
                    "`gancompress train-extractor`"
                )
            if output is not None:
                _try_term(place, term, options, output)


def _known_terms(recipe: Recipe) -> dict[str | Callable[..., Any], LossTerm]:
    """The terms of the recipe, without those that :func:`check_terms` found to be unknown."""
    found = {}
    for name in recipe.distill.terms:
        with suppress(RecipeError):
            found[name] = find_term(name)
    return found


def _term(place: str, name: str) -> LossTerm:
    """The term, or what it may have been meant to be."""
    near = difflib.get_close_matches(name, TERMS, n=1, cutoff=0.5)
    if near and name not in TERMS and ":" not in name:
        try:
            return find_term(name)  # of another package
        except RecipeError:
            raise RecipeError(f"{place}: unknown term; did you mean {near[0]!r}?") from None
    return find_term(name)


def _try_term(place: str, term: LossTerm, options: TermOptions, output: tuple[int, ...]) -> None:
    """Compare two answers of zeros."""
    answers = torch.zeros(SAMPLES, *output)
    kind = output_kind(answers.shape)
    if term.outputs and kind not in term.outputs:
        wanted = " or ".join(_NAMES[kind] for kind in _NAMES if kind in term.outputs)
        raise RecipeError(
            f"{place}: compares {wanted}, the teacher answers {size(output)}; take "
            + _FITTING.get(kind, "l1 or l2")
        )
    if "feature_network" in term.needs:
        open_network(place, expanded(options.network), options.taps, "cpu").maps(answers[:1])
    if term.needs:
        return
    try:
        term(LossInputs(student=answers, teacher=answers, options=options))
    except (IndexError, MetricError, RuntimeError, ValueError) as error:
        raise RecipeError(
            f"{place}: cannot compare answers of {size(output)} ({' '.join(str(error).split())}); "
            "take another term, e.g. l1"
        ) from error


def check_taps(recipe: Recipe, student: Network, teacher: Known, found: Findings) -> None:
    """Whether feature terms find their maps in both networks."""
    for name, term in _known_terms(recipe).items():
        if "taps" in term.needs:
            with found.noting(f"distill.terms.{name}.taps"):
                _find({name: recipe.distill.terms[name]}, student, teacher)


def _find(
    terms: dict[str | Callable[..., Any], TermOptions], student: Network, teacher: Known
) -> None:
    objective = objective_of(terms, discriminator=True, real_images=True)

    def find(whole: bool) -> None:
        ours = student.whole if whole else student.bare
        theirs = teacher.network
        network = None if theirs is None else (theirs.whole if whole else theirs.bare)
        batch = example_on(ours, teacher.inputs)
        prepare_features(
            objective, Networks(network), ours, inputs=teacher.inputs, batch=batch, seed=0
        )

    try:
        find(whole=False)
    except RecipeError:
        raise
    except Exception:  # without data some networks do not run that do with them
        find(whole=True)


def check_discriminator(recipe: Recipe, teacher: Known, real: Look | None, found: Findings) -> None:
    """Whether the student's discriminator takes such images, with its condition."""
    keys = recipe.distill.discriminator
    terms = _known_terms(recipe).values()
    if not any("discriminator" in term.needs for term in terms) or not keys.factory:
        return
    network = Network(lambda: build(keys.factory, **keys.kwargs))
    with found.noting("distill.discriminator.factory"):
        network.bare  # noqa: B018 - what cannot be built is told here
        if keys.file:
            load_weights(network.whole, Path(keys.file).expanduser(), "distill.discriminator.file")
        _check_real(recipe, teacher, real, found)
        if teacher.output is not None and _check_condition(recipe, teacher, found):
            _try(recipe, network, teacher)


def _check_real(recipe: Recipe, teacher: Known, real: Look | None, found: Findings) -> None:
    """Real images are compared with generated ones."""
    keys = recipe.distill
    on_real = any("real_images" in term.needs for term in _known_terms(recipe).values())
    if real is None or not (keys.real_weight > 0 or on_real):
        return
    if condition := keys.discriminator.condition:
        found.mistake(
            f"distill.discriminator.condition: {condition!r} is not known of the real images in "
            "data.source; write distill.real_weight: 0 and leave out the term "
            "adversarial_real, or leave out one of the two"
        )
    check_classes(real, teacher.inputs, found)
    if teacher.output is not None:
        check_same_shape(real, teacher.output, "the teacher", found)


def _check_condition(recipe: Recipe, teacher: Known, found: Findings) -> bool:
    condition = recipe.distill.discriminator.condition
    if not condition or condition in teacher.inputs:
        return True
    near = difflib.get_close_matches(condition, teacher.inputs, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(teacher.inputs)}"
    place = "distill.discriminator.condition"
    found.mistake(f"{place}: the teacher has no input {condition!r}; {hint}")
    return False


def _try(recipe: Recipe, network: Network, teacher: Known) -> None:
    keys = recipe.distill.discriminator
    assert teacher.output is not None
    conditions: dict[str, Tensor] = {}
    given = example_inputs(teacher.inputs)
    if told := class_input(teacher.inputs):
        conditions[told] = as_one_hot(teacher.inputs[told], given[told])
    if keys.condition:
        conditions["condition"] = given[keys.condition]
    images = torch.zeros(SAMPLES, *teacher.output)
    seen = "".join(f" beside {size(x.shape[1:])} as `{n}`" for n, x in conditions.items())
    place = "distill.discriminator"
    try:
        answer = network(
            f"{place}: cannot judge images of {size(teacher.output)}{seen}", images, **conditions
        )
    except RecipeError as error:
        changes = fitting(keys.factory, keys.kwargs, teacher.inputs, teacher.output)
        if keys.condition and keys.factory == "patchgan":
            changes["in_channels"] = teacher.output[0] + conditions["condition"].shape[1]
        elif keys.factory == "patchgan":
            changes["in_channels"] = teacher.output[0]
        fit = Network(lambda: build(keys.factory, **{**keys.kwargs, **changes}))
        hint = proposal(f"{place}.kwargs", changes, fit, conditions, images)
        raise RecipeError(f"{error}; give it arguments that fit{hint}") from error
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise RecipeError(
            f"{place}.factory: must answer logits and a list of feature maps, not "
            f"{type(answer).__name__}"
        )
    maps = list(answer[1])
    if keys.widths and (not maps or maps[-1].ndim < 3):
        raise RecipeError(
            f"{place}.widths: needs a discriminator that gives its maps, (logits, [maps from "
            "shallow to deep])"
        )
