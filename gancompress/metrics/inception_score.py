"""Inception score (Salimans et al. 2016): are images clear, and are all classes there?"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gancompress.errors import MetricError


@dataclass(frozen=True)
class InceptionScore:
    """exp E[KL(p(y|x) ‖ p(y))], 1…K.

    Attributes:
        value: mean over splits.
        deviation: standard deviation over splits.
        splits: how many.
    """

    value: float
    deviation: float
    splits: int


def inception_score(logits: Tensor, *, splits: int = 10, seed: int = 0) -> InceptionScore:
    """Score of class logits (N, K), shuffled by ``seed`` and cut into ``splits``.

    Each split judges its own share of classes, so the score grows with the size of a split; compare
    only scores of equal sample count and splits.

    Raises:
        MetricError: fewer images than splits.
    """
    if logits.dim() != 2 or splits < 1 or len(logits) < splits:
        raise MetricError(
            f"an inception score of {len(logits)} images in {splits} splits; "
            "take at least as many images as splits"
        )
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(logits)))
    scores = [_score(logits[part.to(logits.device)]) for part in order.tensor_split(splits)]
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)), splits)


def _score(logits: Tensor) -> float:
    log_p = logits.double().log_softmax(1)
    p = log_p.exp()
    # The log of the mean, taken over logarithms, keeps classes of tiny probability finite.
    log_q = log_p.logsumexp(0) - np.log(len(logits))
    return float((p * (log_p - log_q)).sum(1).mean().exp())
