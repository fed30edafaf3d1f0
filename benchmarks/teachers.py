"""How long a published checkpoint takes to load.

The files are written here, at the full size of the published networks and in their form. Loading is
timed in fresh processes, after the imports.

    python -m benchmarks.teachers [--repeats 5]
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from benchmarks.record import record
from benchmarks.start import arguments_of, is_quick, parser_of
from gancompress.generators.build import build
from tests.unit.teachers.published import EasyDict, as_persistent, dumps

_LOAD = """
import sys, time
from gancompress.teachers.from_file import from_file
start = time.perf_counter()
teacher = from_file(sys.argv[1])
print(time.perf_counter() - start, sum(p.numel() for p in teacher.module.parameters()))
"""


def stylegan2_ada(path: Path) -> None:
    """CIFAR-10's pickle: generator, discriminator, and the generator's average."""
    generator = build("stylegan2")
    synthesis = EasyDict(channel_base=32768, channel_max=512, num_fp16_res=0, conv_clamp=256)
    arguments = EasyDict(z_dim=512, c_dim=10, w_dim=512, synthesis_kwargs=synthesis)
    networks = {
        "G": as_persistent(deepcopy(generator), "Generator", _init_kwargs=arguments),
        "D": as_persistent(build("stylegan2_discriminator"), "Discriminator"),
        "G_ema": as_persistent(generator, "Generator", _init_kwargs=arguments),
    }
    path.write_bytes(dumps({**networks, "training_set_kwargs": EasyDict(max_size=50_000)}))


def state_dict(factory: str, **kwargs: Any) -> Callable[[Path], None]:
    """A network's state dict."""
    return lambda path: torch.save(build(factory, **kwargs).state_dict(), path)


CHECKPOINTS: dict[str, Callable[[Path], None]] = {
    "StyleGAN2-ADA CIFAR-10 (pickle)": stylegan2_ada,
    "CycleGAN ResNet-9": state_dict("resnet"),
    "pix2pix UNet-256": state_dict("unet"),
    "GauGAN Cityscapes (spectral norm)": state_dict("spade", spectral=True),
}


def loading(path: Path, repeats: int) -> dict[str, Any]:
    """Seconds to load the file, in fresh processes."""
    command = [sys.executable, "-c", _LOAD, str(path)]
    seconds, parameters = [], 0
    for _ in range(repeats):
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds.append(float(printed.split()[0]))
        parameters = int(printed.split()[1])
    return {
        "parameters": parameters,
        "megabytes": round(path.stat().st_size / 1e6),
        "median_s": statistics.median(seconds),
        "min_s": min(seconds),
        "max_s": max(seconds),
    }


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = arguments_of(parser, repeats=1).repeats
    rows = []
    for name, write in [*CHECKPOINTS.items()][: 1 if is_quick() else None]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "teacher"
            write(path)
            rows.append({"checkpoint": name, **loading(path, repeats)})
    record("teachers", rows, repeats=repeats)


if __name__ == "__main__":
    main()
