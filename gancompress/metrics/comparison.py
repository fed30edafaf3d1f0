"""What an evaluation has in hand: two sides, seen by one extractor."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gancompress.data.problems import problem_lines
from gancompress.errors import MetricError
from gancompress.metrics.collect import Collected
from gancompress.metrics.features import Extractor
from gancompress.metrics.frechet import FeatureStatistics
from gancompress.metrics.sources import ImageSource


@dataclass(frozen=True)
class Named:
    """A source, what people call it, and the names of its classes where they are known."""

    name: str
    source: ImageSource
    classes: tuple[str, ...] = ()


def file_remarks(*sides: object) -> dict[str, list[str]]:
    """What was converted or left out of the image files of both sides, as details of a score."""
    lines = [
        f"{side.name}: {line}"
        for side in sides
        if isinstance(side, Named)
        for line in problem_lines(getattr(side.source, "problems", ()))
    ]
    return {"files": lines} if lines else {}


@dataclass(frozen=True)
class Comparison:
    """What a metric may look at; see :func:`gancompress.metrics.evaluate.compare`.

    Attributes:
        evaluated, reference: where the images come from.
        ours, theirs: what the extractor saw in them.
        extractor: the network.
        classes: names of the labels.
        seed: of everything a metric draws.
    """

    evaluated: Named
    reference: Named | tuple[str, FeatureStatistics]
    ours: Collected
    theirs: Collected
    extractor: Extractor
    classes: tuple[str, ...]
    seed: int

    def features(self) -> tuple[Tensor, Tensor]:
        """Kept features of both sides."""
        if self.ours.features is None or self.theirs.features is None:
            raise MetricError(
                "this metric compares image by image; give the reference as images, not as .npz"
            )
        return self.ours.features, self.theirs.features

    def logits(self) -> Tensor:
        """Kept logits of the evaluated images."""
        if self.ours.logits is None:
            raise MetricError(f"extractor {self.extractor.name} has no classes; take a classifier")
        return self.ours.logits

    def labels(self) -> Tensor:
        """Classes that were asked of the evaluated images."""
        if self.ours.labels is None:
            raise MetricError("the evaluated images have no labels; this metric is about classes")
        return self.ours.labels

    def requested(self) -> Tensor:
        """The same as indices of the extractor's logits, which may count classes differently."""
        known = getattr(self.extractor, "classes", None)
        if not self.classes or known == self.classes:
            return self.labels()
        if known is None:
            number = self.logits().shape[1]
            if number != len(self.classes):
                raise MetricError(
                    f"extractor {self.extractor.name} tells {number} classes apart, the data have "
                    f"{len(self.classes)}; train one on these data"
                )
            return self.labels()
        unknown = [name for name in self.classes if name not in known]
        if unknown:
            raise MetricError(
                f"extractor {self.extractor.name} knows the classes {', '.join(known)}, "
                f"but not {', '.join(unknown)}; train one on these data"
            )
        return torch.tensor([known.index(name) for name in self.classes])[self.labels()]

    def right(self) -> Tensor | None:
        """In which images the extractor sees the requested class; None where it cannot tell."""
        known = getattr(self.extractor, "classes", None)
        if self.ours.logits is None or known is None or not set(self.classes) <= set(known):
            return None
        return self.ours.logits.argmax(1) == self.requested()

    def class_names(self) -> tuple[str, ...]:
        """Names of the labels; numbers where they have none."""
        sides = [side.labels for side in (self.ours, self.theirs) if side.labels is not None]
        return self.classes or tuple(
            str(number) for number in range(max(int(side.max()) for side in sides) + 1)
        )
