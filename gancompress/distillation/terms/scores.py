"""Loss terms on scores: for teachers that classify or tag."""

import torch.nn.functional as F
from torch import Tensor


def soft_bce(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of -p log σ(s) - (1 - p) log(1 - σ(s)): every tag on its own.

    Args:
        student: logits (N, K).
        teacher: scores p in [0, 1], (N, K).
    """
    return F.binary_cross_entropy_with_logits(student, teacher)


def kl(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """T² · mean over samples of KL(softmax(t/T) ‖ softmax(s/T)) (Hinton et al. 2015, sec. 2).

    Args:
        student: logits (N, K).
        teacher: logits, or log-probabilities where a black box gives only probabilities, (N, K).
        temperature: T; above 1 the small scores count for more.
    """
    divergence = F.kl_div(
        F.log_softmax(student / temperature, dim=1),
        F.log_softmax(teacher / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return divergence * temperature**2
