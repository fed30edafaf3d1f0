"""How a user names an extractor, and how it is had."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gancompress.errors import MetricError
from gancompress.metrics.classifier import load_classifier
from gancompress.metrics.features import Extractor, NetworkExtractor
from gancompress.metrics.networks import lenet5, resnet20, squeezenet, torchvision_backbone
from gancompress.resolve import installed

# Networks whose weights are the user's file.
_WITH_FILE: dict[str, Callable[..., NetworkExtractor]] = {
    "squeezenet": squeezenet,
    "resnet20": resnet20,
    "lenet5": lenet5,
}

# The group of entry points by which packages add extractors.
GROUP = "gancompress.extractors"

FORMS = (
    "inception, inception:FILE, squeezenet:FILE, squeezenet@SIZE:FILE, resnet20:FILE, lenet5:FILE, "
    "torchvision:NAME, torchvision:NAME:FILE, torchvision@SIZE:NAME, a classifier file of "
    "`gancompress train-extractor`, the name that a package adds, package.module:attr"
)


def open_extractor(text: str, *, device: str = "cpu") -> Extractor:
    """The extractor that ``text`` names.

    Args:
        text: one of :data:`FORMS`; ``@SIZE`` gives the side in pixels that images are brought to.
            ``package.module:attr`` is an extractor, or a function without arguments that returns
            one; naming it runs that module's code.
        device: where the network is to compute.

    Raises:
        MetricError: no such form, or its weights cannot be had.
    """
    extractor = _open(text)
    if isinstance(extractor, NetworkExtractor):
        extractor.network.to(device)
    return extractor


def _open(text: str) -> Extractor:
    head, _, rest = text.partition(":")
    if head == "inception":
        # It brings torchvision, and with that all of PyTorch's compiler: a second of every start.
        from gancompress.metrics.inception import inception

        return inception(rest or None)
    family, _, size = head.partition("@")
    settings = {"size": int(size)} if size.isdigit() else {}
    if family in _WITH_FILE:
        if not rest:
            raise MetricError(f"extractor {text!r}: name its weights, {head}:FILE")
        return _WITH_FILE[family](rest, **settings)
    if family == "torchvision" and rest:
        name, _, path = rest.partition(":")
        return torchvision_backbone(name, path or None, **settings)
    if Path(text).suffix == ".safetensors" or Path(text).is_file():
        return load_classifier(text)
    if text in (added := installed(GROUP)):
        return _extractor(text, added[text].load())
    if rest:
        return _imported(text, head, rest)
    raise MetricError(f"extractor {text!r} is none of: {FORMS}")


def _imported(text: str, module: str, attribute: str) -> Extractor:
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise MetricError(f"extractor {text!r}: {error}; it must be one of: {FORMS}") from None
    return _extractor(text, found)


def _extractor(text: str, found: Any) -> Extractor:
    """``found`` itself, or what it returns."""
    if not _is_extractor(found) and callable(found):
        found = found()
    if not _is_extractor(found):
        raise MetricError(
            f"extractor {text!r}: is {type(found).__name__}, which has not all of name, "
            "fingerprint, size and __call__; see metrics.features.Extractor"
        )
    extractor: Extractor = found
    return extractor


def _is_extractor(found: object) -> bool:
    if isinstance(found, type) or not callable(found):
        return False
    return all(hasattr(found, name) for name in ("name", "fingerprint", "size"))
