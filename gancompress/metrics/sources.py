"""Where the images of an evaluation come from: files, tensors, or a generator as it runs.

:class:`gancompress.data.images.Images` is a source; :func:`generated` makes one of a generator, so
that no image is ever written to disk to be measured.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gancompress.batch import Batch, Input, batch_size, class_count, draw_inputs
from gancompress.errors import MetricError
from gancompress.metrics.images import as_uint8


class ImageSource(Protocol):
    """Images with random access; image *i* is the same in whatever batch it is asked for.

    Attributes:
        labels: class of each image, int64 (n,), or None.
        fingerprint: changes whenever an image, a label or the order changes.
    """

    @property
    def labels(self) -> Tensor | None: ...
    @property
    def fingerprint(self) -> str: ...
    def __len__(self) -> int: ...
    def batch(self, indices: Sequence[int]) -> Tensor:
        """The images at ``indices``, uint8 (n, C, H, W)."""
        ...


@dataclass(frozen=True)
class GeneratedImages:
    """What a generator paints, made when it is asked for; see :func:`generated`."""

    paint: Callable[[Sequence[int]], Tensor]
    count: int
    labels: Tensor | None
    fingerprint: str

    def __len__(self) -> int:
        return self.count

    def batch(self, indices: Sequence[int]) -> Tensor:
        """See :class:`ImageSource`."""
        return self.paint(indices)


def generated(
    generator: Callable[[Batch], Tensor],
    inputs: Mapping[str, Input],
    *,
    count: int,
    seed: int,
    fingerprint: str,
    sample: Callable[[Sequence[int], int], Batch] | None = None,
) -> GeneratedImages:
    """The first ``count`` images of a generator under ``seed``, classes in equal shares.

    Args:
        generator: maps a batch to images (N, C, H, W), float in [-1, 1] or uint8.
        inputs: its input specification.
        count: number of images.
        seed: of the inputs; sample *i* does not depend on batch size or number of processes.
        fingerprint: of the generator.
        sample: gives the inputs at some indices under a seed where they come from data; without
            one they are drawn.
    """
    classes = class_count(inputs)
    labels = None if not classes or sample else torch.arange(count) % classes

    def paint(indices: Sequence[int]) -> Tensor:
        batch = sample(indices, seed) if sample else draw_inputs(inputs, indices, seed)
        with torch.no_grad():
            images = generator(batch)
        if images.dim() != 4 or len(images) != batch_size(batch):
            raise MetricError(
                f"the generator returned {tuple(images.shape)} for {batch_size(batch)} samples; "
                "metrics need images (N, C, H, W)"
            )
        return as_uint8(images)

    return GeneratedImages(paint, count, labels, fingerprint)
