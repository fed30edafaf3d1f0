"""scikit-learn's embedded handwritten digits: real data that is there without any download."""

from typing import Literal

import numpy as np
import torch
from PIL import Image

from gancompress.data.images import Images, images_from_tensor
from gancompress.data.splits import split

HELD_OUT = 297


def open_digits(resolution: int, *, part: Literal["train", "held_out", "all"] = "all") -> Images:
    """The 1,797 digits of ``sklearn.datasets.load_digits`` (8×8, 17 grey levels, ten classes).

    Grey level 0…16 becomes 0…255 (rounded); each image is then resized from 8×8 to
    ``resolution`` × ``resolution`` by Pillow's bicubic filter. Source: E. Alpaydin and C. Kaynak,
    Optical Recognition of Handwritten Digits, UCI 1998.

    Args:
        resolution: height and width of the images.
        part: 1,500 for training, 297 held out (the same shares of every class), or all.

    Returns:
        uint8 images (1, resolution, resolution), ink bright on black, with labels.
    """
    from sklearn.datasets import load_digits

    content = load_digits()
    grey = np.rint(content.images * (255.0 / 16.0)).astype(np.uint8)
    size = (resolution, resolution)
    resized = [Image.fromarray(one).resize(size, Image.Resampling.BICUBIC) for one in grey]
    labels = torch.from_numpy(content.target).to(torch.int64)
    images = images_from_tensor(
        torch.from_numpy(np.stack([np.asarray(one) for one in resized]))[:, None],
        labels=labels,
        classes=tuple(str(digit) for digit in range(10)),
    )
    if part == "all":
        return images
    train, held_out = split(len(images), HELD_OUT, seed=0, labels=labels)
    return images.subset(train if part == "train" else held_out)
