"""Whether what a recipe judges by can be had and gives numbers: extractor, evaluators."""

import math

import torch

from gancompress.architecture_search.evaluator import load_score_function
from gancompress.architecture_search.options import EvaluatorOptions
from gancompress.assemble.check.data import Look
from gancompress.assemble.check.findings import Findings
from gancompress.assemble.check.teacher import Known
from gancompress.assemble.teacher_data import expanded
from gancompress.batch import example_inputs
from gancompress.errors import RecipeError
from gancompress.metrics.extractors import open_extractor
from gancompress.recipe.schema import Recipe

# Samples that an evaluator is tried on.
SAMPLES = 4


def check_extractor(recipe: Recipe, real: Look | None, found: Findings) -> None:
    """Open the extractor and show it two images; a classifier needs labelled images to learn."""
    keys = recipe.evaluate
    with found.noting("evaluate.extractor"):
        if keys.extractor == "classifier":
            if real is not None and len(real.classes) < 2:
                count = f"{len(real.classes)} class" if real.classes else "no labels"
                raise RecipeError(
                    f"evaluate.extractor: 'classifier' learns from labelled real images, those in "
                    f"data.source have {count}; put them into one folder a class, or name "
                    "another extractor"
                )
            return
        extractor = open_extractor(expanded(keys.extractor))
        channels = real.shape[0] if real else 3
        if channels not in (1, 3):
            raise RecipeError(
                f"data.channels: {channels}; extractors look at images of 1 or 3 channels"
            )
        side = min(real.shape[1:]) if real else extractor.size
        extractor(torch.zeros(2, channels, side, side, dtype=torch.uint8))


def check_evaluators(recipe: Recipe, teacher: Known | None, found: Findings) -> None:
    """Load every evaluator and call it once, on answers drawn at random."""
    for name, evaluator in recipe.search.evaluators.items():
        place = f"search.evaluators.{name}"
        if not name.replace("-", "").replace("_", "").isalnum():
            found.mistake(f"{place}: a name has letters, digits, - and _ only; call it otherwise")
        with found.noting(f"{place}.function"):
            _try_evaluator(place, evaluator, teacher)


def _try_evaluator(place: str, evaluator: EvaluatorOptions, teacher: Known | None) -> None:
    if not evaluator.function:
        return
    function = load_score_function(evaluator.function)
    if teacher is None or teacher.output is None:
        return
    draw = torch.Generator().manual_seed(0)
    outputs, targets = (
        torch.rand(SAMPLES, *teacher.output, generator=draw) * 2 - 1 for _ in range(2)
    )
    score = function(outputs, example_inputs(teacher.inputs, SAMPLES), targets)
    if math.isnan(score):
        raise RecipeError(
            f"{place}.function: {evaluator.function} gives {score} for answers drawn at random; "
            "it must give a number"
        )
