"""How the weight of a loss term goes down over the training."""

import math
from collections.abc import Callable
from typing import Literal

Decay = Literal["constant", "linear", "cosine"]

# From the progress of the decay, 0…1, to the share of it that is still to come, 1…0.
_REMAINING: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: 0.5 + 0.5 * math.cos(math.pi * progress),
}


def share_left(decay: Decay, progress: float, *, until: float = 1.0, final: float = 0.0) -> float:
    """Share of a starting value that is left at a point of the training.

    Args:
        decay: ``constant``, ``linear`` or ``cosine``.
        progress: share of the training that is done, 0…1. Counted in steps, or in whole epochs for
            a decay once an epoch (TinyGAN, DiStyleGAN).
        until: share of the training after which the decay has ended, in (0, 1].
        final: share that is left then.

    Returns:
        1 at the start, ``final`` from ``until`` on; always 1 for ``constant``.
    """
    if decay == "constant":
        return 1.0
    done = min(max(progress / until, 0.0), 1.0) if until > 0 else 1.0
    return final + (1.0 - final) * _REMAINING[decay](done)
