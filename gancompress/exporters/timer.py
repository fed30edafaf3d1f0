"""Time the networks of this folder on this machine, and write results.csv.

    python measure.py [--threads 4] [--output results.csv]

Needs Python 3.9 or newer, NumPy, and the runtime of the files: onnxruntime (.onnx), or executorch
and torch (.pte). Nothing else should run meanwhile. Each network is called until it is warm, then
timed; all of them in turn, and once more in reverse order; the lesser median of both counts.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent

COLUMNS = ("network", "subnet", "format", "milliseconds", "runtime", "threads", "machine")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1, help="of the processor (default: 1)")
    parser.add_argument("--warmup", type=int, default=5, help="untimed calls (default: 5)")
    parser.add_argument("--repeats", type=int, default=30, help="timed calls (default: 30)")
    parser.add_argument("--output", type=Path, default=HERE / "results.csv")
    options = parser.parse_args()
    if options.threads < 1 or options.warmup < 0 or options.repeats < 1:
        parser.error("--threads and --repeats are 1 or more, --warmup is 0 or more")
    manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    for entry in manifest["files"]:
        found = hashlib.sha256((HERE / entry["file"]).read_bytes()).hexdigest()
        if found != entry["sha256"]:
            sys.exit(f"{entry['file']}: is damaged; copy the folder again")
    with np.load(HERE / "inputs.npz") as arrays:
        inputs = {name: arrays[name] for name in manifest["inputs"]}
    rows = _rows(manifest, inputs, options)
    with options.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    print(options.output)


def _rows(
    manifest: dict[str, Any], inputs: dict[str, Any], options: argparse.Namespace
) -> list[list[Any]]:
    """What is written of each network."""
    machine, least, runtimes = _machine(), dict[str, float](), dict[str, str]()
    for number, entry in enumerate([*manifest["files"], *reversed(manifest["files"])], 1):
        name = entry["file"]
        run, runtimes[name] = _opened(HERE / name, inputs, options.threads)
        least[name] = min(least.get(name, float("inf")), _median(run, options))
        told = f"{number}/{2 * len(manifest['files'])}"
        print(f"{told} {name} {least[name]:.3f} ms", file=sys.stderr)
    return [
        [manifest["network"], entry["subnet"], entry["format"], f"{least[entry['file']]:.6g}",
         runtimes[entry["file"]], options.threads, machine]
        for entry in manifest["files"]
    ]  # fmt: skip


def _median(run: Callable[[], object], options: argparse.Namespace) -> float:
    """Milliseconds of one call."""
    for _ in range(options.warmup):
        run()
    taken = []
    for _ in range(options.repeats):
        start = time.perf_counter()
        run()
        taken.append(1e3 * (time.perf_counter() - start))
    return statistics.median(taken)


def _opened(path: Path, inputs: dict[str, Any], threads: int) -> tuple[Callable[[], object], str]:
    """A call of the network in ``path``, and what runs it."""
    return (_executorch if path.suffix == ".pte" else _onnxruntime)(path, inputs, threads)


def _onnxruntime(
    path: Path, inputs: dict[str, Any], threads: int
) -> tuple[Callable[[], object], str]:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    feed = {entry.name: inputs[entry.name] for entry in session.get_inputs()}
    return lambda: session.run(None, feed), f"onnxruntime {onnxruntime.__version__}"


def _executorch(
    path: Path, inputs: dict[str, Any], threads: int
) -> tuple[Callable[[], object], str]:
    import torch
    from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
    from executorch.runtime import Runtime

    _unsafe_reset_threadpool(threads)
    program = Runtime.get().load_program(path.read_bytes())
    method = program.load_method("forward")
    arguments = [torch.from_numpy(array) for array in inputs.values()]
    return lambda: method.execute(arguments), "executorch"


def _machine() -> str:
    """The processor as the system names it, and the system."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{named[0] if named else name}, {platform.system()} {platform.release()}"


if __name__ == "__main__":
    main()
