"""`evaluate --tsne`: both sides of an evaluation on one map of images."""

from pathlib import Path

from gancompress.assemble.open_generator import GeneratorFile
from gancompress.errors import MetricError
from gancompress.metrics.comparison import Named
from gancompress.metrics.embedding import map_images
from gancompress.metrics.extractors import open_extractor
from gancompress.metrics.options import EvaluationOptions
from gancompress.report.mosaic import save_maps
from gancompress.run import is_run
from gancompress.training.optimise import make_accelerator
from gancompress.workflows.evaluate import open_sides


def draw_tsne(
    what: GeneratorFile,
    against: str | Path,
    *,
    extractor: str,
    options: EvaluationOptions,
    device: str = "auto",
    output: Path | None = None,
) -> Path:
    """Write ``tsne.png``: the evaluated images and those compared with, where like ones are near.

    Args:
        what, against, extractor, device: as :func:`gancompress.workflows.evaluate.evaluate` takes.
        options: ``samples`` is how many images of each side are on the map.
        output: folder; by default ``report`` in a run, otherwise this one.

    Raises:
        MetricError: ``against`` is statistics, which hold no images.
    """
    place = str(make_accelerator(device, "no").device)
    evaluated, reference = open_sides(what, against, options, place)
    if not isinstance(reference, Named):
        raise MetricError(f"{against}: statistics; --tsne shows images, give those")
    found = map_images(
        [evaluated.source, reference.source],
        open_extractor(extractor, device=place),
        count=options.samples,
        seed=options.seed,
        batch_size=options.batch_size,
    )
    folder = output or (what.path / "report" if is_run(what.path) else Path())
    folder.mkdir(parents=True, exist_ok=True)
    sides = list(zip(found.images, found.tiles, strict=True))
    path = folder / "tsne.png"
    save_maps(found.rows, found.columns, sides, [evaluated.name, reference.name], path)
    return path
