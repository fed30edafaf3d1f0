"""`evaluate WHAT --against DATA`: scores of anything that makes or holds images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gancompress.assemble.open_generator import open_generator
from gancompress.assemble.problems import tell_problems
from gancompress.atomic import write_json
from gancompress.batch import DRAWN
from gancompress.data.cache import default_cache
from gancompress.data.digits import open_digits
from gancompress.data.images import open_images
from gancompress.errors import MetricError
from gancompress.metrics.classifier import is_classifier
from gancompress.metrics.evaluate import by_class, collapse, look, scores
from gancompress.metrics.extractors import open_extractor
from gancompress.metrics.frechet import FeatureStatistics
from gancompress.metrics.material import Material, Named
from gancompress.metrics.memorisation import memorisation, save_suspects
from gancompress.metrics.per_class import class_table
from gancompress.metrics.pixels import PIXELS, pixel_scores
from gancompress.metrics.provenance import Score, table
from gancompress.metrics.sources import ImageSource, generated
from gancompress.metrics.statistics_file import load_statistics
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
    what: str | Path,
    against: str | Path,
    *,
    extractor: str,
    metrics: Sequence[str] = METRICS,
    samples: int,
    seed: int,
    batch_size: int = 64,
    device: str = "auto",
    family: str | None = None,
    factory: str | None = None,
    settings: Mapping[str, Any] | None = None,
    inputs: str | Path | None = None,
    output: Path | None = None,
    progress: bool = True,
) -> Evaluation:
    """Judge ``what`` against real images; the same numbers under ``accelerate launch`` as in one.

    Args:
        what: a run directory (its student), a student or teacher file, or a folder or zip of
            images.
        against: ``digits``, a folder or zip of images, statistics (``.npz``), or the file of a
            generator, which is fed the same inputs.
        extractor: see :func:`gancompress.metrics.extractors.open_extractor`.
        metrics: names in :data:`gancompress.metrics.evaluate.METRICS`.
        samples: images to generate; of a folder or zip, all are taken.
        seed: of the generated images and of everything a metric draws.
        batch_size: images at once.
        device: of extractor and generator: ``auto`` or ``cpu``.
        family: of a teacher file that does not show it.
        factory: of a student whose architecture is not built in, or of own weights.
        settings: of a teacher file (``part``, ``size``, …), or arguments of the factory.
        inputs: folder or zip of images that an image-to-image generator is fed.
        output: folder for ``scores.json`` and, with ``memorisation``, ``nearest.png``; by default
            ``report`` in a run, and otherwise nothing is written.
        progress: show bars.
    """
    accelerator = make_accelerator(device, "no")
    device = str(accelerator.device)
    # Before anything is read or downloaded for it; pixels alone need no extractor.
    network = None if set(metrics) <= PIXELS.keys() else open_extractor(extractor, device=device)
    open_side = partial(_open_side, samples=samples, seed=seed, device=device, inputs=inputs)
    judged = open_side(Path(what), family=family, factory=factory, settings=settings)
    reference: Named | tuple[str, FeatureStatistics]
    classes: tuple[str, ...] = ()
    if _is_generator(Path(against)):
        reference = open_side(Path(against), family=None, factory=None, settings=None)
    else:
        reference, classes = _open_reference(str(against), judged.source)
    if output is None and is_run(Path(what)):
        output = Path(what) / "report"
    if network is None and isinstance(reference, Named):
        found = pixel_scores(judged, reference, metrics)
        if output is not None and accelerator.is_main_process:
            write_json(output / "scores.json", [score.to_json() for score in found])
        return Evaluation(found, "\n\n".join([table(found), found[0].line()]))
    if network is None:
        raise MetricError(f"{against}: statistics; {metrics[0]} compares images, give those")
    material = look(
        judged,
        reference,
        network,
        metrics,
        seed=seed,
        classes=classes,
        batch_size=batch_size,
        cache=default_cache(),
        progress=progress,
    )
    found = scores(material, metrics)
    if output is not None and accelerator.is_main_process:
        _write(found, material, metrics, output)
    return Evaluation(found, _text(found, material, metrics))


def _is_generator(path: Path) -> bool:
    return is_run(path) or (path.is_file() and path.suffix not in (".zip", ".npz"))


def _open_side(
    what: Path,
    *,
    samples: int,
    seed: int,
    device: str,
    family: str | None,
    factory: str | None,
    settings: Mapping[str, Any] | None,
    inputs: str | Path | None,
) -> Named:
    folder = what.is_dir() and not is_run(what) and family is None
    if folder or what.suffix == ".zip":
        images = open_images(what)
        tell_problems(images.problems, str(what))
        return Named(what.name, images)
    if is_classifier(what):
        raise MetricError(f"{what}: is a classifier, not a generator; give it as the extractor")
    teacher = open_generator(what, family=family, factory=factory, settings=settings, inputs=inputs)
    teacher.module.to(device)
    if teacher.data is not None:
        # Each picture that it is fed gives one.
        samples = min(samples, len(teacher.data))
    drawn = all(entry.kind in DRAWN for entry in teacher.inputs.values())
    source = generated(
        teacher,
        teacher.inputs,
        count=samples,
        seed=seed,
        fingerprint=teacher.fingerprint,
        sample=None if drawn else teacher.sample_inputs,
    )
    return Named(what.name, source)


def _open_reference(
    against: str, judged: ImageSource
) -> tuple[Named | tuple[str, FeatureStatistics], tuple[str, ...]]:
    """The reference, and the names of its classes; real images are brought to the judged size."""
    if against.endswith(".npz"):
        return (Path(against).name, load_statistics(against)), ()
    _, channels, height, width = judged.batch([0]).shape
    if against == "digits":
        digits = open_digits(height)
        return Named(against, digits), digits.classes
    images = open_images(against, resolution=(height, width), channels=channels)
    tell_problems(images.problems, against)
    return Named(Path(against).name, images), images.classes


def _text(found: Sequence[Score], material: Material, metrics: Sequence[str]) -> str:
    parts = [table(found)]
    if "class_frechet" in metrics:
        parts.append(class_table(by_class(material)))
    if "collapse" in metrics:
        parts.append(collapse(material).line())
    return "\n\n".join([*parts, found[0].line()] if found else parts)


def _write(
    found: Sequence[Score], material: Material, metrics: Sequence[str], output: Path
) -> None:
    write_json(output / "scores.json", [score.to_json() for score in found])
    if "memorisation" in metrics and isinstance(material.reference, Named):
        neighbours = memorisation(*material.features())
        sources = material.judged.source, material.reference.source
        save_suspects(neighbours, *sources, output / "nearest.png")
