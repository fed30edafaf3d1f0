"""Data readers on published files."""

import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gancompress.data.idx import open_idx
from gancompress.data.images import Reading, open_images, to_uint8
from gancompress.data.paired import open_side_by_side
from gancompress.data.single import open_single, pyramid
from tests.shared_files import cifar10, shared


def test_mnist_test_set_has_its_published_class_counts() -> None:
    images = open_idx(
        shared("data/mnist-t10k-images-idx3-ubyte.gz"),
        shared("data/mnist-t10k-labels-idx1-ubyte.gz"),
    )
    assert len(images) == 10_000 and images.shape == (1, 28, 28) and images.labels is not None
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert images.labels.bincount().tolist() == counts


def test_cifar10_archive_opens_as_labelled_images(tmp_path: Path) -> None:
    archive = shared("data/cifar10-train.zip")
    birds = open_images(archive, folder="bird", reading=Reading(cache=tmp_path))
    pixels, labels, classes = cifar10(per_class=3)
    assert len(birds) == 5_000 and birds.problems == ()
    assert torch.equal(birds.batch(range(3)), pixels[labels == classes.index("bird")])


def test_facade_pairs_are_the_halves_of_their_files(tmp_path: Path) -> None:
    archive = shared("data/facades-train.zip")
    pairs = open_side_by_side(
        archive, direction="BtoA", resolution=64, reading=Reading(cache=tmp_path)
    )
    row = pairs[pairs.inputs.names.index("1.jpg")]
    assert len(pairs) == 400
    with zipfile.ZipFile(archive) as opened, opened.open("1.jpg") as file:
        whole = Image.open(file).convert("RGB")
    right = whole.crop((256, 0, 512, 256)).resize((64, 64), Image.Resampling.BICUBIC)
    assert np.array_equal(to_uint8(row["image"]).permute(1, 2, 0).numpy(), np.asarray(right))


def test_photograph_becomes_the_published_pyramid() -> None:
    image = open_single(shared("data/single/angkorwat.jpg"), max_size=250)
    stages = pyramid(image, stages=6, min_size=25)
    assert image.shape == (1, 3, 167, 250)
    assert stages[0].shape[-2:] == (25, 37) and stages[-1] is image
