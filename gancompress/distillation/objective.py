"""What a student is asked for: named terms, each with a weight that may go down over time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gancompress.distillation.schedules import Decay, share_left
from gancompress.distillation.terms import (
    FEATURES,
    OUTPUT,
    PRIOR,
    SCORES,
    Maps,
    adapted_mse,
    feature_matching,
    kl,
    latent_directions,
)
from gancompress.errors import RecipeError
from gancompress.training.losses import generator_loss

# Terms that need a discriminator beside the two outputs.
ADVERSARIAL_TERMS = ("adversarial", "adversarial_real")
DISCRIMINATOR_TERMS = ("discriminator_features", *ADVERSARIAL_TERMS)

# Terms that compare features inside student and teacher; of these, those that need adapters.
TAPPED_TERMS = ("adapted", "kernel_alignment", "channel_means", "latent_directions")
ADAPTED_TERMS = ("adapted", "channel_means")

# Terms that look at both outputs through a fixed network.
NETWORK_TERMS = ("perceptual", "style")

# Terms on feature maps, with the arguments that Features.compared gives.
_COMPARE: dict[str, Any] = {
    **FEATURES,
    "adapted": adapted_mse,
    "latent_directions": latent_directions,
}

TERMS = (*OUTPUT, *PRIOR, *SCORES, *TAPPED_TERMS, *NETWORK_TERMS, *DISCRIMINATOR_TERMS)


@dataclass(frozen=True)
class TermWeight:
    """Weight of a term over the training.

    Attributes:
        weight: at the start.
        decay: how it goes down, see :func:`gancompress.distillation.schedules.share_left`.
        until: share of the training after which the decay has ended.
        final: share of the weight that is left then.
        every: the term is used at every this-many-th step only.
        temperature: of ``kl``.
    """

    weight: float
    decay: Decay = "constant"
    until: float = 1.0
    final: float = 0.0
    every: int = 1
    temperature: float = 1.0


@dataclass(frozen=True)
class Seen:
    """All that a term may compare, for one subnet in one step.

    Attributes:
        student: output of the subnet, (N, …).
        teacher: output of the teacher for the same inputs.
        largest: output of the largest subnet, for a smaller one to learn from; without gradient.
        features: the discriminator's maps of the student's images, shallow to deep.
        teacher_features: its maps of the teacher's.
        logits: its verdict on the student's images.
        teacher_logits: its verdict on the teacher's, for a relativistic loss.
        fresh_logits: its verdict on the subnet's images of inputs the teacher never answered.
        real_logits: its verdict on real images, for a relativistic loss.
        compared: arguments of the feature terms, by term.
    """

    student: Tensor
    teacher: Tensor
    largest: Tensor | None = None
    features: list[Tensor] = field(default_factory=list)
    teacher_features: list[Tensor] = field(default_factory=list)
    logits: Tensor | None = None
    teacher_logits: Tensor | None = None
    fresh_logits: Tensor | None = None
    real_logits: Tensor | None = None
    compared: Mapping[str, tuple[Maps, ...]] = field(default_factory=dict)


def check_terms(terms: Mapping[str, TermWeight], discriminator: bool) -> None:
    """Refuse names that are no terms, and terms that lack the discriminator they need."""
    unknown = [name for name in terms if name not in TERMS]
    if unknown:
        raise RecipeError(
            f"distill.terms: {', '.join(unknown)}: unknown; known are {', '.join(sorted(TERMS))}"
        )
    needing = [name for name in terms if name in DISCRIMINATOR_TERMS]
    if needing and not discriminator:
        raise RecipeError(
            f"distill.terms: {', '.join(needing)}: need distill.discriminator, which has no factory"
        )
    if not terms:
        raise RecipeError("distill.terms: empty; name at least one, for instance l1")


def weights_at(terms: Mapping[str, TermWeight], step: int, progress: float) -> dict[str, float]:
    """The terms in use at ``step`` and their weights; ``progress``: share of training done."""
    weights = {}
    for name, term in terms.items():
        if step % term.every == 0:
            left = share_left(term.decay, progress, until=term.until, final=term.final)
            if term.weight * left > 0:
                weights[name] = term.weight * left
    return weights


def term_losses(
    names: Mapping[str, float],
    seen: Seen,
    adversarial: str,
    in_place: float = 0.0,
    temperature: float = 1.0,
) -> dict[str, Tensor]:
    """The value of each term, not weighted.

    Args:
        names: the terms in use.
        seen: what there is to compare.
        adversarial: a name in :data:`gancompress.training.losses.ADVERSARIAL`.
        in_place: share of the output and score terms that is taken towards the largest subnet's
            output in place of the teacher's, where ``seen`` has one.
        temperature: of ``kl``.
    """
    losses = {}
    for name in names:
        if name in OUTPUT or name in SCORES:
            losses[name] = _towards(name, seen, in_place, temperature)
        elif name in PRIOR:
            losses[name] = PRIOR[name](seen.student)
        elif name in _COMPARE:
            losses[name] = _COMPARE[name](*seen.compared[name])
        elif name == "discriminator_features":
            levels = level_weights(len(seen.features))
            losses[name] = feature_matching(seen.features, seen.teacher_features, levels)
        elif name == "adversarial" and seen.logits is not None:
            losses[name] = generator_loss(adversarial, seen.logits, seen.teacher_logits)
        elif name == "adversarial_real" and seen.fresh_logits is not None:
            losses[name] = generator_loss(adversarial, seen.fresh_logits, seen.real_logits)
    return losses


def _towards(name: str, seen: Seen, in_place: float, temperature: float) -> Tensor:
    """An output or score term, towards the teacher and in part towards the largest subnet."""
    compare = (OUTPUT | SCORES)[name]
    if name == "kl":
        compare = partial(kl, temperature=temperature)
    if seen.largest is None or in_place == 0:
        return compare(seen.student, seen.teacher)
    # The teacher of `soft_bce` gives probabilities, a subnet gives logits.
    largest = torch.sigmoid(seen.largest) if name == "soft_bce" else seen.largest
    from_largest = in_place * compare(seen.student, largest)
    if in_place == 1:
        return from_largest
    return (1 - in_place) * compare(seen.student, seen.teacher) + from_largest


def own_loss(weighted: Mapping[str, Tensor]) -> Tensor:
    """The sum without adversarial terms: how well a subnet fools a moving judge says little."""
    told = [loss for name, loss in weighted.items() if name not in ADVERSARIAL_TERMS]
    return torch.stack(told).sum().detach() if told else torch.zeros(())


def level_weights(levels: int) -> list[float]:
    """Weights of the discriminator's maps: 1 for the deepest, 1/4 before it, then halved a level.

    With four levels these are DiStyleGAN's 1/16, 1/8, 1/4 and 1.
    """
    return [2.0 ** -(levels - level) for level in range(levels - 1)] + [1.0]
