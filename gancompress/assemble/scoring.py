"""How the search of a recipe scores subnets."""

import hashlib
import json
from dataclasses import replace

from gancompress import assemble
from gancompress.api import scoring
from gancompress.api.scoring import SearchSettings
from gancompress.architecture_search.evaluator import load_score_function
from gancompress.assemble.scores import extractor_of
from gancompress.batch import Batch
from gancompress.data.live import Pairs
from gancompress.recipe.load import recipe_to_dict
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir


def search_settings(recipe: Recipe, run: RunDir, supernet: str) -> SearchSettings:
    """What the recipe says of its search; ``supernet`` is the fingerprint of what is searched."""
    data = assemble.real_images(recipe)
    images = data[0] if data else None
    extractor = extractor_of(recipe, run, images) if recipe.search.finalists else None
    return replace(
        paired_settings(recipe),
        real=images,
        extractor=extractor or "",
        name=recipe.name,
        conditions=conditions(recipe, supernet),
    )


def paired_settings(recipe: Recipe) -> SearchSettings:
    """What it says of the distance to the teacher alone."""
    return SearchSettings(
        options=recipe.search,
        terms=list(recipe.distill.terms),
        batch_size=recipe.distill.batch_size,
        seed=recipe.seed,
    )


def check_evaluators(recipe: Recipe) -> None:
    """Refuse evaluators that cannot be had."""
    for evaluator in recipe.search.evaluators.values():
        if evaluator.function:
            load_score_function(evaluator.function)


def conditions(recipe: Recipe, supernet: str) -> str:
    """What scores must have in common to be compared: the supernet's fingerprint and the keys."""
    keys = recipe.search
    counts = (
        keys.score_samples,
        keys.screen_samples,
        keys.finalist_samples,
        keys.seeds,
        keys.calibration_batches,
    )
    own = [f"{name}={e.function}/{e.better}" for name, e in keys.evaluators.items()]
    if recipe.solves:
        own.append(f"solved={recipe.reconstruct.samples}")
    # Scores of another extractor, or on other images, are not the same. The pairs are in the
    # supernet.
    metric = recipe_to_dict(
        {
            "extractor": recipe.evaluate.extractor,
            "classifier_steps": recipe.evaluate.classifier_steps,
            "data": recipe.data,
            "seed": recipe.seed,
            "batch_size": recipe.distill.batch_size,
        }
    )
    digest = hashlib.sha256(json.dumps(metric, sort_keys=True).encode()).hexdigest()[:12]
    return ":".join(map(str, (supernet, *counts, *own, digest)))


def calibration_batches(recipe: Recipe, pairs: Pairs) -> list[Batch]:
    """Training inputs for BatchNorm statistics."""
    return scoring.calibration_batches(pairs, recipe.search, recipe.distill.batch_size)
