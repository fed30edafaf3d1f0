"""Scores on real pictures behave as eyes do: near zero for more of the same, worse with damage."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.data.idx import read_idx
from gancompress.data.images import Reading, images_from_tensor, open_images
from gancompress.metrics.collapse import collapse_report
from gancompress.metrics.collect import Collected, collect
from gancompress.metrics.conditional import conditional_accuracy
from gancompress.metrics.features import NetworkExtractor
from gancompress.metrics.frechet import frechet_distance, statistics_of
from gancompress.metrics.inception_score import inception_score
from gancompress.metrics.kid import kernel_distance
from gancompress.metrics.memorisation import memorisation
from gancompress.metrics.networks import lenet5, resnet20, squeezenet
from gancompress.metrics.perceptual import perceptual_distance
from gancompress.metrics.precision_recall import manifold
from tests.shared_files import cifar10, shared


@dataclass(frozen=True)
class Halves:
    extractor: NetworkExtractor
    images: Tensor
    first: Collected
    second: Collected
    classes: tuple[str, ...]


@pytest.fixture(scope="module")
def halves() -> Halves:
    images, labels, classes = cifar10(per_class=80)
    extractor = resnet20(shared("weights/resnet20-cifar10.safetensors"))
    first, second = (
        collect(images_from_tensor(images[i::2], labels=labels[i::2]), extractor, keep=True)
        for i in (0, 1)
    )
    return Halves(
        extractor=extractor, images=images[::2], first=first, second=second, classes=classes
    )


def _distance_of(images: Tensor, halves: Halves) -> float:
    seen = collect(images_from_tensor(images), halves.extractor)
    return frechet_distance(seen.statistics, halves.second.statistics)


def _blurred(images: Tensor, radius: int) -> Tensor:
    side = 2 * radius + 1
    kernel = torch.ones(3, 1, side, side) / side**2
    padded = F.pad(images.float(), (radius,) * 4, mode="reflect")
    return F.conv2d(padded, kernel, groups=3).round().to(torch.uint8)


def _noisy(images: Tensor, deviation: float) -> Tensor:
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images + deviation * noise).round().clamp(0, 255).to(torch.uint8)


def test_halves_of_cifar10_are_near_each_other(halves: Halves) -> None:
    near = frechet_distance(halves.first.statistics, halves.second.statistics)
    spread = float(halves.second.statistics.covariance.trace())
    assert near < 0.06 * spread
    assert halves.first.features is not None and halves.second.features is not None
    found = kernel_distance(halves.first.features, halves.second.features, block=80)
    assert found.standard_error is not None and abs(found.value) < 4 * found.standard_error
    assert manifold(halves.first.features, halves.second.features).precision > 0.7


def test_frechet_distance_grows_with_blur(halves: Halves) -> None:
    clean = frechet_distance(halves.first.statistics, halves.second.statistics)
    damaged = [_distance_of(_blurred(halves.images, radius), halves) for radius in (1, 2, 4)]
    assert clean < damaged[0] < damaged[1] < damaged[2]


def test_frechet_distance_grows_with_noise(halves: Halves) -> None:
    clean = frechet_distance(halves.first.statistics, halves.second.statistics)
    damaged = [_distance_of(_noisy(halves.images, deviation), halves) for deviation in (8, 24, 64)]
    assert clean < damaged[0] < damaged[1] < damaged[2]


def test_every_distance_grows_as_classes_go_missing(halves: Halves) -> None:
    features, labels = halves.first.features, halves.first.labels
    real = halves.second.features
    assert features is not None and labels is not None and real is not None
    frechet, kernel, recall = [], [], []
    for kept in (10, 8, 5, 2):
        part = features[labels < kept]
        frechet.append(frechet_distance(statistics_of(part), statistics_of(real)))
        kernel.append(kernel_distance(part, real).value)
        recall.append(manifold(part, real).coverage)
    assert frechet == sorted(frechet)
    assert kernel == sorted(kernel)
    assert recall == sorted(recall, reverse=True)


def test_inception_score_falls_as_classes_go_missing(halves: Halves) -> None:
    logits, labels = halves.first.logits, halves.first.labels
    assert logits is not None and labels is not None
    scores = [inception_score(logits[labels < kept], splits=1).value for kept in (10, 6, 3)]
    assert scores == sorted(scores, reverse=True)


def test_resnet20_recognises_cifar10(halves: Halves) -> None:
    assert halves.first.logits is not None and halves.first.labels is not None
    assert conditional_accuracy(halves.first.logits, halves.first.labels).overall > 0.78


def test_missing_classes_and_duplicates_are_reported(halves: Halves) -> None:
    features, logits, labels = halves.first.features, halves.first.logits, halves.first.labels
    assert features is not None and logits is not None and labels is not None
    rows = torch.cat([torch.nonzero(logits.argmax(1) != 3).flatten(), torch.tensor([0, 0])])
    found = collapse_report(
        features[rows],
        halves.second.features,  # type: ignore[arg-type]
        logits=logits[rows],
        reference_logits=halves.second.logits,
        classes=halves.classes,
    )
    assert found.missing == (halves.classes[3],)
    assert found.duplicates == pytest.approx(3 / len(rows))
    assert found.class_diversity is not None and min(found.class_diversity.values()) > 0.5


def test_copied_training_images_are_found(halves: Halves) -> None:
    fresh, training = halves.first.features, halves.second.features
    assert fresh is not None and training is not None
    assert 0.35 < memorisation(fresh, training).authenticity < 0.65
    copies = memorisation(training[:50], training)
    assert copies.authenticity == 0.0
    assert copies.nearest[:, 0].tolist() == list(range(50))


def test_lenet5_recognises_mnist() -> None:
    images = read_idx(shared("data/mnist-t10k-images-idx3-ubyte.gz"))[:500, None]
    labels = read_idx(shared("data/mnist-t10k-labels-idx1-ubyte.gz"))[:500]
    # The network was trained on digits with a border of two pixels.
    framed = F.pad(images, (2, 2, 2, 2))
    extractor = lenet5(shared("weights/lenet5-mnist.safetensors"))
    logits = extractor(framed).logits
    assert logits is not None
    assert conditional_accuracy(logits, labels.long()).overall > 0.97


def test_squeezenet_tells_blur_from_photographs(tmp_path: Path) -> None:
    photographs = open_images(
        shared("data/single"), resolution=128, reading=Reading(cache=tmp_path)
    )
    images = photographs.batch(range(len(photographs)))
    extractor = squeezenet(shared("weights/squeezenet1_0-imagenet.safetensors"), size=128)
    distances = [
        perceptual_distance(extractor, images, _blurred(images, radius)) for radius in (1, 2, 4)
    ]
    assert perceptual_distance(extractor, images, images).abs().max() == 0
    assert bool((distances[0] < distances[1]).all()) and bool((distances[1] < distances[2]).all())
