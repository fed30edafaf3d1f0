"""`train-extractor`: a small classifier of the user's own labelled images, to measure with."""

from pathlib import Path

import torch
from torch import Tensor

from gancompress.data.digits import open_digits
from gancompress.data.images import Images, open_images
from gancompress.data.splits import split
from gancompress.errors import DataError
from gancompress.metrics.classifier import (
    LARGEST,
    ClassifierOptions,
    save_classifier,
    train_classifier,
)
from gancompress.metrics.conditional import conditional_accuracy
from gancompress.metrics.features import NetworkExtractor


def train_extractor(
    data: str | Path,
    output: Path,
    *,
    options: ClassifierOptions,
    channels: int,
    held_out: float,
    seed: int,
    progress: bool = True,
) -> float:
    """Train on ``data``, write the classifier to ``output``.

    Args:
        data: ``digits``, or a folder or zip of images in class folders.
        output: the file, ``*.safetensors``; its stem names the extractor and so its scores.
        options: of the classifier; the images are brought to its size.
        channels: 1 or 3.
        held_out: share of the images kept away from training, for the accuracy.
        seed: of split, weights and order.
        progress: show a bar.

    Returns:
        Accuracy on the held-out images, 0…1.

    Raises:
        DataError: the images have no labels.
    """
    if data == "digits":
        images = open_digits(options.size or LARGEST)
    else:
        images = open_images(data, resolution=options.size, channels=channels)
    if images.labels is None:
        raise DataError(
            f"{data}: the images have no labels; put each class into a folder of its own, or "
            "write a dataset.json"
        )
    count = max(1, int(len(images) * held_out))
    train, test = split(len(images), count, seed=seed, labels=images.labels)
    extractor = train_classifier(
        images.batch(train),
        images.labels[train],
        images.classes,
        options,
        name=output.stem,
        seed=seed,
        progress=progress,
    )
    accuracy = _accuracy(extractor, images.subset(test), images.labels[test])
    facts = {
        "held_out_accuracy": accuracy,
        "held_out_images": len(test),
        "images": images.fingerprint,
        "steps": options.steps,
        "seed": seed,
    }
    save_classifier(extractor, output, facts=facts)
    return accuracy


def _accuracy(extractor: NetworkExtractor, images: Images, labels: Tensor) -> float:
    parts = torch.split(torch.arange(len(images)), 256)
    logits = [extractor(images.batch(part)).logits for part in parts]
    seen = torch.cat([part for part in logits if part is not None])
    return conditional_accuracy(seen, labels).overall
