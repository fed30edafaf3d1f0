"""How long does a generator take: honest medians, and comparisons that survive a noisy machine."""

import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gancompress.errors import MetricError, MissingPackageError

Runtime = Literal["eager", "onnxruntime", "openvino"]

Run = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Wall-clock seconds of one call.

    Attributes:
        median: of all timed calls.
        low, high: first and third quartile, the spread.
        repeats: timed calls.
        peak_bytes: memory that the calls took on top of what was there before; None where the
            system does not tell.
    """

    median: float
    low: float
    high: float
    repeats: int
    peak_bytes: int | None = None


@dataclass(frozen=True)
class PairedTiming:
    """Two models timed in alternation.

    Attributes:
        first, second: each by itself.
        speedup: median over pairs of (seconds of the first / seconds of the second); above one, the
            second is faster.
        low, high: 95 % interval of that median, by order statistics.
    """

    first: Timing
    second: Timing
    speedup: float
    low: float
    high: float


def eager_run(module: nn.Module, batch: Mapping[str, Tensor]) -> Run:
    """A call of ``module(**batch)`` that has ended when it returns, on whatever device."""
    module.eval()
    anchor = next(iter(module.parameters()), None)
    device = anchor.device if anchor is not None else torch.device("cpu")
    inputs = {name: value.to(device) for name, value in batch.items()}

    def run() -> object:
        with torch.inference_mode():
            output = module(**inputs)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return output

    return run


def onnx_run(path: str | Path, batch: Mapping[str, Tensor], *, threads: int) -> Run:
    """A call of an ONNX file through ONNX Runtime on the CPU.

    Args:
        path: of the file; its inputs bear the names of ``batch``.
        batch: float inputs.
        threads: within one operator; operators run one after another.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingPackageError(
            'timing in ONNX Runtime: pip install "gancompress[onnx]"'
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = _feed([entry.name for entry in session.get_inputs()], batch, path)
    return lambda: session.run(None, feed)


def openvino_run(path: str | Path, batch: Mapping[str, Tensor], *, threads: int) -> Run:
    """A call of an ONNX or OpenVINO file through OpenVINO on the CPU, as :func:`onnx_run`."""
    try:
        import openvino
    except ImportError:
        raise MissingPackageError(
            'timing in OpenVINO: pip install "gancompress[openvino]"'
        ) from None
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    feed = _feed([entry.any_name for entry in compiled.inputs], batch, path)
    request: Any = compiled.create_infer_request()
    return lambda: request.infer(feed)


def _feed(
    names: Sequence[str], batch: Mapping[str, Tensor], path: str | Path
) -> dict[str, np.ndarray]:
    missing = [name for name in names if name not in batch]
    if missing:
        raise MetricError(
            f"{path}: wants inputs {', '.join(names)}, the batch has {', '.join(batch)}"
        )
    return {name: batch[name].detach().cpu().numpy() for name in names}


def time_run(run: Run, *, warmup: int, repeats: int) -> Timing:
    """Median and quartiles of ``repeats`` calls after ``warmup`` untimed ones."""
    if repeats < 1:
        raise MetricError(f"timing with {repeats} repeats; give at least one")
    for _ in range(warmup):
        run()
    seconds = [_seconds(run) for _ in range(repeats)]
    return _timing(seconds, _peak_bytes(run))


def time_pair(first: Run, second: Run, *, warmup: int, repeats: int) -> PairedTiming:
    """Time two models in alternation, so that whatever slows the machine slows both.

    The order turns around from pair to pair (ABBA), and the ratio is taken within each pair.
    """
    if repeats < 2:
        raise MetricError(f"a paired comparison with {repeats} repeats; give at least two")
    for _ in range(warmup):
        first()
        second()
    pairs: list[tuple[float, float]] = []
    for index in range(repeats):
        if index % 2 == 0:
            one = _seconds(first)
            pairs.append((one, _seconds(second)))
        else:
            other = _seconds(second)
            pairs.append((_seconds(first), other))
    ratios = sorted(one / other for one, other in pairs)
    # Ranks n/2 ± 1.96·√n/2 enclose the median with 95 % (binomial, normal approximation).
    half = 0.98 * len(ratios) ** 0.5
    low = max(0, int(len(ratios) / 2 - half))
    high = min(len(ratios) - 1, int(len(ratios) / 2 + half))
    return PairedTiming(
        first=_timing([one for one, _ in pairs], _peak_bytes(first)),
        second=_timing([other for _, other in pairs], _peak_bytes(second)),
        speedup=statistics.median(ratios),
        low=ratios[low],
        high=ratios[high],
    )


def _seconds(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _timing(seconds: Sequence[float], peak_bytes: int | None) -> Timing:
    low, median, high = np.percentile(seconds, [25, 50, 75])
    return Timing(
        median=float(median),
        low=float(low),
        high=float(high),
        repeats=len(seconds),
        peak_bytes=peak_bytes,
    )


def _peak_bytes(run: Run) -> int | None:
    """Largest growth of this process's memory (of CUDA's, where in use) during one call."""
    if torch.cuda.is_available() and torch.cuda.memory_allocated() > 0:
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run()
        return torch.cuda.max_memory_allocated() - before
    return _resident_growth(run)


def _resident_growth(run: Run) -> int | None:
    """Sampled from Linux's /proc while the call runs; None elsewhere."""
    place = Path("/proc/self/statm")
    if not place.exists():
        return None
    page = 4096
    before = largest = int(place.read_text().split()[1])
    done = threading.Event()

    def watch() -> None:
        nonlocal largest
        while not done.wait(0.0005):
            largest = max(largest, int(place.read_text().split()[1]))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    run()
    done.set()
    watcher.join()
    return (largest - before) * page
