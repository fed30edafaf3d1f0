"""How good a generator is: scores against real images or another generator, with provenance."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gancompress.api.inputs import inputs_of, rows_of
from gancompress.batch import DRAWN, Batch, InputSpec
from gancompress.data.digits import open_digits
from gancompress.data.images import images_from_tensor, open_images
from gancompress.errors import MetricError
from gancompress.metrics.comparison import Named
from gancompress.metrics.evaluate import compare, scores
from gancompress.metrics.extractors import open_extractor
from gancompress.metrics.features import Extractor, Features
from gancompress.metrics.frechet import FeatureStatistics
from gancompress.metrics.images import as_uint8
from gancompress.metrics.options import EvaluationOptions
from gancompress.metrics.pixels import PIXELS, pixel_scores
from gancompress.metrics.provenance import Score
from gancompress.metrics.sources import generated
from gancompress.metrics.statistics_file import load_statistics
from gancompress.options import check_seed, check_whole
from gancompress.student.file import Student
from gancompress.teachers.teacher import FrozenTeacher, fingerprint_of, take_inputs

#: Maps uint8 images (N, C, H, W) to float features (N, D).
Extract = Callable[[Tensor], Tensor]


def evaluate(
    generator: nn.Module | Student | FrozenTeacher,
    against: Any,
    metrics: Sequence[str] = ("frechet",),
    *,
    extractor: str | Extractor | Extract = "inception",
    options: EvaluationOptions | None = None,
) -> list[Score]:
    """Score the images of a generator against others.

    Args:
        generator: a module, a student, or a teacher.
        against: real images: a folder or zip, ``"digits"``, a tensor (N, C, H, W) in [-1, 1] or
            uint8, statistics (``.npz``); or another generator, which is fed the same inputs.
        metrics: names in ``gancompress.metrics.by_name.METRICS``: ``frechet``,
            ``frechet_infinity``, ``kid``, ``inception_score``, ``manifold``, ``accuracy``,
            ``class_frechet``, ``collapse``, ``memorisation``; between generators also ``psnr``,
            ``ssim``, ``ms_ssim`` and ``perceptual``.
        extractor: the network whose features are compared: a name as in ``docs/metrics.md``, an
            extractor, or a function of uint8 images (N, C, H, W) that gives features (N, D).
        options: see :class:`EvaluationOptions`.

    Returns:
        The scores, each with its provenance; ``score.metric``, ``score.value``.

    Raises:
        MetricError: an unknown metric, or one that is not defined for these images.
    """
    how = options or EvaluationOptions()
    check_whole(how.samples, "gc.evaluate: options.samples", 1)
    check_whole(how.batch_size, "gc.evaluate: options.batch_size", 1)
    check_seed(how.seed, "gc.evaluate: options.seed")
    if not metrics:
        raise MetricError("gc.evaluate: metrics: none; give names, such as frechet")
    evaluated = _generator(generator, how)
    if isinstance(against, str | Path | Tensor):
        reference = open_reference(against, evaluated)
    else:
        reference = _generator(against, how)
    if set(metrics) <= PIXELS.keys() and isinstance(reference, Named):
        return pixel_scores(evaluated, reference, metrics)
    comparison = compare(evaluated, reference, extractor_from(extractor), metrics, how)
    return scores(comparison, metrics)


def _generator(what: Any, how: EvaluationOptions) -> Named:
    inputs: InputSpec
    if isinstance(what, Student):
        name, call, inputs = what.architecture.factory or "student", what.module, what.inputs
        digest = what.fingerprint
    elif isinstance(what, nn.Module):
        name, call = type(what).__name__, what
        inputs = inputs_of(what, how.inputs, "gc.evaluate")
        digest = fingerprint_of(what, inputs)
    elif isinstance(what, FrozenTeacher):
        name, inputs, digest = type(what).__name__, what.inputs, what.fingerprint
        call = None
    else:
        raise MetricError(
            f"gc.evaluate: {type(what).__name__}: give a module, a student, a teacher, or images"
        )
    data = rows_of(how.fed, inputs) if how.fed is not None else getattr(what, "data", None)
    drawn = all(entry.kind in DRAWN for entry in inputs.values())

    def sample(indices: Sequence[int], seed: int) -> Batch:
        return take_inputs(inputs, data, indices, seed)

    def paint(batch: Batch) -> Tensor:
        images: Tensor = what(batch) if call is None else call(**batch)
        return images

    if isinstance(call, nn.Module):
        call.eval()
    source = generated(
        paint,
        inputs,
        count=how.samples,
        seed=how.seed,
        fingerprint=digest,
        sample=None if drawn else sample,
    )
    return Named(name, source)


def open_reference(
    against: str | Path | Tensor, evaluated: Named
) -> Named | tuple[str, FeatureStatistics]:
    """Real images, brought to the size of the evaluated ones, or their statistics (``.npz``)."""
    if isinstance(against, Tensor):
        return Named("images", images_from_tensor(as_uint8(against)))
    path = Path(against)
    if path.suffix == ".npz":
        return path.name, load_statistics(path)
    _, channels, height, width = evaluated.source.batch([0]).shape
    if against == "digits":
        images = open_digits(height)
    else:
        images = open_images(path, resolution=(height, width), channels=channels)
    return Named(path.name, images, images.classes)


def extractor_from(given: str | Extractor | Extract) -> Extractor:
    """The extractor of a name, of itself, or of a function of uint8 images."""
    if isinstance(given, str):
        return open_extractor(given)
    if all(hasattr(given, name) for name in ("name", "fingerprint", "size")):
        return given  # type: ignore[return-value]
    return _Function(given)  # type: ignore[arg-type]


class _Function:
    """A function of images as an extractor."""

    size = 0
    resize = "its own"

    def __init__(self, function: Extract) -> None:
        self._function = function
        self.name = getattr(function, "__name__", type(function).__name__).strip("<>")
        self.fingerprint = hashlib.sha256(self.name.encode()).hexdigest()[:16]

    def __call__(self, images: Tensor) -> Features:
        with torch.no_grad():
            features = self._function(images)
        if features.ndim != 2 or len(features) != len(images):
            raise MetricError(
                f"extractor {self.name}: returned {tuple(features.shape)} for {len(images)} "
                "images; it must be (N, D)"
            )
        return Features(features.float().cpu(), None)
