"""Does a label-map generator paint what the map says: mIoU and accuracy by another network."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.errors import MetricError
from gancompress.options import check_whole

# What Cityscapes and Pascal VOC mark as not to be evaluated.
IGNORED = 255
# Their counts are a matrix.
MOST_CLASSES = 16_384


@dataclass(frozen=True)
class SegmentationScores:
    """Agreement of label maps.

    Attributes:
        mean_iou: intersection over union, mean over the classes that occur.
        pixel_accuracy: share of evaluated pixels.
        iou: (K,) by class; NaN for classes that occur on neither side.
    """

    mean_iou: float
    pixel_accuracy: float
    iou: Tensor


def segmentation_scores(
    network: Callable[[Tensor], Tensor],
    pairs: Iterable[tuple[Tensor, Tensor]],
    *,
    classes: int,
) -> SegmentationScores:
    """Score generated images by what ``network`` sees in them.

    Args:
        network: images (N, C, H, W) → logits (N, classes, h, w), scaled up bilinearly if smaller.
        pairs: batches of generated images and of the label maps (N, H, W) they were made from,
            int64 in 0…classes-1 or :data:`IGNORED`.
        classes: K.

    Raises:
        OptionError: ``classes`` is no positive number, or more than label maps hold.
        MetricError: the network sees other classes, or no pixel is to be judged.
    """
    check_whole(classes, "segmentation_scores: classes", 1, MOST_CLASSES)
    confusion = torch.zeros(classes, classes, dtype=torch.int64)
    for images, labels in pairs:
        with torch.inference_mode():
            logits = network(images)
        if logits.dim() != 4 or logits.shape[1] != classes:
            raise MetricError(
                f"the segmentation network returned {tuple(logits.shape)}; "
                f"expected (N, {classes}, h, w)"
            )
        if logits.shape[-2:] != labels.shape[-2:]:
            logits = F.interpolate(logits, labels.shape[-2:], mode="bilinear", align_corners=False)
        confusion += confusion_matrix(logits.argmax(1).cpu(), labels.cpu(), classes)
    return scores_of(confusion)


def confusion_matrix(predicted: Tensor, labels: Tensor, classes: int) -> Tensor:
    """(K, K) pixel counts, rows the map's classes, columns the predicted ones."""
    evaluated = labels != IGNORED
    wanted, seen = labels[evaluated].long(), predicted[evaluated].long()
    for values, whose in ((wanted, "label map"), (seen, "prediction")):
        if len(values) and not 0 <= int(values.min()) <= int(values.max()) < classes:
            raise MetricError(
                f"a {whose} holds class {int(values.max())}; there are {classes} classes"
            )
    return torch.bincount(wanted * classes + seen, minlength=classes**2).view(classes, classes)


def scores_of(confusion: Tensor) -> SegmentationScores:
    """Scores of a confusion matrix.

    Raises:
        MetricError: no pixel was evaluated.
    """
    counts = confusion.double()
    if float(counts.sum()) == 0:
        raise MetricError("no pixel to judge: the label maps are empty or all ignored")
    right = counts.diagonal()
    iou = right / (counts.sum(0) + counts.sum(1) - right)
    return SegmentationScores(
        mean_iou=float(iou.nanmean()),
        pixel_accuracy=float(right.sum() / counts.sum()),
        iou=iou,
    )
