"""How like the teacher's answers a student's are, sample by sample, on inputs not trained on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from gancompress.batch import Batch, InputSpec
from gancompress.data.live import Pairs
from gancompress.data.outputs import OutputKind, frames_of, output_kind
from gancompress.metrics.audio import log_spectral_distance, mean_absolute, stft_distance
from gancompress.metrics.features import Extractor, NetworkExtractor
from gancompress.metrics.images import as_uint8
from gancompress.metrics.perceptual import perceptual_distance
from gancompress.metrics.similarity import ssim

# Samples at once.
BATCH = 16
# Samples whose scores are shown, and classes of each.
SHOWN, FIRST = 6, 3
# Pixels that the window of SSIM needs.
SSIM_SIZE = 11


def similarity(
    module: nn.Module, pairs: Pairs, samples: range, extractor: Extractor | None
) -> dict[str, float]:
    """Means over ``samples`` of what compares two outputs of their kind.

    Images: SSIM and, where the extractor has taps, the distance of Zhang et al. 2018 in its
    features (not LPIPS, whose network and weights are others). Film: SSIM of its frames. Scores:
    how often the highest one is the teacher's, and Spearman's rank correlation within a sample.
    Waves: distances of spectra. These and all other tensors: L1.

    Returns:
        Value by the title of its column.
    """
    found: dict[str, list[Tensor]] = {}
    for start in range(0, len(samples), BATCH):
        inputs, answers = pairs.batch(samples[start : start + BATCH])
        with torch.no_grad():
            made = module(**inputs)
        compare = _COMPARE[output_kind(answers.shape)]
        for name, values in compare(made, answers, extractor).items():
            found.setdefault(name, []).append(values.double())
    return {name: float(torch.cat(values).mean()) for name, values in found.items()}


def _images(made: Tensor, answers: Tensor, extractor: Extractor | None) -> dict[str, Tensor]:
    images = as_uint8(made)
    values = {}
    if min(images.shape[-2:]) >= SSIM_SIZE:
        values["SSIM to teacher"] = ssim(images, answers)
    if isinstance(extractor, NetworkExtractor) and extractor.taps:
        distance = perceptual_distance(extractor, images, answers)
        values[f"perceptual_{extractor.name}"] = distance.cpu()
    return values


def _scores(made: Tensor, answers: Tensor, extractor: Extractor | None) -> dict[str, Tensor]:
    from scipy.stats import spearmanr  # half a second, which most commands do without

    ranks = [
        spearmanr(ours, theirs).statistic
        for ours, theirs in zip(made.numpy(), answers.numpy(), strict=True)
    ]
    return {
        "same top-1": (made.argmax(1) == answers.argmax(1)).double(),
        "rank correlation": torch.from_numpy(np.array(ranks)),
    }


def _video(made: Tensor, answers: Tensor, extractor: Extractor | None) -> dict[str, Tensor]:
    """Frame by frame."""
    return _images(frames_of(made), frames_of(answers), extractor)


def _audio(made: Tensor, answers: Tensor, extractor: Extractor | None) -> dict[str, Tensor]:
    return {
        "STFT distance": stft_distance(made, answers),
        "log-spectral dB": log_spectral_distance(made, answers),
        **_tensors(made, answers, extractor),
    }


def _tensors(made: Tensor, answers: Tensor, extractor: Extractor | None) -> dict[str, Tensor]:
    return {"L1 to teacher": mean_absolute(made, answers)}


_COMPARE: dict[OutputKind, Callable[[Tensor, Tensor, Extractor | None], dict[str, Tensor]]] = {
    "image": _images,
    "video": _video,
    "audio": _audio,
    "scores": _scores,
    "tensor": _tensors,
}

# Of the columns: those that are smaller where the student is nearer.
_LOWER = ("perceptual_", "STFT", "log-spectral", "L1")


def lower_is_better(name: str) -> bool:
    """Whether a small value of the column is the good one."""
    return name.startswith(_LOWER)


def shown(name: str, value: float) -> str:
    """A value for the table."""
    return f"{value:.1%}" if name == "same top-1" else f"{value:.3f}"


def side_by_side(
    student: nn.Module, pairs: Pairs, samples: range, count: int
) -> dict[str, Tensor] | None:
    """The first ``count`` samples as *input | teacher | student*, in [-1, 1] or uint8.

    None where the answers are no pictures.
    """
    inputs, answers = pairs.batch(samples[:count])
    if output_kind(answers.shape) != "image":
        return None
    with torch.no_grad():
        made = student(**inputs)
    return {**visible(pairs.inputs, inputs), "teacher": answers, "student": made}


@dataclass(frozen=True)
class Answered:
    """A picture and the classes of its highest scores, highest first.

    Attributes:
        picture: (1, C, H, W), in [-1, 1].
        teacher, student: numbers of classes.
    """

    picture: Tensor
    teacher: tuple[int, ...]
    student: tuple[int, ...]


def answered(student: nn.Module, pairs: Pairs, samples: range) -> list[Answered]:
    """A few of the samples, where scores are given for pictures; else nothing."""
    inputs, answers = pairs.batch(samples[:SHOWN])
    pictures = visible(pairs.inputs, inputs).get("input")
    if output_kind(answers.shape) != "scores" or pictures is None:
        return []
    with torch.no_grad():
        made = student(**inputs)
    first = min(FIRST, answers.shape[1])
    theirs, ours = (scores.topk(first).indices.tolist() for scores in (answers, made))
    return [
        Answered(picture[None], tuple(teacher), tuple(own))
        for picture, teacher, own in zip(pictures, theirs, ours, strict=True)
    ]


def visible(spec: InputSpec, inputs: Batch) -> dict[str, Tensor]:
    """The one of the inputs that can be looked at, as ``input``; nothing where there is none."""
    found = {}
    for name, entry in spec.items():
        value = inputs[name]
        if entry.kind == "image" and value.shape[1] in (1, 3):
            found["input"] = (value - entry.low) * (2 / (entry.high - entry.low)) - 1
        elif entry.kind == "label_map":
            # A grey level a class.
            numbers = value.argmax(dim=1, keepdim=True)
            found["input"] = numbers / max(entry.shape[0] - 1, 1) * 2 - 1
    return found
