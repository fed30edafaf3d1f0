"""Which layers of an 8-bit file are left in float: as few as will do, found by measurement."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gancompress.batch import Batch
from gancompress.errors import ExportError
from gancompress.exporters.program import Exported


@dataclass(frozen=True)
class Quantized(Exported):
    """An INT8 file.

    Attributes:
        layers: in how many layers it computes with integers.
        kept: names of the layers that were left in float to hold the asked quality.
    """

    layers: int
    kept: tuple[str, ...]


class Quantizer(Protocol):
    """Quantises any of the layers of one file.

    Attributes:
        layers: by name.
        typical: inputs on which the quality has to hold.
    """

    @property
    def layers(self) -> Sequence[str]: ...

    @property
    def typical(self) -> Sequence[Batch]: ...

    def psnr(self, layers: Sequence[str], batches: Sequence[Batch]) -> float:
        """In dB, with ``layers`` in integers, on ``batches``."""
        ...


def layers_to_quantise(
    quantizer: Quantizer, min_psnr: float, source: Path
) -> tuple[list[str], list[str]]:
    """The layers to quantise, and as few as can be to leave in float.

    Args:
        quantizer: is asked for what each layer costs by itself, and then for the rest without the
            costliest ones.
        min_psnr: in dB; 0: quantise every layer.
        source: of the message.

    Raises:
        ExportError: ``min_psnr`` cannot be had with any layer in integers.
    """
    layers = list(quantizer.layers)
    if not min_psnr or quantizer.psnr(layers, quantizer.typical) >= min_psnr:
        return layers, []
    # What each layer costs by itself shows on few samples.
    few = quantizer.typical[:1]
    cost: Mapping[str, float] = {name: quantizer.psnr([name], few) for name in layers}
    costliest = sorted(layers, key=cost.__getitem__)

    def rest(count: int) -> list[str]:
        left = set(costliest[:count])
        return [name for name in layers if name not in left]

    # Fewer integers are not always closer, but nearly so: halve the interval.
    low, high = 0, len(layers)
    best = -math.inf
    while high - low > 1:
        middle = (low + high) // 2
        reached = quantizer.psnr(rest(middle), quantizer.typical)
        best = max(best, reached)
        low, high = (low, middle) if reached >= min_psnr else (middle, high)
    if high == len(layers):
        raise ExportError(
            f"{source}: INT8 does not reach {min_psnr:g} dB with any layer in integers "
            f"(at best {best:.1f} dB); ask for less (export.min_psnr), or take onnx-fp16"
        )
    return rest(high), costliest[:high]
