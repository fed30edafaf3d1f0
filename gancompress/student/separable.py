"""How any network becomes a "mobile" one: k×k convolutions replaced by depthwise + pointwise.

A separable convolution has the form of GAN Compression (Li et al. 2020, section 3.2): ``conv.0`` is
the depthwise convolution, ``conv.1`` the norm (or nothing), ``conv.2`` the pointwise convolution.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Literal

import torch
from torch import Tensor, nn

from gancompress.errors import RecipeError

Norm = Literal["none", "instance", "batch"]

_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda channels: nn.Identity(),
    "instance": lambda channels: nn.InstanceNorm2d(channels),
    "batch": lambda channels: nn.BatchNorm2d(channels),
}


class SeparableConv(nn.Module):
    """A depthwise k×k convolution, a norm, and a pointwise convolution, in place of ``original``.

    Without a norm its function is the nearest that a separable convolution can be to ``original``:
    the kernels minimise the Frobenius distance. A norm between them rescales every channel, so
    there the directions are kept and the scales are left to training.
    """

    def __init__(self, original: nn.Conv2d, norm: Norm = "none") -> None:
        super().__init__()
        weight = original.weight
        depthwise = nn.Conv2d(
            original.in_channels,
            original.in_channels,
            original.kernel_size,  # type: ignore[arg-type]
            stride=original.stride,  # type: ignore[arg-type]
            padding=original.padding,  # type: ignore[arg-type]
            dilation=original.dilation,  # type: ignore[arg-type]
            groups=original.in_channels,
            bias=original.bias is not None,
            padding_mode=original.padding_mode,
            device=weight.device,
            dtype=weight.dtype,
        )
        pointwise = nn.Conv2d(
            original.in_channels,
            original.out_channels,
            1,
            bias=original.bias is not None,
            device=weight.device,
            dtype=weight.dtype,
        )
        between = _NORMS[norm](original.in_channels).to(weight.device, weight.dtype)
        self.conv = nn.Sequential(depthwise, between, pointwise)
        self.train(original.training)
        with torch.no_grad():
            spatial, mixing = separate_kernel(weight)
            depthwise.weight.copy_(spatial)
            pointwise.weight.copy_(mixing)
            if original.bias is not None and depthwise.bias is not None:
                depthwise.bias.zero_()
                pointwise.bias.copy_(original.bias)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # type: ignore[no-any-return]


def separate_kernel(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The best depthwise and pointwise kernels for a full one.

    The kernel of each input channel is a matrix (out, kh·kw); its leading singular pair is the
    nearest matrix of rank 1 (Eckart and Young 1936), and the input channels do not interact.

    Args:
        weight: (out, in, kh, kw).

    Returns:
        depthwise (in, 1, kh, kw) and pointwise (out, in, 1, 1) with
        ``pointwise[o, i] · depthwise[i, 0, y, x] ≈ weight[o, i, y, x]``; both of each channel have
        the same norm, and the depthwise kernel a sum that is not negative.
    """
    rows, columns, height, width = weight.shape
    if weight.is_meta:
        return weight.new_empty(columns, 1, height, width), weight.new_empty(rows, columns, 1, 1)
    matrices = weight.detach().transpose(0, 1).reshape(columns, rows, height * width).double()
    # The right singular vectors are eigenvectors of the small Gram matrix (kh·kw squared).
    leading = torch.linalg.eigh(matrices.mT @ matrices).eigenvectors[..., -1]
    leading = torch.where(leading.sum(-1, keepdim=True) < 0, -leading, leading)
    mixing = (matrices @ leading.unsqueeze(-1)).squeeze(-1)
    scale = mixing.norm(dim=-1, keepdim=True).sqrt()
    spatial = (leading * scale).reshape(columns, 1, height, width)
    pointwise = (mixing / scale.clamp_min(torch.finfo(torch.float64).tiny)).mT
    return spatial.to(weight.dtype), pointwise.reshape(rows, columns, 1, 1).to(weight.dtype)


def separate(module: nn.Module, patterns: Sequence[str], *, norm: Norm = "none") -> list[str]:
    """Replace, in place, the k×k convolutions whose name matches a pattern.

    Only what has a separable form is replaced: ``nn.Conv2d`` itself (no subclass, no weight or
    spectral norm), one group, a kernel larger than 1×1. Whatever else a pattern matches stays.

    Args:
        module: any network; a convolution it uses twice is replaced once and used twice.
        patterns: shell patterns over the dotted names, e.g. ``"blocks.*.conv1"``; ``*`` also
            matches dots.
        norm: between depthwise and pointwise.

    Returns:
        The names replaced, in the module's order.

    Raises:
        RecipeError: a pattern matches no convolution that could be replaced.
    """
    if norm not in _NORMS:
        raise RecipeError(f"separable norm {norm!r}: expected one of {', '.join(_NORMS)}")
    named = dict(module.named_modules(remove_duplicate=False))
    candidates = {n: m for n, m in named.items() if n and _is_separable(m)}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in candidates):
            raise RecipeError(_nothing_matches(pattern, list(candidates)))
    chosen = [n for n in candidates if any(fnmatchcase(n, p) for p in patterns)]
    replacements: dict[nn.Module, nn.Module] = {}
    for name in chosen:
        original = candidates[name]
        if original not in replacements:
            replacements[original] = SeparableConv(original, norm)
        parent, _, attribute = name.rpartition(".")
        setattr(named[parent], attribute, replacements[original])
    return chosen


def _is_separable(module: nn.Module) -> bool:
    # A hook or parametrisation computes the weight anew in every pass: there is nothing to split.
    return (
        type(module) is nn.Conv2d
        and isinstance(module._parameters.get("weight"), nn.Parameter)
        and module.groups == 1
        and module.kernel_size != (1, 1)
    )


def _nothing_matches(pattern: str, candidates: list[str]) -> str:
    shown = ", ".join(candidates[:8]) + (", …" if len(candidates) > 8 else "")
    return (
        f"separable pattern {pattern!r} matches no convolution that can be replaced "
        f"(nn.Conv2d, one group, kernel larger than 1×1); the module has: {shown or 'none'}"
    )
