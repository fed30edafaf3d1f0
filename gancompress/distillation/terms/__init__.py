"""The loss terms of distillation, each one entry of :data:`TERMS`.

The functions are in the files beside this one, by what they compare. The adversarial losses are in
:mod:`gancompress.training.losses`, for teachers train with them too. Other packages add terms by
the entry-point group ``gancompress.terms``; a recipe may name its own as ``module:attr``.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from typing import Any

import torch
from torch import Tensor

from gancompress.batch import InputSpec
from gancompress.data.outputs import OutputKind
from gancompress.distillation.terms.audio import stft
from gancompress.distillation.terms.features import (
    adapted_mse,
    channel_means,
    feature_matching,
    kernel_alignment,
    latent_directions,
    mmd,
    perceptual,
    style,
)
from gancompress.distillation.terms.output import (
    charbonnier,
    frequency,
    l1,
    l2,
    smooth_l1,
    total_variation,
    wavelet,
)
from gancompress.distillation.terms.scores import kl, soft_bce
from gancompress.distillation.terms.structure import ms_ssim, ssim
from gancompress.distillation.terms.term import (
    DiscriminatorInputs,
    FeatureMaps,
    LossInputs,
    LossTerm,
    discriminator_term,
    map_term,
    output_term,
    toward_teacher,
)
from gancompress.errors import RecipeError
from gancompress.resolve import resolve
from gancompress.training.losses import generator_loss

ENTRY_POINTS = "gancompress.terms"


def find_term(named: str | Callable[..., Any]) -> LossTerm:
    """The term that a recipe names, or that a library user's function is.

    Args:
        named: a name in :data:`TERMS`, one that a package adds, ``module:attr`` or
            ``file.py:attr``; a :class:`LossTerm`; or a function ``(student, teacher) -> loss`` of
            the two outputs, which is called by its name.

    Raises:
        RecipeError: there is no such term.
    """
    if isinstance(named, str):
        if named in TERMS:
            return TERMS[named]
        added = entry_points(group=ENTRY_POINTS, name=named)
        if added:
            return replace(_as_term(next(iter(added)).load()), name=named)
        if ":" not in named:
            known = ", ".join(sorted([*TERMS, *entry_points(group=ENTRY_POINTS).names]))
            raise RecipeError(f"distill.terms: {named}: unknown; known are {known}")
        named = resolve(named, noun="loss term")
    return _as_term(named)


def _as_term(found: Callable[..., Any]) -> LossTerm:
    if isinstance(found, LossTerm):
        return found
    return output_term(getattr(found, "__name__", type(found).__name__), found)


def level_weights(levels: int) -> list[float]:
    """Weights of the discriminator's maps: 1 for the deepest, 1/4 before it, then halved a level.

    With four levels these are DiStyleGAN's 1/16, 1/8, 1/4 and 1.
    """
    return [2.0 ** -(levels - level) for level in range(levels - 1)] + [1.0]


def _kl(inputs: LossInputs) -> Tensor:
    return toward_teacher(partial(kl, temperature=inputs.options.temperature), inputs)


def _latent_directions(maps: FeatureMaps) -> Tensor:
    return latent_directions(
        maps.student, maps.student_perturbed, maps.teacher, maps.teacher_perturbed
    )


def _needs_a_latent(inputs: InputSpec) -> str:
    latent = any(entry.is_latent for entry in inputs.values())
    return "" if latent else "the teacher has no latent to perturb"


def _discriminator_features(found: DiscriminatorInputs) -> Tensor:
    ours, theirs = found.student.maps, found.teacher.maps
    return feature_matching(ours, theirs, level_weights(len(ours)))


def _adversarial(found: DiscriminatorInputs) -> Tensor:
    return generator_loss(found.loss, found.student.logits, found.teacher.logits)


def _adversarial_real(found: DiscriminatorInputs) -> Tensor:
    assert found.unpaired_logits is not None
    return generator_loss(found.loss, found.unpaired_logits, found.teacher.real_logits)


# What neighbours in two directions mean something in.
_MAPS: tuple[OutputKind, ...] = ("image", "video", "tensor")

_BUILT_IN = (
    # Outputs.
    output_term("l1", l1),
    output_term("l2", l2),
    output_term("smooth_l1", smooth_l1),
    output_term("charbonnier", charbonnier),
    output_term("ssim", ssim, *_MAPS),
    output_term("ms_ssim", ms_ssim, *_MAPS),
    output_term("frequency", frequency, *_MAPS),
    output_term("wavelet", wavelet, *_MAPS),
    output_term("stft", stft, "audio", "tensor"),
    LossTerm(
        name="total_variation",
        loss=lambda x: total_variation(x.student),
        outputs=frozenset(_MAPS),
    ),
    # Scores. The teacher of soft_bce gives probabilities, a subnet gives logits.
    LossTerm(
        name="soft_bce",
        loss=lambda x: toward_teacher(soft_bce, x, as_teacher=torch.sigmoid),
        distance=soft_bce,
        outputs=frozenset(["scores"]),
    ),
    LossTerm(name="kl", loss=_kl, distance=kl, outputs=frozenset(["scores"])),
    # Feature maps inside both generators.
    map_term(
        "adapted",
        lambda maps: adapted_mse(maps.student, maps.teacher, maps.weights, maps.biases),
        "taps",
        "adapters",
    ),
    map_term("kernel_alignment", lambda m: kernel_alignment(m.student, m.teacher), "taps"),
    map_term(
        "channel_means", lambda m: channel_means(m.student, m.teacher), "taps", "adapted_maps"
    ),
    map_term(
        "latent_directions",
        _latent_directions,
        "taps",
        "perturbed_latents",
        check=_needs_a_latent,
    ),
    # Feature maps of both outputs in a fixed network.
    map_term("perceptual", lambda m: perceptual(m.student, m.teacher), "feature_network"),
    map_term("style", lambda m: style(m.student, m.teacher), "feature_network"),
    map_term("mmd", lambda m: mmd(m.student, m.teacher), "feature_network"),
    # The discriminator.
    discriminator_term("discriminator_features", _discriminator_features, adversarial=False),
    discriminator_term("adversarial", _adversarial),
    discriminator_term("adversarial_real", _adversarial_real, "real_images"),
)

TERMS: dict[str, LossTerm] = {term.name: term for term in _BUILT_IN}
