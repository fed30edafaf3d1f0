"""How long a published teacher takes to load, and to generate with.

The file is written here, at the full size of the CIFAR-10 teacher of StyleGAN2-ADA: generator, its
average, and discriminator. Loading is timed in fresh processes, after the imports. Generating is
compared with the network's convolutions alone, replayed on the same tensors, alternately.

    python -m benchmarks.teachers [--repeats 5] [--batch 16] [--threads 1]
"""

import argparse
import copy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from benchmarks.record import record
from gancompress.generators.build import build
from gancompress.teachers.from_file import from_file
from tests.unit.teachers.published import EasyDict, as_persistent, dumps

_LOAD = """
import sys, time
from gancompress.teachers.from_file import from_file
start = time.perf_counter()
teacher = from_file(sys.argv[1])
print(time.perf_counter() - start, sum(p.numel() for p in teacher.module.parameters()))
"""

_CONVOLUTIONS = (F.conv2d, F.conv_transpose2d)


def write_checkpoint(path: Path) -> None:
    """A pickle of the published structure, all three networks at full size."""
    torch.manual_seed(0)
    generator = build("stylegan2")
    discriminator = build("stylegan2_discriminator")
    synthesis = EasyDict(channel_base=32768, channel_max=512, num_fp16_res=0, conv_clamp=256)
    arguments = EasyDict(z_dim=512, c_dim=10, w_dim=512, synthesis_kwargs=synthesis)
    networks = {
        "G": as_persistent(copy.deepcopy(generator), "Generator", _init_kwargs=arguments),
        "D": as_persistent(discriminator, "Discriminator"),
        "G_ema": as_persistent(generator, "Generator", _init_kwargs=arguments),
    }
    path.write_bytes(dumps({**networks, "training_set_kwargs": EasyDict(max_size=50_000)}))


def loading(path: Path, repeats: int) -> dict[str, Any]:
    """Seconds to load the file, in fresh processes."""
    command = [sys.executable, "-c", _LOAD, str(path)]
    seconds, parameters = [], 0
    for _ in range(repeats):
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds.append(float(printed.split()[0]))
        parameters = int(printed.split()[1])
    return {
        "what": "load",
        "parameters": parameters,
        "megabytes": round(path.stat().st_size / 1e6),
        **spread(seconds),
    }


class Recorded(TorchFunctionMode):
    """Keeps the arguments of every convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[[], Any]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in _CONVOLUTIONS:
            self.calls.append(lambda: func(*args, **(kwargs or {})))
        return func(*args, **(kwargs or {}))


def generating(path: Path, repeats: int, batch_size: int) -> list[dict[str, Any]]:
    """Seconds to generate a batch, and of its convolutions alone."""
    teacher = from_file(path)
    batch = teacher.sample_inputs(range(batch_size), 0)
    with Recorded() as recorded:
        teacher(batch)
    times: dict[str, list[float]] = {"generate": [], "its convolutions": []}

    def convolve() -> None:
        with torch.no_grad():
            for call in recorded.calls:
                call()

    for turn in range(repeats + 2):  # two to warm up
        for what, function in (
            ("generate", lambda: teacher(batch)),
            ("its convolutions", convolve),
        ):
            start = time.perf_counter()
            function()
            if turn > 1:
                times[what].append(time.perf_counter() - start)
    rows = [{"what": what, "batch": batch_size, **spread(s)} for what, s in times.items()]
    rows[0]["ratio"] = rows[0]["median_s"] / rows[1]["median_s"]
    return rows


def spread(seconds: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {
        "median_s": statistics.median(seconds),
        "min_s": min(seconds),
        "max_s": max(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cifar10.pkl"
        write_checkpoint(path)
        rows = [loading(path, arguments.repeats)]
        rows += generating(path, arguments.repeats, arguments.batch)
    record("teachers", rows, repeats=arguments.repeats)


if __name__ == "__main__":
    main()
