"""A fixed network whose feature maps compare the student's images with the teacher's."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from gancompress.errors import RecipeError
from gancompress.metrics.extractors import open_extractor
from gancompress.metrics.features import NetworkExtractor
from gancompress.metrics.images import resize, with_channels
from gancompress.metrics.tapped import AUTO, tapped


@dataclass(frozen=True, eq=False)
class FeatureNetwork:
    """A network whose feature maps perceptual and style terms compare; not trained.

    Attributes:
        extractor: the network and the preparation of its images.
        taps: submodules whose outputs are compared, shallow to deep.
    """

    extractor: NetworkExtractor
    taps: tuple[str, ...]

    def maps(self, images: Tensor) -> list[Tensor]:
        """Feature maps of float images (N, 1 or 3, H, W) in [-1, 1]; gradients flow through."""
        levels = with_channels((images + 1.0) * 127.5, self.extractor.channels)
        prepared = resize(levels, self.extractor.size, antialias=self.extractor.antialias)
        with tapped(self.extractor.network, self.taps) as maps:
            self.extractor.network(prepared)
        return [maps[name] for name in self.taps]


def open_network(place: str, text: str, taps: Sequence[str], device: str) -> FeatureNetwork:
    """The network that a recipe names at ``place``, e.g. ``distill.terms.style``.

    Args:
        place: for messages.
        text: as :func:`gancompress.metrics.extractors.open_extractor` takes it.
        taps: submodules of the network; ``auto`` for those that it is known for.

    Raises:
        RecipeError: it is a mere function, or its taps are not known.
    """
    extractor = open_extractor(text, device=device)
    if not isinstance(extractor, NetworkExtractor):
        raise RecipeError(
            f"{place}.network: {text}: gives features only, no maps; a NetworkExtractor is needed"
        )
    names = extractor.taps if list(taps) == [AUTO] else tuple(taps)
    children = dict(extractor.network.named_modules())
    unknown = [name for name in names if name not in children]
    if unknown or not names:
        problem = f"no submodule {unknown[0]!r}" if unknown else "has no taps of its own"
        known = ", ".join(name for name in children if name)
        raise RecipeError(f"{place}.taps: {text}: {problem}; name some of {known}")
    # Gradients go through the network, never into it.
    _freeze(extractor.network)
    return FeatureNetwork(extractor, names)


def _freeze(network: nn.Module) -> None:
    network.eval().requires_grad_(False)
