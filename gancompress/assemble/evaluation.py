"""How a teacher is evaluated while it is trained: samples by class, and their distances."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.assemble.samples import Samples
from gancompress.assemble.scores import extractor_of
from gancompress.batch import Batch, InputSpec, class_count, draw_inputs
from gancompress.data.images import Images
from gancompress.metrics.collapse import class_diversity, diversity
from gancompress.metrics.collect import Collected, collect
from gancompress.metrics.conditional import conditional_accuracy
from gancompress.metrics.features import Extractor
from gancompress.metrics.frechet import frechet_distance
from gancompress.metrics.sources import generated
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.teach.evaluation import EvaluationPlan

# Samples shown of a class, and classes shown; rows where there are no classes.
COLUMNS = 8
CLASSES = 10
ROWS = 4

# Images of a class, real and generated, from which its diversity is told.
LEAST = 20


def evaluation_plan(
    recipe: Recipe,
    run: RunDir,
    images: Images,
    inputs: InputSpec,
    accelerator: Accelerator,
    samples: Samples,
) -> EvaluationPlan | None:
    """How the recipe's generator from noise is evaluated in its training; None where it is not.

    Without labels no classifier can be trained to score with, so there are but pictures.
    """
    options = recipe.teach
    if not options.evaluate_every or options.evaluate_every > options.steps:
        return None
    device = accelerator.device
    score = None
    if recipe.evaluate.extractor != "classifier" or images.labels is not None:
        with accelerator.main_process_first():
            extractor = extractor_of(recipe, run, images, str(device))
        assert extractor is not None  # there are real images
        score = GeneratorScore(
            reference=collect(images, extractor, keep=True),
            extractor=extractor,
            inputs=inputs,
            count=options.evaluation_samples,
            seed=recipe.seed + 1,
            device=device,
            classes=images.classes,
        )
    show = _painter(samples, inputs, recipe.seed + 1, device, images.classes)
    return EvaluationPlan(options.evaluate_every, show, score, options.best)


@dataclass(frozen=True)
class GeneratorScore:
    """Scores of a generator's images against the training images.

    Attributes:
        reference: of those, with features.
        extractor: the recipe's.
        inputs: of the generator.
        count: images to generate.
        seed: of their inputs; not the training's.
        device: of the generator.
        classes: names.
    """

    reference: Collected
    extractor: Extractor
    inputs: InputSpec
    count: int
    seed: int
    device: torch.device
    classes: tuple[str, ...]

    def __call__(self, module: nn.Module) -> dict[str, Any]:
        """``frechet``, ``diversity`` and, with classes, ``class_diversity`` and ``accuracy``."""
        source = generated(
            lambda batch: module(**_placed(batch, self.device)),
            self.inputs,
            count=self.count,
            seed=self.seed,
            fingerprint="",
        )
        seen, real = collect(source, self.extractor, keep=True), self.reference
        assert seen.features is not None
        assert real.features is not None
        scores: dict[str, Any] = {
            "frechet": frechet_distance(seen.statistics, real.statistics),
            "diversity": diversity(seen.features, real.features),
        }
        if seen.labels is not None and seen.logits is not None and self._knows_classes(seen.logits):
            scores["accuracy"] = conditional_accuracy(seen.logits, seen.labels).overall
        ours, theirs = _classes_of(seen, real)
        if ours is not None and theirs is not None:
            names = self.classes or tuple(map(str, range(int(theirs.max()) + 1)))
            scores["class_diversity"] = class_diversity(
                seen.features, ours, real.features, theirs, names, least=LEAST
            )
        return scores

    def _knows_classes(self, logits: Tensor) -> bool:
        """Whether the extractor tells the classes of the data, or others."""
        return logits.shape[1] == len(self.classes)


def _classes_of(seen: Collected, real: Collected) -> tuple[Tensor | None, Tensor | None]:
    """The classes asked for and given; where nobody says, those that the extractor sees."""
    if seen.labels is not None and real.labels is not None:
        return seen.labels, real.labels
    if seen.logits is None or real.logits is None:
        return None, None
    return seen.logits.argmax(1), real.logits.argmax(1)


def _painter(
    samples: Samples, inputs: InputSpec, seed: int, device: torch.device, names: tuple[str, ...]
) -> Callable[[int, nn.Module], None]:
    """Draws images of the same few latents: a row a class; the film has one of each."""
    classes = class_count(inputs)
    rows = min(classes, CLASSES) or ROWS
    titles = [names[row] if classes and names else str(row + 1) for row in range(rows)]
    labels = [row for row in range(rows) for _ in range(COLUMNS)]
    latents = draw_inputs(inputs, range(rows * COLUMNS), seed, labels)

    def show(step: int, module: nn.Module) -> None:
        made = module(**_placed(latents, device)).float().cpu().split(COLUMNS)
        frame = torch.cat([row[:1] for row in made]) if classes else made[0]
        samples(step, dict(zip(titles, made, strict=True)), frame)

    return show


def _placed(batch: Mapping[str, Tensor], device: torch.device) -> Batch:
    return {name: value.to(device) for name, value in batch.items()}
