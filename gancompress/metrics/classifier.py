"""A small classifier trained on the user's own labelled images, as an extractor.

Where no published network fits the data (8×8 digits, medical tiles, sprites), its pooled features
give a Fréchet distance and its classes a conditional accuracy. Seconds on a laptop.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gancompress.atomic import replacing
from gancompress.errors import MetricError
from gancompress.metrics.features import NetworkExtractor, network_extractor
from gancompress.metrics.images import check_uint8, resize, with_channels
from gancompress.metrics.threads import pinned_threads
from gancompress.progress import progress_bar

FORMAT = "gancompress.classifier/1"
_TAPS = ("body.2", "body.5", "body.8")  # after each ReLU
SMALLEST, LARGEST = 8, 64


class ClassifierNetwork(nn.Module):
    """Three 3×3 convolutions (two with stride), pooled over the picture, one linear layer.

    Takes float images (N, channels, H, W) in 0…255; gives (features (N, 4·width), logits (N, K)).
    """

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__()
        sizes = (channels, width, 2 * width, 4 * width)
        blocks: list[nn.Module] = []
        for index in range(3):
            stride = 1 if index == 0 else 2
            convolution = nn.Conv2d(
                sizes[index], sizes[index + 1], 3, stride=stride, padding=1, bias=False
            )
            blocks += [convolution, nn.BatchNorm2d(sizes[index + 1]), nn.ReLU()]
        self.body = nn.Sequential(*blocks)
        self.head = nn.Linear(sizes[-1], classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(images / 127.5 - 1.0).mean((2, 3))
        return features, self.head(features)


@dataclass(frozen=True, kw_only=True)
class ClassifierOptions:
    """How a classifier is built and trained.

    Attributes:
        size: side to which images are resized, 8…64; None: that of the images, within 8…64.
        width: channels of the first convolution; features have four times as many.
        steps, batch_size, learning_rate: of Adam with a one-cycle schedule.
        shift: largest random displacement in pixels, as augmentation.
    """

    size: int | None = None
    width: int = 16
    steps: int = 600
    batch_size: int = 64
    learning_rate: float = 1e-2
    shift: int = 1


def train_classifier(
    images: Tensor,
    labels: Tensor,
    classes: Sequence[str],
    options: ClassifierOptions,
    *,
    name: str = "classifier",
    seed: int = 0,
    progress: bool = False,
) -> NetworkExtractor:
    """Train on labelled images; the same seed gives the same weights.

    Args:
        images: uint8 (N, 1 or 3, H, W).
        labels: int64 (N,), indices into ``classes``.
        classes: names of the classes; each needs an image.
        options: how it is built and trained.
        name: of the extractor.
        seed: of initial weights, order and displacements.
        progress: show a bar.

    Raises:
        MetricError: the data do not fit together, or a class has no image.
    """
    size = _check_training_data(images, labels, classes, options.size)
    channels = int(images.shape[1])
    prepared = resize(with_channels(images, channels), size, antialias=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ClassifierNetwork(channels, len(classes), options.width)
    # One thread: sums keep their order on every machine, and networks this small are no slower.
    with pinned_threads(1):
        _fit(network, prepared, labels, options, seed, progress)
    return network_extractor(
        name, network, size=size, channels=channels, classes=tuple(classes), taps=_TAPS
    )


def _check_training_data(
    images: Tensor, labels: Tensor, classes: Sequence[str], size: int | None
) -> int:
    check_uint8(images)
    if labels.shape != (len(images),):
        raise MetricError(
            f"{len(images)} images but labels of shape {tuple(labels.shape)}; give one per image"
        )
    if len(classes) < 2:
        raise MetricError(f"a classifier needs at least two classes, not {len(classes)}")
    if int(labels.min()) < 0 or int(labels.max()) >= len(classes):
        raise MetricError(
            f"labels run from {int(labels.min())} to {int(labels.max())}; "
            f"with {len(classes)} classes they must lie in 0…{len(classes) - 1}"
        )
    counts = torch.bincount(labels, minlength=len(classes))
    missing = [classes[i] for i in range(len(classes)) if counts[i] == 0]
    if missing:
        raise MetricError(f"classes without an image: {', '.join(missing)}; add some or drop them")
    chosen = size or min(max(int(images.shape[-1]), SMALLEST), LARGEST)
    if not SMALLEST <= chosen <= LARGEST:
        raise MetricError(f"size {chosen}: the classifier takes {SMALLEST}…{LARGEST} pixels")
    return chosen


def _fit(
    network: ClassifierNetwork,
    images: Tensor,
    labels: Tensor,
    options: ClassifierOptions,
    seed: int,
    progress: bool,
) -> None:
    rng = torch.Generator().manual_seed(seed)
    # Batch norm cannot learn from a lone last sample, so a remainder joins the other batches.
    batches = max(1, len(images) // options.batch_size)
    optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.learning_rate, total_steps=options.steps
    )
    network.train()
    order: tuple[Tensor, ...] = ()
    for step in progress_bar(
        range(options.steps), desc="training the extractor", disable=not progress, leave=False
    ):
        if step % batches == 0:
            order = torch.randperm(len(images), generator=rng).tensor_split(batches)
        chosen = order[step % batches]
        moved = _displace(images[chosen], options.shift, rng)
        loss = F.cross_entropy(network(moved)[1], labels[chosen], label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


def _displace(images: Tensor, shift: int, rng: torch.Generator) -> Tensor:
    """The batch moved by up to ``shift`` pixels each way; edges repeat."""
    if shift == 0:
        return images
    height, width = images.shape[-2:]
    top, left = torch.randint(0, 2 * shift + 1, (2,), generator=rng).tolist()
    padded = F.pad(images, (shift, shift, shift, shift), mode="replicate")
    return padded[..., top : top + height, left : left + width]


def save_classifier(
    extractor: NetworkExtractor,
    path: str | os.PathLike[str],
    *,
    facts: dict[str, Any] | None = None,
) -> None:
    """Write weights as safetensors, the description as JSON in its metadata.

    Args:
        extractor: made by :func:`train_classifier`.
        path: of the file, conventionally ``*.safetensors``.
        facts: further JSON-able facts to keep (held-out accuracy, data, seed).
    """
    network = extractor.network
    if not isinstance(network, ClassifierNetwork) or extractor.classes is None:
        raise MetricError(f"{extractor.name} is not a classifier of train_classifier")
    description = {
        "format": FORMAT,
        "name": extractor.name,
        "classes": list(extractor.classes),
        "channels": extractor.channels,
        "size": extractor.size,
        "width": network.head.in_features // 4,
        "facts": facts or {},
    }
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    with replacing(path) as temporary:
        save_file(weights, temporary, metadata={"description": json.dumps(description)})


def is_classifier(path: str | os.PathLike[str]) -> bool:
    """Whether the file was written by :func:`save_classifier`."""
    try:
        return read_description(path).get("format") == FORMAT
    except MetricError:
        return False


def read_description(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What :func:`save_classifier` wrote beside the weights.

    Raises:
        MetricError: the file cannot be read or is not a classifier.
    """
    try:
        with safe_open(os.fspath(path), "pt") as file:
            text = (file.metadata() or {}).get("description", "{}")
        description = json.loads(text)
    except (SafetensorError, OSError, ValueError) as error:
        raise MetricError(f"{os.fspath(path)}: cannot be read as safetensors ({error})") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise MetricError(
            f"{os.fspath(path)}: not a classifier; `gancompress train-extractor` makes one"
        )
    return description


def load_classifier(path: str | os.PathLike[str]) -> NetworkExtractor:
    """Read what :func:`save_classifier` wrote; nothing in the file is executed.

    Raises:
        MetricError: the file is missing, damaged, or not a classifier.
    """
    description = read_description(path)
    network = ClassifierNetwork(
        description["channels"], len(description["classes"]), description["width"]
    )
    with safe_open(os.fspath(path), "pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise MetricError(f"{os.fspath(path)}: weights do not fit ({error})") from None
    return network_extractor(
        description["name"],
        network,
        size=description["size"],
        channels=description["channels"],
        classes=tuple(description["classes"]),
        taps=_TAPS,
    )
