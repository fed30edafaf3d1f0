"""`quantise CLASSIFIER`: 8-bit integers, calibrated by real, synthetic or made-up images."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn

import gancompress as gc
from gancompress.assemble.calibration_images import calibration_source
from gancompress.atomic import write_json
from gancompress.batch import Batch, Input
from gancompress.data.images import Images, open_images
from gancompress.errors import DataError, ExportError, MetricError
from gancompress.exporters.float_layers import Quantized
from gancompress.exporters.network import Network
from gancompress.exporters.onnx import run_onnx
from gancompress.exporters.openvino import run_openvino
from gancompress.exporters.openvino_int8 import quantize_openvino
from gancompress.exporters.program import Exported
from gancompress.exporters.quantize import quantize_onnx
from gancompress.metrics.extractors import open_extractor
from gancompress.metrics.features import NetworkExtractor
from gancompress.metrics.latency import onnx_run, openvino_run, time_pair
from gancompress.progress import progress_bar
from gancompress.report.grid import save_grid
from gancompress.report.table import Table, format_bytes, format_ratio

BATCH = 50

# Least PSNR of the class scores that is asked for in turn, until the accuracy holds.
STRICTER = (20.0, 25.0, 30.0, 35.0, 40.0)

# Images of each source in the picture.
PICTURED = 10

RUNTIMES = {"onnx": ".onnx", "openvino": ".xml"}


@dataclass(frozen=True)
class Row:
    """One way to calibrate, over the seeds.

    Attributes:
        runtime: ``onnx`` or ``openvino``.
        calibrated_by: the source of the images.
        accuracy: share of the right classes in 8 bits, mean over the seeds.
        drop: percentage points below 32 bits: mean, smallest, largest over the seeds.
        size: bytes of the file.
        layers_in_float: most that were left in float.
        holds: whether the accuracy fell by no more than was asked for, with every seed.
    """

    runtime: str
    calibrated_by: str
    accuracy: float
    drop: tuple[float, float, float]
    size: int
    layers_in_float: int
    holds: bool


@dataclass(frozen=True)
class Quantised:
    """What :func:`quantise` found.

    Attributes:
        accuracy: share of the right classes in 32 bits.
        rows: one per runtime and source.
        speedups: of 8 bits over 32 bits by runtime, one image at a time.
    """

    accuracy: float
    rows: list[Row]
    speedups: dict[str, float]

    def table(self) -> Table:
        """For the terminal."""
        columns = ["calibrated by", "runtime", "accuracy", "drop (points)", "file", "speed"]
        lines = [["32 bits", "", f"{self.accuracy:.2%}", "", "", ""]]
        for row in self.rows:
            mean, low, high = row.drop
            spread = f"{mean:+.2f} ({low:+.2f} … {high:+.2f})"
            speed = format_ratio(self.speedups[row.runtime])
            spread += "" if row.holds else ", more than asked"
            cells = [row.calibrated_by, row.runtime, f"{row.accuracy:.2%}", spread]
            lines.append([*cells, format_bytes(row.size), speed])
        return Table(columns, lines)


class _Scores(nn.Module):
    """The class scores of an extractor's network for images in 0…255."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.network(image)[1]
        return scores


@dataclass(frozen=True)
class QuantiseOptions:
    """How a classifier is quantised.

    Attributes:
        runtimes: ``onnx`` (ONNX Runtime's static quantisation), ``openvino`` (NNCF's).
        samples: calibration images.
        seeds: repetitions, each with other images.
        most: labelled images, at most.
        max_drop: leave layers in float until the accuracy falls by no more percentage points than
            this (``onnx``), measured on the labelled images of even number; reported are the
            others.
    """

    runtimes: Sequence[str] = ("onnx",)
    samples: int = 500
    seeds: int = 3
    most: int = 5000
    max_drop: float | None = None


def quantise(
    classifier: str,
    labelled: Path,
    calibrate: Sequence[str],
    output: Path,
    *,
    options: QuantiseOptions,
    folder: str | None = None,
    factory: str | None = None,
) -> Quantised:
    """Quantise a classifier with calibration images from several sources, and compare.

    Args:
        classifier: ``resnet20:FILE`` or another form of
            :func:`gancompress.metrics.extractors.open_extractor` that has classes.
        labelled: folder or zip of images in class folders, in the order of the classes.
        calibrate: each a folder or zip of images, a run or student file, ``noise``, ``fractals`` or
            ``constant``.
        output: folder for ``quantise.json``, ``calibration.png`` and the best file per runtime.
        options: see :class:`QuantiseOptions`.
        folder: of the archive that holds the labelled images.
        factory: of a student whose architecture is not built in.

    Raises:
        MetricError: the classifier has no classes, or not as many as there are class folders.
        DataError: images cannot be read, or a source makes none.
    """
    network = open_extractor(classifier)
    if not isinstance(network, NetworkExtractor):
        raise MetricError(
            f"{classifier}: not a network with classes; name one such as resnet20:FILE"
        )
    images = _labelled(labelled, folder, network, options.most)
    sources = {name: calibration_source(name, network, factory) for name in calibrate}
    output.mkdir(parents=True, exist_ok=True)
    save_grid(
        {name: make(PICTURED, 0) for name, make in sources.items()}, output / "calibration.png"
    )
    rows, speedups = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        for runtime in options.runtimes:
            trial = _Trial(
                runtime,
                network,
                images=images,
                scratch=Path(scratch),
                output=output,
                max_drop=options.max_drop,
            )
            for name, make in progress_bar(sources.items(), desc=runtime):
                made = [make(options.samples, seed) for seed in range(options.seeds)]
                rows.append(trial.row(name, made))
            speedups[runtime] = trial.speedup()
    found = Quantised(trial.exact_accuracy, rows, speedups)
    write_json(output / "quantise.json", asdict(found))
    return found


def _labelled(path: Path, folder: str | None, network: NetworkExtractor, most: int) -> Images:
    images = open_images(path, folder=folder, resolution=network.size, channels=network.channels)
    if images.labels is None:
        raise DataError(f"{path}: no class folders in it; accuracy needs labelled images")
    count = len(images.classes)
    probe = network(
        torch.zeros((1, network.channels, network.size, network.size), dtype=torch.uint8)
    )
    classes = 0 if probe.logits is None else probe.logits.shape[1]
    if classes != count:
        raise MetricError(
            f"{path}: {count} class folders, but the classifier {network.name} knows {classes} "
            "classes; give images of its classes, in their order"
        )
    step = max(1, len(images) // most)
    return images.subset(range(0, len(images), step)[:most])


class _Trial:
    """A classifier in one runtime, in 32 bits and in 8."""

    def __init__(
        self,
        runtime: str,
        network: NetworkExtractor,
        images: Images,
        scratch: Path,
        output: Path,
        max_drop: float | None,
    ) -> None:
        self.runtime, self.images, self.max_drop = runtime, images, max_drop
        side = network.size
        inputs = {"image": Input("image", (network.channels, side, side), 0, 255)}
        module = _Scores(network.network).eval()
        self.exact = scratch / f"exact{RUNTIMES[runtime]}"
        self.path = output / f"{network.name}.int8{RUNTIMES[runtime]}"
        gc.export(module, self.exact, inputs=inputs)
        self._open = run_onnx if runtime == "onnx" else run_openvino
        self.exact_right = self._right(self._open(self.exact))
        self.exact_accuracy = float(self.exact_right.double().mean())

    def row(self, name: str, calibrations: Sequence[Tensor]) -> Row:
        """Quantise once for every set of calibration images."""
        accuracies, floats, size, holds = [], 0, 0, True
        for images in calibrations:
            written, kept = self._quantised(images)
            accuracies.append(float(self._right(self._open(written.path)).double().mean()))
            floats, size = max(floats, kept), written.size
            holds = holds and (self.max_drop is None or self._drop_on_even() <= self.max_drop)
        drops = [100 * (self.exact_accuracy - accuracy) for accuracy in accuracies]
        spread = (fmean(drops), min(drops), max(drops))
        return Row(
            runtime=self.runtime,
            calibrated_by=name,
            accuracy=fmean(accuracies),
            drop=spread,
            size=size,
            layers_in_float=floats,
            holds=holds,
        )

    def speedup(self) -> float:
        """8 bits against 32 bits, one image at a time on one thread, in turns."""
        one = next(self._batches(1))
        run = onnx_run if self.runtime == "onnx" else openvino_run
        full, small = (run(path, one, threads=1) for path in (self.exact, self.path))
        return time_pair(full, small, warmup=5, repeats=40).speedup

    def _quantised(self, images: Tensor) -> tuple[Exported, int]:
        parts = [{"image": part.float()} for part in torch.split(images, BATCH)]
        if self.runtime == "openvino":
            made = quantize_openvino(self.exact, self.path, calibration=parts, held_out=parts[:1])
            return made, 0
        written = self._onnx(parts, 0.0)
        for least in STRICTER:
            if self.max_drop is None or self._drop_on_even() <= self.max_drop:
                break
            try:
                written = self._onnx(parts, least)
            except ExportError:  # not with any layer in integers: what there is stays
                break
        return written, len(written.kept)

    def _onnx(self, parts: Sequence[Batch], least: float) -> Quantized:
        return quantize_onnx(
            self.exact,
            self.path,
            calibration=parts,
            held_out=parts[:1],
            min_psnr=least,
            typical=[{"image": self.images.batch(range(0, len(self.images), 2)[:BATCH]).float()}],
        )

    def _drop_on_even(self) -> float:
        right = self._right(self._open(self.path))[::2]
        return 100 * float(self.exact_right[::2].double().mean() - right.double().mean())

    def _right(self, network: Network) -> Tensor:
        """Which of the labelled images get the right class."""
        labels = self.images.labels
        assert labels is not None
        made = torch.cat([network(batch).argmax(1) for batch in self._batches(BATCH)])
        return made == labels

    def _batches(self, size: int) -> Iterator[Batch]:
        for start in range(0, len(self.images), size):
            rows = range(start, min(start + size, len(self.images)))
            yield {"image": self.images.batch(rows).float()}
