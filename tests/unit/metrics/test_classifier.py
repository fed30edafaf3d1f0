from pathlib import Path

import pytest
import torch

from gancompress.data.digits import open_digits
from gancompress.errors import MetricError
from gancompress.metrics.classifier import (
    ClassifierOptions,
    is_classifier,
    load_classifier,
    save_classifier,
    train_classifier,
)
from gancompress.metrics.conditional import conditional_accuracy
from tests.rounding import assert_same_but_for_rounding


def _stripes(count: int = 60, size: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Horizontal and vertical stripes under noise."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    wave = (torch.arange(size) % 2 * 255).float()
    images = torch.where(labels.view(-1, 1, 1) == 0, wave[None, :, None], wave[None, None, :])
    images = images.expand(count, size, size) * 0.5 + torch.rand(count, size, size, generator=rng)
    return images[:, None].to(torch.uint8), labels


def test_learns_the_digits_in_seconds() -> None:
    train, held_out = open_digits(8, part="train"), open_digits(8, part="held_out")
    assert train.labels is not None and held_out.labels is not None
    classifier = train_classifier(
        train.batch(range(len(train))), train.labels, train.classes, ClassifierOptions(steps=100)
    )
    logits = classifier(held_out.batch(range(len(held_out)))).logits
    assert logits is not None
    assert conditional_accuracy(logits, held_out.labels).overall > 0.92


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    images, labels = _stripes()
    first, again, other = (
        train_classifier(images, labels, ("h", "v"), ClassifierOptions(steps=5), seed=seed)
        for seed in (0, 0, 1)
    )
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_training_leaves_the_global_random_state_alone() -> None:
    images, labels = _stripes()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    train_classifier(images, labels, ("h", "v"), ClassifierOptions(steps=2))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (64, 3)])
def test_file_gives_back_the_same_extractor(size: int, channels: int, tmp_path: Path) -> None:
    images, labels = _stripes(size=size)
    images = images.repeat(1, channels, 1, 1)
    made = train_classifier(images, labels, ("h", "v"), ClassifierOptions(steps=2))
    path = tmp_path / "stripes.safetensors"
    save_classifier(made, path, facts={"accuracy": 1.0})
    read = load_classifier(path)
    assert is_classifier(path)
    assert read.fingerprint == made.fingerprint
    assert (read.name, read.size, read.classes) == (made.name, size, ("h", "v"))
    assert_same_but_for_rounding(read(images).features, made(images).features)


def test_large_images_are_brought_to_64_pixels() -> None:
    images, labels = _stripes(count=8, size=100)
    assert train_classifier(images, labels, ("h", "v"), ClassifierOptions(steps=1)).size == 64


@pytest.mark.parametrize(
    ("labels", "classes", "reason"),
    [
        (torch.zeros(7, dtype=torch.int64), ("h", "v"), "8 images but labels"),
        (torch.arange(8), ("h", "v"), "labels run from 0 to 7"),
        (torch.zeros(8, dtype=torch.int64), ("h", "v"), "classes without an image: v"),
        (torch.zeros(8, dtype=torch.int64), ("h",), "at least two classes"),
    ],
)
def test_data_that_do_not_fit_are_refused(
    labels: torch.Tensor, classes: tuple[str, ...], reason: str
) -> None:
    images, _ = _stripes(count=8)
    with pytest.raises(MetricError, match=reason):
        train_classifier(images, labels, classes, ClassifierOptions(steps=1))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"not a safetensors file")
    with pytest.raises(MetricError, match="cannot be read as safetensors"):
        load_classifier(path)
    with pytest.raises(MetricError, match="cannot be read"):
        load_classifier(tmp_path / "absent.safetensors")
    assert not is_classifier(path)
