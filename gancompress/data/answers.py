"""What a teacher answered, as images: the reference where there are no real ones."""

from collections.abc import Sequence

import torch

from gancompress.data.encoding import decode_output
from gancompress.data.images import Images, to_uint8
from gancompress.data.live import Pairs
from gancompress.data.outputs import output_kind


def teacher_images(pairs: Pairs, indices: Sequence[int]) -> Images | None:
    """The teacher's images of the pairs at ``indices``; None where it answers others."""
    _, first = pairs.batch([indices[0]])
    if output_kind(first.shape) != "image":
        return None
    numbers = torch.as_tensor(list(indices), dtype=torch.int64)
    _, channels, height, width = first.shape
    return Images(
        read=lambda rows: to_uint8(decode_output(pairs.batch(numbers[rows])[1])),
        names=[str(number) for number in numbers.tolist()],
        labels=None,
        classes=(),
        shape=(channels, height, width),
        fingerprint=f"{pairs.fingerprint}:{numbers[0]}-{numbers[-1]}",
    )
