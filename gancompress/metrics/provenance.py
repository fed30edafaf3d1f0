"""A score that says where it comes from, and a comparison that says when it means nothing."""

import platform
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import metadata
from typing import Any, Literal

from gancompress.errors import MetricError

FORMAT = 1

# What two scores may differ in and still be compared: that is what is being compared.
_SUBJECT = ("value", "error", "details", "generator", "generator_hash")


class ProvenanceWarning(UserWarning):
    """Two scores were compared that were not measured the same way."""


@dataclass(frozen=True)
class Score:
    """One number and everything it depends on.

    Attributes:
        metric: name; distances bear their extractor (``fd_squeezenet``, and only the official one
            is ``fid``).
        value: the number.
        better: which way is good.
        error: standard error, or deviation over splits, where there is one.
        extractor, extractor_hash: network and its weights.
        resize: how images were brought to its size, and by which filter.
        samples: images evaluated.
        reference, reference_hash, reference_samples: what they were compared with.
        generator, generator_hash: what made them.
        seed: of the samples and of everything drawn by the metric.
        settings: of the metric (splits, blocks, neighbours …).
        details: more of what was found (by class, quality of a fit …), and under ``files`` what was
            converted or left out of image files.
        versions: packages that take part.
    """

    metric: str
    value: float
    better: Literal["lower", "higher"]
    samples: int
    generator: str
    generator_hash: str
    error: float | None = None
    extractor: str | None = None
    extractor_hash: str | None = None
    resize: str | None = None
    reference: str | None = None
    reference_hash: str | None = None
    reference_samples: int | None = None
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """The score and its provenance in one readable line."""
        number = f"{self.value:.4g}"
        if self.error is not None:
            number += f" ± {self.error:.2g}"
        parts = [f"{self.samples:,} images of {self.generator}@{self.generator_hash[:8]}"]
        if self.reference is not None:
            count = "?" if not self.reference_samples else f"{self.reference_samples:,}"
            parts.append(f"against {count} of {self.reference}@{(self.reference_hash or '?')[:8]}")
        if self.extractor is not None:
            parts.append(f"{self.extractor}@{(self.extractor_hash or '?')[:8]}, {self.resize}")
        parts += [f"{name} {value}" for name, value in self.settings.items()]
        if self.seed is not None:
            parts.append(f"seed {self.seed}")
        return f"{self.metric} {number} ({self.better} is better; {'; '.join(parts)})"

    def to_json(self) -> dict[str, Any]:
        """Plain data; :meth:`from_json` gives it back."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Score":
        """The inverse of :meth:`to_json`.

        Raises:
            MetricError: it is not a score, or one of a later format.
        """
        known = {entry.name for entry in fields(cls)}
        given = {name: value for name, value in data.items() if name != "format"}
        try:
            if data.get("format") == FORMAT and given.keys() <= known:
                return cls(**given)
        except TypeError:
            pass
        raise MetricError(f"not a score of format {FORMAT}: {dict(data)}")


def differences(first: Score, second: Score) -> list[str]:
    """What sets the measurement of two scores apart, as ``name: one / other``."""
    one, other = asdict(first), asdict(second)
    return [
        f"{name}: {one[name]} / {other[name]}"
        for name in one
        if name not in _SUBJECT and one[name] != other[name]
    ]


def compare(first: Score, second: Score) -> float:
    """How much better ``second`` is than ``first`` (negative: worse), in the metric's unit.

    Warns:
        ProvenanceWarning: they were not measured the same way; the difference may mean nothing.
    """
    apart = differences(first, second)
    if apart:
        warnings.warn(
            f"{first.metric} and {second.metric} were not measured the same way: "
            f"{'; '.join(apart)}",
            ProvenanceWarning,
            stacklevel=2,
        )
    gain = second.value - first.value
    return gain if first.better == "higher" else -gain


def table(scores: Iterable[Score]) -> str:
    """Scores as aligned text, one a row: metric, value, error, which way is better."""
    rows = [(score.metric, f"{score.value:.4f}", _error(score), score.better) for score in scores]
    heading = ("metric", "value", "±", "better")
    widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(4)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}"
        for row in [heading, *rows]
    )


def _error(score: Score) -> str:
    return "" if score.error is None else f"{score.error:.2g}"


@cache
def package_versions() -> dict[str, str]:
    """Versions of what a score depends on."""
    packages = ("gancompress", "torch", "torchvision", "numpy", "scipy", "pillow", "pytorch-fid")
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
