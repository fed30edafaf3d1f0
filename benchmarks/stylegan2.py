"""How much of the time to generate with the CIFAR-10 teacher is more than its convolutions?

The convolutions of one generation are recorded with their inputs and run alone, in turn with whole
generations, so that whatever else the machine does slows both alike.

    python -m benchmarks.stylegan2 --batch 16 --threads 1 --repeats 10
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.batch import example_inputs
from gancompress.generators.stylegan2 import StyleGAN2Generator

_CONVOLUTIONS = (torch.conv2d, torch.conv_transpose2d)


class _Recorder(TorchFunctionMode):
    """Keeps every convolution as a call that can be made again."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[[], Any]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func in _CONVOLUTIONS:
            self.calls.append(lambda: func(*args, **named))
        return func(*args, **named)


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=10)
    arguments = arguments_of(parser, batch=[1], repeats=1)
    torch.set_num_threads(arguments.threads)
    generator = StyleGAN2Generator().eval()
    rows = []
    for batch in arguments.batch:
        rows.append(_measure(generator, batch, arguments.repeats))
    record(
        "stylegan2",
        rows,
        network="CIFAR-10, 10 classes, 32×32",
        repeats=arguments.repeats,
        load_average=os.getloadavg()[0],
    )


@torch.no_grad()
def _measure(generator: StyleGAN2Generator, batch: int, repeats: int) -> dict[str, Any]:
    inputs = example_inputs(generator.inputs, n=batch)
    recorder = _Recorder()
    with recorder:
        generator(**inputs)

    def convolve() -> None:
        for call in recorder.calls:
            call()

    whole, alone = [], []
    for _ in range(repeats + 2):
        whole.append(_seconds(lambda: generator(**inputs)))
        alone.append(_seconds(convolve))
    # The first two rounds warm caches and the allocator.
    ratios = [a / b for a, b in zip(whole[2:], alone[2:], strict=True)]
    return {
        "batch": batch,
        "convolutions": len(recorder.calls),
        "generation s": statistics.median(whole[2:]),
        "convolutions s": statistics.median(alone[2:]),
        "ratio (median of pairs)": statistics.median(ratios),
        "images/s": batch / statistics.median(whole[2:]),
    }


if __name__ == "__main__":
    main()
