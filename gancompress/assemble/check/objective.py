"""Whether what a student is asked for fits its shapes: terms, taps, discriminator."""

import difflib
from collections.abc import Sequence
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
from gancompress.batch import example_inputs
from gancompress.distillation.feature_network import open_network
from gancompress.distillation.features import prepare_features
from gancompress.distillation.objective import (
    DISCRIMINATOR_TERMS,
    NETWORK_TERMS,
    TAPPED_TERMS,
    TERMS,
)
from gancompress.distillation.terms import OUTPUT, PRIOR, SCORES
from gancompress.errors import RecipeError
from gancompress.generators.build import build
from gancompress.recipe.schema import Recipe
from gancompress.training.weights import load_weights

# Samples that terms are tried on.
SAMPLES = 2


def check_terms(recipe: Recipe, output: tuple[int, ...] | None, found: Findings) -> None:
    """Whether every term is known, has what it needs and can compare such answers."""
    keys = recipe.distill
    if not keys.terms:
        found.mistake("distill.terms: empty; name at least one, for instance l1")
    for name, term in keys.terms.items():
        place = f"distill.terms.{name}"
        if name not in TERMS:
            near = difflib.get_close_matches(name, TERMS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(TERMS))}"
            found.mistake(f"{place}: unknown term; {hint}")
        elif name in DISCRIMINATOR_TERMS and not keys.discriminator.factory:
            found.mistake(f"{place}: needs distill.discriminator, which has no factory")
        elif name in NETWORK_TERMS and not term.network:
            found.mistake(
                f"{place}.network: missing; name what the images are looked at with, e.g. "
                "squeezenet:squeezenet1_1.pth or a classifier of `gancompress train-extractor`"
            )
        elif output is not None:
            with found.noting(place):
                _try_term(place, name, term.network, term.taps, output)


def _try_term(
    place: str, name: str, network: str, taps: Sequence[str], output: tuple[int, ...]
) -> None:
    """Compare two answers of zeros."""
    image = len(output) == 3
    answers = torch.zeros(SAMPLES, *output)
    if (name in SCORES) == image and (name in SCORES or name in NETWORK_TERMS):
        wanted = "scores" if name in SCORES else "images"
        raise RecipeError(
            f"{place}: compares {wanted}, the teacher answers {size(output)}; take "
            + ("l1 or another term of images" if image else "kl or l1")
        )
    if name in NETWORK_TERMS:
        open_network(place, expanded(network), taps, "cpu").maps(answers[:1])
        return
    try:
        if name in OUTPUT or name in SCORES:
            (OUTPUT | SCORES)[name](answers, answers)
        elif name in PRIOR:
            PRIOR[name](answers)
    except (IndexError, RuntimeError, ValueError) as error:
        raise RecipeError(
            f"{place}: cannot compare answers of {size(output)} ({' '.join(str(error).split())}); "
            "take another term, e.g. l1"
        ) from error


def check_taps(recipe: Recipe, student: Network, teacher: Known, found: Findings) -> None:
    """Whether feature terms find their maps in both networks."""
    inside = [name for name in recipe.distill.terms if name in TAPPED_TERMS]
    if not inside:
        return
    for name in inside:
        place = f"distill.terms.{name}.taps"
        with found.noting(place):
            _find(recipe, name, student, teacher)


def _find(recipe: Recipe, name: str, student: Network, teacher: Known) -> None:
    taps = {name: recipe.distill.terms[name].taps}
    settings: dict[str, Any] = {"inputs": teacher.inputs, "taps": taps, "networks": {}, "seed": 0}

    def find(whole: bool) -> None:
        ours = student.whole if whole else student.bare
        theirs = teacher.network
        prepare_features(
            [name],
            student=ours,
            teacher=None if theirs is None else (theirs.whole if whole else theirs.bare),
            batch=example_on(ours, teacher.inputs),
            **settings,
        )

    try:
        find(whole=False)
    except RecipeError:
        raise
    except Exception:  # without data some networks do not run that do with them
        find(whole=True)


def check_discriminator(recipe: Recipe, teacher: Known, real: Look | None, found: Findings) -> None:
    """Whether the student's discriminator judges such images, beside what it is told."""
    keys = recipe.distill.discriminator
    if not any(name in DISCRIMINATOR_TERMS for name in recipe.distill.terms) or not keys.factory:
        return
    network = Network(lambda: build(keys.factory, **keys.kwargs))
    with found.noting("distill.discriminator.factory"):
        network.bare  # noqa: B018 - what cannot be built is told here
        if keys.file:
            load_weights(network.whole, Path(keys.file).expanduser(), "distill.discriminator.file")
        _check_real(recipe, teacher, real, found)
        if teacher.output is not None and _check_told(recipe, teacher, found):
            _try(recipe, network, teacher)


def _check_real(recipe: Recipe, teacher: Known, real: Look | None, found: Findings) -> None:
    """Real images are judged beside generated ones."""
    keys = recipe.distill
    if real is None or not (keys.real_weight > 0 or "adversarial_real" in keys.terms):
        return
    if keys.discriminator.told:
        found.mistake(
            f"distill.discriminator.told: {keys.discriminator.told!r} is not known of the real "
            "images in data.source; write distill.real_weight: 0 and leave out the term "
            "adversarial_real, or leave out one of the two"
        )
    check_classes(real, teacher.inputs, found)
    if teacher.output is not None:
        check_same_shape(real, teacher.output, "the teacher", found)


def _check_told(recipe: Recipe, teacher: Known, found: Findings) -> bool:
    told = recipe.distill.discriminator.told
    if not told or told in teacher.inputs:
        return True
    near = difflib.get_close_matches(told, teacher.inputs, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it is fed {', '.join(teacher.inputs)}"
    found.mistake(f"distill.discriminator.told: the teacher is not fed {told!r}; {hint}")
    return False


def _try(recipe: Recipe, network: Network, teacher: Known) -> None:
    keys = recipe.distill.discriminator
    assert teacher.output is not None
    conditions: dict[str, Tensor] = {}
    given = example_inputs(teacher.inputs)
    for name, entry in teacher.inputs.items():
        if entry.kind == "one_hot":
            conditions[name] = given[name]
            break
    if keys.told:
        conditions["condition"] = given[keys.told]
    images = torch.zeros(SAMPLES, *teacher.output)
    seen = "".join(f" beside {size(x.shape[1:])} as `{n}`" for n, x in conditions.items())
    place = "distill.discriminator"
    try:
        answer = network(
            f"{place}: cannot judge images of {size(teacher.output)}{seen}", images, **conditions
        )
    except RecipeError as error:
        changes = fitting(keys.factory, keys.kwargs, teacher.inputs, teacher.output)
        if keys.told and keys.factory == "patchgan":
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
