"""Loss terms on feature maps: of a discriminator, of a fixed network, or inside the generators.

Features are lists of maps from shallow to deep, the teacher's first dimension the same samples as
the student's. The teacher's carry no gradient.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.distillation.terms.precision import widen, without_autocast
from gancompress.errors import DataError

Maps = Sequence[Tensor]


def feature_matching(student: Maps, teacher: Maps, weights: Sequence[float]) -> Tensor:
    """Σₗ wₗ · mean\\|sₗ - tₗ\\|.

    The feature-level distillation loss on a discriminator's maps of TinyGAN (Chang & Lu 2020) and,
    with the weights 1/16, 1/8, 1/4, 1, of DiStyleGAN.

    Args:
        student: maps of the student's images.
        teacher: maps of the teacher's images, each of the same shape as the student's.
        weights: one for each level.
    """
    levels = _levels(student, teacher, weights)
    # The gradient of a sum is laid out as the maps are, that of a mean is not, which costs time.
    return torch.stack([w / s.numel() * (s - t).abs().sum() for s, t, w in levels]).sum()


def perceptual(student: Maps, teacher: Maps) -> Tensor:
    """Σₗ mean\\|sₗ - tₗ\\| over features of a given network (Johnson et al. 2016, with L1)."""
    return feature_matching(student, teacher, [1.0] * len(student))


def style(student: Maps, teacher: Maps) -> Tensor:
    """Σₗ mean\\|G(sₗ) - G(tₗ)\\|, G(x) = x xᵀ / (C·H·W) over positions: the Gram matrices.

    Gatys et al. 2016, eq. 3 to 5, normalised as by Johnson et al. 2016, eq. 3; L1 as in OMGD.
    """
    levels = _levels(student, teacher, [1.0] * len(student))
    return torch.stack([F.l1_loss(_gram(s), _gram(t)) for s, t, _ in levels]).sum()


def mmd(student: Maps, teacher: Maps) -> Tensor:
    """Mean over levels of the squared maximum mean discrepancy of the maps' means over positions.

    Gretton et al. 2012, eq. 5, with Gaussian kernels of half, one and two times the mean squared
    distance between all; as a loss of generators in a fixed network as by Li et al. 2015,
    and for compression DiME (ECCV 2024). Images are compared as sets, not one by one, so that it
    wants a large batch; 0 where the sets are equal.
    """
    losses = []
    for s, t in zip(student, teacher, strict=True):
        ours, theirs = widen(s.flatten(2).mean(-1)), widen(t.flatten(2).mean(-1))
        points = torch.cat([ours, theirs])
        with without_autocast(points):
            squared = torch.cdist(points, points).square()
        count = len(ours)
        scale = squared.mean().clamp(min=1e-12).detach()
        kernel = torch.stack([(-squared / (scale * share)).exp() for share in (0.5, 1, 2)]).mean(0)
        within = kernel[:count, :count].mean() + kernel[count:, count:].mean()
        losses.append(within - 2 * kernel[:count, count:].mean())
    return torch.stack(losses).mean()


def adapted_mse(
    student: Maps, teacher: Maps, weights: Sequence[Tensor], biases: Sequence[Tensor]
) -> Tensor:
    """Σₗ mean (Aₗ sₗ + bₗ - tₗ)², A a learned 1×1 convolution on the student's side.

    The distillation term of GAN Compression (Li et al. 2020). A supernet's map has as many channels
    as its subnet is wide: the leading columns of A are used, which go with its leading channels.

    Args:
        student: maps (N, at most S, H, W) of the subnet.
        teacher: maps (N, T, H, W).
        weights: (T, S) each.
        biases: (T,) each.
    """
    losses = []
    for (s, t, _), weight, bias in zip(
        _levels(student, teacher, [1.0] * len(student), same_channels=False),
        weights,
        biases,
        strict=True,
    ):
        if s.shape[1] > weight.shape[1] or t.shape[1] != weight.shape[0]:
            raise DataError(
                f"adapter {tuple(weight.shape)}: cannot take {s.shape[1]} channels to {t.shape[1]}"
            )
        kernel = weight[:, : s.shape[1], None, None]
        losses.append(F.mse_loss(F.conv2d(s, kernel, bias), t))
    return torch.stack(losses).sum()


def kernel_alignment(student: Maps, teacher: Maps) -> Tensor:
    """Mean over levels of -Σ(XXᵀ∘YYᵀ) / √(Σ(XXᵀ)² · Σ(YYᵀ)²), rows of X and Y the samples.

    Jin et al. 2021, Teachers Do More Than Teach (CAT), global kernel alignment. How samples
    resemble each other is compared, so the two may differ in channels and size and need no adapter.
    In [-1, 0], -1 where the resemblances agree. One sample always agrees: it wants a large batch.
    """
    losses = []
    for s, t in zip(student, teacher, strict=True):
        x, y = widen(s.flatten(1)), widen(t.flatten(1))
        # Unit scale first: the fourth powers below would overflow for large maps.
        x, y = x / x.norm().clamp(min=1e-12), y / y.norm().clamp(min=1e-12)
        with without_autocast(x):
            xx, yy = x @ x.T, y @ y.T
        losses.append(-(xx * yy).sum() / (xx.norm() * yy.norm()).clamp(min=1e-12))
    return torch.stack(losses).mean()


def channel_means(student: Maps, teacher: Maps) -> Tensor:
    """Σₗ mean (s̄ₗ - t̄ₗ)², the bar a mean over the positions of each channel.

    Zhou et al. 2020, Channel Distillation, as OMGD uses it (Ren et al. 2021).
    """
    losses = []
    for s, t in zip(student, teacher, strict=True):
        if s.shape[:2] != t.shape[:2]:
            raise DataError(f"channel means: {tuple(s.shape)} against {tuple(t.shape)}")
        losses.append(F.mse_loss(s.flatten(2).mean(-1), t.flatten(2).mean(-1)))
    return torch.stack(losses).sum()


def latent_directions(
    student: Maps, student_moved: Maps, teacher: Maps, teacher_moved: Maps
) -> Tensor:
    """Σₗ mean over i of KL(softmaxⱼ cos(tᵢ, t′ⱼ) ‖ softmaxⱼ cos(sᵢ, s′ⱼ)).

    Xu et al. 2022, Mind the Gap in Distilling StyleGANs (StyleKD): how the features of samples
    relate to those of the same samples moved along latent directions.

    Args:
        student: maps of N samples.
        student_moved: maps of the same samples with latents moved along a direction.
        teacher: as ``student``; the maps may differ in channels and size.
        teacher_moved: as ``student_moved``.
    """
    losses = []
    for s, s_moved, t, t_moved in zip(student, student_moved, teacher, teacher_moved, strict=True):
        of_student = F.log_softmax(_cosines(s, s_moved), dim=1)
        of_teacher = F.log_softmax(_cosines(t, t_moved), dim=1)
        losses.append(F.kl_div(of_student, of_teacher, reduction="batchmean", log_target=True))
    return torch.stack(losses).sum()


def _levels(
    student: Maps, teacher: Maps, weights: Sequence[float], same_channels: bool = True
) -> list[tuple[Tensor, Tensor, float]]:
    if not len(student) == len(teacher) == len(weights):
        raise DataError(
            f"feature levels: {len(student)} of the student, {len(teacher)} of the teacher, "
            f"{len(weights)} weights; give as many weights and taps as there are levels"
        )
    levels = list(zip(student, teacher, weights, strict=True))
    for number, (s, t, _) in enumerate(levels):
        compared = slice(None) if same_channels else slice(2, None)
        if len(s) != len(t) or s.shape[compared] != t.shape[compared]:
            raise DataError(
                f"feature level {number}: the student's map is {tuple(s.shape)}, the teacher's "
                f"{tuple(t.shape)}; tap layers of the same resolution"
            )
    return levels


def _gram(maps: Tensor) -> Tensor:
    flat = widen(maps.flatten(2))
    with without_autocast(flat):
        return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])


def _cosines(a: Tensor, b: Tensor) -> Tensor:
    with without_autocast(a):
        return F.normalize(widen(a.flatten(1)), dim=1) @ F.normalize(widen(b.flatten(1)), dim=1).T
