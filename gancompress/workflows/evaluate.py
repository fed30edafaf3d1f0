"""`evaluate WHAT --against DATA`: scores of anything that makes or holds images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gancompress.api.evaluate import open_reference
from gancompress.assemble.open_generator import GeneratorFile, open_generator
from gancompress.assemble.problems import tell_problems, tell_resized
from gancompress.atomic import write_json
from gancompress.batch import DRAWN
from gancompress.data.cache import default_cache
from gancompress.data.images import Images, common_size, open_images
from gancompress.errors import MetricError
from gancompress.metrics.by_name import by_class, collapse
from gancompress.metrics.classifier import is_classifier
from gancompress.metrics.comparison import Comparison, Named
from gancompress.metrics.evaluate import compare, scores
from gancompress.metrics.extractors import open_extractor
from gancompress.metrics.frechet import FeatureStatistics
from gancompress.metrics.memorisation import memorisation, save_suspects
from gancompress.metrics.options import EvaluationOptions
from gancompress.metrics.per_class import class_table
from gancompress.metrics.pixels import PIXELS, pixel_scores
from gancompress.metrics.provenance import Score, table
from gancompress.metrics.sources import generated
from gancompress.run import is_run
from gancompress.training.optimise import make_accelerator

METRICS = ("frechet", "kid", "manifold")


@dataclass(frozen=True)
class Evaluation:
    """What :func:`evaluate` found.

    Attributes:
        scores: in the order of the metrics, each with its provenance.
        text: tables for the terminal.
    """

    scores: list[Score]
    text: str


def evaluate(
    what: GeneratorFile,
    against: str | Path,
    *,
    extractor: str,
    metrics: Sequence[str] = METRICS,
    options: EvaluationOptions | None = None,
    device: str = "auto",
    output: Path | None = None,
) -> Evaluation:
    """Score ``what`` against real images; the same numbers under ``accelerate launch`` as in one.

    Args:
        what: a generator, or a folder or zip of images.
        against: ``digits``, a folder or zip of images, statistics (``.npz``), or the file of a
            generator, which is fed the same inputs.
        extractor: see :func:`gancompress.metrics.extractors.open_extractor`.
        metrics: names in :func:`gancompress.metrics.by_name.find_metric`.
        options: images to generate (of a folder or zip, all are taken), seed, ….
        device: of extractor and generator: ``auto`` or ``cpu``.
        output: folder for ``scores.json`` and, with ``memorisation``, ``nearest.png``; by default
            ``report`` in a run, and otherwise nothing is written.
    """
    accelerator, how = make_accelerator(device, "no"), options or EvaluationOptions()
    place = str(accelerator.device)
    # Before anything is read or downloaded for it; pixels alone need no extractor.
    network = None if set(metrics) <= PIXELS.keys() else open_extractor(extractor, device=place)
    evaluated, reference = open_sides(what, against, how, place)
    if output is None and is_run(what.path):
        output = what.path / "report"
    comparison = None
    if network is None:
        if not isinstance(reference, Named):
            raise MetricError(f"{against}: statistics; {metrics[0]} compares images, give those")
        _tell_resized(Path(against), evaluated, reference)
        found = pixel_scores(evaluated, reference, metrics)
    else:
        how = replace(how, cache=default_cache())
        comparison = compare(evaluated, reference, network, metrics, how)
        found = scores(comparison, metrics)
    if output is not None and accelerator.is_main_process:
        _write(found, comparison, metrics, output)
    return Evaluation(found, _text(found, comparison, metrics))


def open_sides(
    what: GeneratorFile, against: str | Path, how: EvaluationOptions, device: str
) -> tuple[Named, Named | tuple[str, FeatureStatistics]]:
    """The images evaluated, and the images or statistics that they are compared with."""
    evaluated = _open_side(what, how, device)
    if _is_generator(Path(against)):
        other = GeneratorFile(Path(against), inputs=what.inputs)
        return evaluated, _open_side(other, how, device)
    reference = open_reference(against, evaluated)
    if isinstance(reference, Named) and isinstance(reference.source, Images):
        tell_problems(reference.source.problems, str(against))
    return evaluated, reference


def _is_generator(path: Path) -> bool:
    return is_run(path) or (path.is_file() and path.suffix not in (".zip", ".npz"))


def _open_side(what: GeneratorFile, how: EvaluationOptions, device: str) -> Named:
    path = what.path
    folder = path.is_dir() and not is_run(path) and what.family is None
    if folder or path.suffix == ".zip":
        images = open_images(path)
        tell_problems(images.problems, str(path))
        return Named(path.name, images)
    if is_classifier(path):
        raise MetricError(f"{path}: is a classifier, not a generator; give it as the extractor")
    teacher = open_generator(what)
    teacher.module.to(device)
    # Each picture that it is fed gives one.
    samples = how.samples if teacher.data is None else min(how.samples, len(teacher.data))
    drawn = all(entry.kind in DRAWN for entry in teacher.inputs.values())
    source = generated(
        teacher,
        teacher.inputs,
        count=samples,
        seed=how.seed,
        fingerprint=teacher.fingerprint,
        sample=None if drawn else teacher.sample_inputs,
    )
    return Named(path.name, source)


def _tell_resized(against: Path, evaluated: Named, reference: Named) -> None:
    """Pixels of resized images are not those that were asked for."""
    if not isinstance(reference.source, Images) or not against.exists():
        return
    channels, height, width = reference.source.shape
    own = common_size(against, channels)
    if own not in (None, (height, width)):
        tell_resized(against, own, (height, width), f"the size of what {evaluated.name} makes")


def _text(found: Sequence[Score], comparison: Comparison | None, metrics: Sequence[str]) -> str:
    parts = [table(found)]
    if comparison is not None and "class_frechet" in metrics:
        parts.append(class_table(by_class(comparison)))
    if comparison is not None and "collapse" in metrics:
        parts.append(collapse(comparison).line())
    return "\n\n".join([*parts, found[0].line()] if found else parts)


def _write(
    found: Sequence[Score], comparison: Comparison | None, metrics: Sequence[str], output: Path
) -> None:
    write_json(output / "scores.json", [score.to_json() for score in found])
    if comparison is None or not isinstance(comparison.reference, Named):
        return
    if "memorisation" in metrics:
        neighbours = memorisation(*comparison.features())
        sources = comparison.evaluated.source, comparison.reference.source
        save_suspects(neighbours, *sources, output / "nearest.png")
