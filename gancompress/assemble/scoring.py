"""What a search scores subnets by, in stages: cheap scores for many, expensive ones for few."""

import hashlib
import json
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gancompress import assemble
from gancompress.architecture_search.evaluator import (
    GeneratorAt,
    Score,
    Stage,
    distribution_score,
    load_score_function,
    paired_score,
)
from gancompress.assemble.pairs import (
    can_be_drawn,
    paired_metric,
    screen_inputs,
    search_inputs,
)
from gancompress.assemble.scores import extractor_of
from gancompress.batch import Batch
from gancompress.data.encoding import decode_output
from gancompress.data.live import Pairs
from gancompress.metrics.collect import collect
from gancompress.metrics.features import Extractor
from gancompress.metrics.frechet import frechet_distance, statistics_of
from gancompress.metrics.images import as_uint8
from gancompress.recipe.load import recipe_to_dict
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.supernet import Subnet, Supernet
from gancompress.supernet.calibrate import calibrated

# Images scored at once.
BATCH = 64


def stages_of(recipe: Recipe, run: RunDir, supernet: Supernet, pairs: Pairs) -> list[Stage]:
    """All candidates by their distance to the teacher, or by the user's evaluators.

    With real data the best go on to a Fréchet distance on few samples, where fresh ones can be
    drawn, and the best of those to one on many.
    """
    keys = recipe.search
    batches = calibration_batches(recipe, pairs)

    def generator_at(subnet: Subnet) -> Callable[[Batch], Tensor]:
        module = calibrated(supernet, subnet, batches)
        return lambda batch: _call(module, batch)

    stages = [_first(recipe, generator_at, pairs)]
    data = assemble.real_images(recipe)
    extractor = extractor_of(recipe, run, data[0]) if data and keys.finalists else None
    if data is None or extractor is None:
        return stages
    reference = collect(data[0], extractor).statistics

    def distance(features: NDArray[np.float32]) -> float:
        return frechet_distance(statistics_of(torch.from_numpy(features)), reference)

    def frechet(inputs: Callable[[int], Batch]) -> Score:
        return distribution_score(
            generator_at, inputs, _features_by(extractor), {name: distance}, batch=BATCH
        )

    name = f"fd_{extractor.name}"
    drawn = can_be_drawn(pairs)
    if drawn and keys.screened > keys.finalists and keys.screen_samples < keys.finalist_samples:
        screen = frechet(lambda seed: screen_inputs(recipe, pairs))
        stages.append(Stage("screen", {name: "minimize"}, screen, keys.screened))
    final = frechet(lambda seed: search_inputs(recipe, pairs, seed))
    seeds = keys.seeds if drawn else 1
    stages.append(
        Stage(
            name="frechet",
            directions={name: "minimize"},
            score=final,
            subnets=keys.finalists,
            seeds=seeds,
        )
    )
    return stages


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
    own = (f"{name}={e.function}/{e.better}" for name, e in keys.evaluators.items())
    # Scores of another judge, or on other images, are not the same. The pairs are in the supernet.
    judge = recipe_to_dict(
        {
            "extractor": recipe.evaluate.extractor,
            "classifier_steps": recipe.evaluate.classifier_steps,
            "data": recipe.data,
            "seed": recipe.seed,
            "batch_size": recipe.distill.batch_size,
        }
    )
    told = hashlib.sha256(json.dumps(judge, sort_keys=True).encode()).hexdigest()[:12]
    return ":".join(map(str, (supernet, *counts, *own, told)))


def calibration_batches(recipe: Recipe, pairs: Pairs) -> list[Batch]:
    """Training inputs for BatchNorm statistics."""
    size = recipe.distill.batch_size
    starts = range(0, recipe.search.calibration_batches * size, size)
    found = []
    for start in starts:
        indices = [index % len(pairs.train) for index in range(start, start + size)]
        found.append(pairs.batch(indices)[0])
    return found


def _first(recipe: Recipe, generator_at: GeneratorAt, pairs: Pairs) -> Stage:
    keys = recipe.search
    inputs, outputs = pairs.batch(list(pairs.held_out)[: keys.score_samples])
    targets = decode_output(outputs)
    name, distance = paired_metric(recipe, targets)
    functions, directions = {name: distance}, {name: "minimize"}
    if keys.evaluators:
        own = keys.evaluators
        functions = {
            n: load_score_function(e.function) if e.function else distance for n, e in own.items()
        }
        directions = {n: "minimize" if e.better == "lower" else "maximize" for n, e in own.items()}
    score = paired_score(generator_at, lambda seed: (inputs, targets), functions, batch=BATCH)
    return Stage("paired", directions, score, keys.trials)


def _features_by(extractor: Extractor) -> Callable[[Tensor], NDArray[np.float32]]:
    def features(images: Tensor) -> NDArray[np.float32]:
        found: NDArray[np.float32] = extractor(as_uint8(images)).features.numpy()
        return found

    return features


def _call(module: nn.Module, batch: Batch) -> Tensor:
    output: Tensor = module(**batch)
    return output
