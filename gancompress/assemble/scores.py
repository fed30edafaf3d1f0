"""Scores of images in a run: the recipe's extractor, and a generator's scores by it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from gancompress.assemble.identity import keys_of
from gancompress.assemble.stages import CLASSIFIER
from gancompress.assemble.teacher_data import expanded
from gancompress.batch import Batch, InputSpec, batch_size, rows
from gancompress.data.images import Images
from gancompress.errors import RecipeError
from gancompress.metrics.classifier import ClassifierOptions, save_classifier, train_classifier
from gancompress.metrics.collect import Collected, collect
from gancompress.metrics.conditional import conditional_accuracy
from gancompress.metrics.extractors import open_extractor
from gancompress.metrics.features import Extractor
from gancompress.metrics.frechet import FeatureStatistics, frechet_distance
from gancompress.metrics.sources import generated
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir

# Classes whose confusion is kept; the table of more would be too wide to look at.
SHOWN_CLASSES = 32

CLASSIFIER_FILE = "classifier.safetensors"


@dataclass(frozen=True)
class Scores:
    """Scores of one generator.

    Attributes:
        frechet: distance to the real images in the extractor's features.
        accuracy: share of the images in which the extractor sees the class asked for; None where
            there are no classes.
        confusion: images by the class asked for (rows) and the class seen; empty where there are no
            classes, or too many to look at.
        classes: their names, as many.
    """

    frechet: float
    accuracy: float | None
    confusion: Sequence[Sequence[int]] = ()
    classes: Sequence[str] = ()


def extractor_of(
    recipe: Recipe, run: RunDir, train: Images | None, device: str = "cpu"
) -> Extractor | None:
    """The recipe's extractor; a classifier is trained on the real images once and kept.

    None where a classifier is wanted and there are no real images.
    """
    if recipe.evaluate.extractor != "classifier":
        return open_extractor(expanded(recipe.evaluate.extractor), device=device)
    if train is None:
        return None
    path = run.path / CLASSIFIER_FILE
    identity = keys_of(CLASSIFIER, recipe)
    record = run.record("classifier")
    if record is None or record.identity != identity or record.damage(run.path):
        if train.labels is None:
            raise RecipeError(
                "evaluate.extractor: 'classifier' needs labelled real images; put them into one "
                "folder a class, or name another extractor"
            )
        classifier = train_classifier(
            train.batch(range(len(train))),
            train.labels,
            train.classes,
            ClassifierOptions(steps=recipe.evaluate.classifier_steps),
            seed=recipe.seed,
            progress=True,
        )
        run.begin("classifier", identity)
        save_classifier(classifier, path, facts={"data": recipe.data.source})
        run.complete("classifier", {}, [CLASSIFIER_FILE])
    return open_extractor(str(path), device=device)


def score_images(images: Images, extractor: Extractor, reference: FeatureStatistics) -> Scores:
    """The scores of real images: the ceiling of every generator."""
    return _scores_of(collect(images, extractor, keep=True), extractor, reference)


def score_generator(
    module: nn.Module,
    inputs: InputSpec,
    extractor: Extractor,
    reference: FeatureStatistics,
    *,
    count: int,
    seed: int,
    given: Batch | None = None,
) -> Scores:
    """The scores of ``count`` images that ``module`` makes of the inputs of stream ``seed``.

    With ``given``, inputs that come from data, of the images made of those.
    """
    module.eval()
    with torch.no_grad():
        source = generated(
            lambda batch: module(**batch),
            inputs,
            count=count if given is None else batch_size(given),
            seed=seed,
            fingerprint="",
            sample=None if given is None else lambda indices, _: rows(given, list(indices)),
        )
        seen = collect(source, extractor, keep=True, progress=True)
    return _scores_of(seen, extractor, reference)


def _scores_of(seen: Collected, extractor: Extractor, reference: FeatureStatistics) -> Scores:
    distance = frechet_distance(seen.statistics, reference)
    if seen.logits is None or seen.labels is None:
        return Scores(distance, None)
    found = conditional_accuracy(seen.logits, seen.labels)
    count = len(found.confusion)
    if count > SHOWN_CLASSES:
        return Scores(distance, found.overall)
    names = getattr(extractor, "classes", None) or [str(number) for number in range(count)]
    return Scores(distance, found.overall, found.confusion.tolist(), list(names))
