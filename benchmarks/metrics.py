"""How fast and how frugal are the metrics, against pytorch-fid in the same run.

    python -m benchmarks.metrics [--images 200] [--repeats 3]

The Fréchet distance of 2048-d statistics; features and scores from a generator against PNG files
written and read back by pytorch-fid, with one network of random weights; and the memory that 50,000
images at 32×32 take above the network. On a busy machine the ratio of processor seconds
(``speedup_cpu``) is the steadier one; set OMP_NUM_THREADS=1 for it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from pytorch_fid import fid_score, inception

from benchmarks.record import record
from benchmarks.start import arguments_of, is_quick, parser_of
from gancompress.batch import Batch, Input
from gancompress.generators.distylegan import DiStyleGANGenerator
from gancompress.metrics.collect import collect
from gancompress.metrics.frechet import FeatureStatistics, frechet_distance, statistics_of
from gancompress.metrics.inception import InceptionNetwork, inception_extractor
from gancompress.metrics.sources import GeneratedImages, generated

DIMENSION = 2048
SAMPLES = (10_000, 1_000)


def main() -> None:
    arguments = _arguments()
    if arguments.memory:
        print(json.dumps(_memory(arguments.memory)))
        return
    samples = SAMPLES[-1:] if is_quick() else SAMPLES
    rows = [_frechet(count, arguments.repeats) for count in samples]
    rows += _end_to_end(arguments.images)
    record("metrics", rows, repeats=arguments.repeats, images=arguments.images)
    counts = (500,) if is_quick() else (5_000, 50_000)
    record("metrics_memory", [_memory_in_its_own_process(n) for n in counts])


def _frechet(count: int, repeats: int) -> dict[str, Any]:
    """One pair of statistics of ``count`` samples each, both functions in alternation."""
    a, b = _statistics(count, 0, 1.0), _statistics(count, 1, 1.1)
    ours, theirs, difference = [], [], 0.0
    for _ in range(repeats):
        seconds, first = _timed(lambda: frechet_distance(a, b))
        ours.append(seconds)
        seconds, second = _timed(lambda: _pytorch_fid(a, b))
        theirs.append(seconds)
        difference = abs(first - second) / second
    return _row(f"Fréchet distance, {DIMENSION}-d, {count:,} samples", ours, theirs, difference)


def _statistics(count: int, seed: int, scale: float) -> FeatureStatistics:
    """Correlated features with a spectrum that falls over five decades, as Inception's does."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(np.random.default_rng(99).standard_normal((DIMENSION, DIMENSION)))[0]
    deviations = 10.0 ** np.linspace(0.0, -2.5, DIMENSION)
    values = (rng.standard_normal((count, DIMENSION)) * deviations * scale) @ basis.T
    return statistics_of(torch.from_numpy(values))


def _pytorch_fid(a: FeatureStatistics, b: FeatureStatistics) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distance = fid_score.calculate_frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    return float(distance)


def _end_to_end(count: int) -> list[dict[str, Any]]:
    """A generator's images to statistics, and to a score; streaming, and by way of PNG files."""
    network = InceptionNetwork().eval()
    extractor = inception_extractor(network, "random")
    inception.load_state_dict_from_url = lambda *_, **__: network.net.state_dict()
    theirs = inception.InceptionV3([3])
    student, reference = _generator(count, seed=0), _generator(count, seed=1)
    # The reference has been seen before: ours finds it in the cache, theirs in an .npz.
    known = collect(reference, extractor, batch_size=50).statistics
    ours, features = _timed(lambda: collect(student, extractor, batch_size=50).statistics)
    files, (mean, covariance) = _timed(lambda: _by_files(student, theirs))
    seen = FeatureStatistics(count, mean, covariance)
    ours_distance, first = _timed(lambda: frechet_distance(features, known))
    files_distance, second = _timed(lambda: _pytorch_fid(seen, known))
    # Its command line: both folders are read, the reference too, unless the user keeps statistics.
    folders, third = _timed(lambda: _two_folders(student, reference))
    scale = float(np.abs(mean).max())
    mine = [a + b for a, b in zip(ours, ours_distance, strict=True)]
    return [
        _row(
            f"{count} generated images to statistics, Inception",
            [ours],
            [files],
            float(np.abs(features.mean - mean).max()) / scale,
        ),
        _row(
            f"{count} generated images to a score, statistics of the reference kept",
            [mine],
            [[a + b for a, b in zip(files, files_distance, strict=True)]],
            abs(first - second) / second,
        ),
        _row(
            f"{count} generated images to a score, reference seen before, given as a folder",
            [mine],
            [folders],
            abs(first - third) / third,
        ),
    ]


def _row(
    what: str, ours: list[list[float]], theirs: list[list[float]], difference: float
) -> dict[str, Any]:
    """Medians of wall-clock and processor seconds, and of the ratio within each pair."""
    mine, other = np.array(ours), np.array(theirs)
    return {
        "what": what,
        "ours_s": float(np.median(mine[:, 0])),
        "pytorch_fid_s": float(np.median(other[:, 0])),
        "speedup": float(np.median(other[:, 0] / mine[:, 0])),
        "speedup_cpu": float(np.median(other[:, 1] / mine[:, 1])),
        "relative_difference": difference,
    }


def _generator(count: int, seed: int = 0) -> GeneratedImages:
    torch.manual_seed(0)
    module = DiStyleGANGenerator(width=32).eval()
    inputs: dict[str, Input] = module.inputs

    def paint(batch: Batch) -> torch.Tensor:
        images: torch.Tensor = module(**batch)
        return images

    return generated(paint, inputs, count=count, seed=seed, fingerprint="benchmark")


def _by_files(source: GeneratedImages, network: torch.nn.Module) -> tuple[Any, Any]:
    """What a user of pytorch-fid does: write every image, then read the folder."""
    with tempfile.TemporaryDirectory() as folder:
        _write(source, Path(folder))
        statistics: tuple[Any, Any] = fid_score.compute_statistics_of_path(
            folder, network, 50, DIMENSION, "cpu", 1
        )
        return statistics


def _two_folders(student: GeneratedImages, reference: GeneratedImages) -> float:
    """The same by its command line, which reads the reference again."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        _write(student, Path(first))
        _write(reference, Path(second))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = fid_score.calculate_fid_given_paths([first, second], 50, "cpu", DIMENSION, 1)
        return float(score)


def _write(source: GeneratedImages, folder: Path) -> None:
    for start in range(0, len(source), 50):
        rows = range(start, min(start + 50, len(source)))
        for index, image in zip(rows, source.batch(rows), strict=True):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{index:05}.png")


def _memory_in_its_own_process(count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.metrics", "--memory", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def _memory(count: int) -> dict[str, Any]:
    """Peak memory of a pass over ``count`` images above that of a pass over one batch.

    Features of 2048 dimensions come from a light network: memory, not time, is asked for.
    """
    from gancompress.metrics.features import network_extractor

    class Light(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(192, DIMENSION)

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, None]:
            small = torch.nn.functional.adaptive_avg_pool2d(images / 255.0, 8)
            return self.layer(small.flatten(1)), None

    extractor = network_extractor("light", Light(), size=32, channels=3)
    extractor(_generator(64).batch(range(64)))
    before = _peak_mib()
    collect(_generator(count), extractor)
    return {"images": count, "resolution": 32, "mib_above_network": _peak_mib() - before}


def _peak_mib() -> float:
    # Not getrusage: its peak outlives fork and exec, and would be that of the parent.
    status = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    return int(peak) / 1024


def _timed(run: Callable[[], Any]) -> tuple[list[float], Any]:
    """([wall-clock seconds, processor seconds with those of ended child processes], result)."""
    start, busy = time.perf_counter(), sum(os.times()[:4])
    result = run()
    return [time.perf_counter() - start, sum(os.times()[:4]) - busy], result


def _arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--images", type=int, default=200, help="for the end-to-end comparison")
    parser.add_argument("--repeats", type=int, default=3, help="of the Fréchet distances")
    parser.add_argument("--memory", type=int, default=0, help=argparse.SUPPRESS)
    return arguments_of(parser, images=50, repeats=1)


if __name__ == "__main__":
    main()
