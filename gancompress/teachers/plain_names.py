"""A state dict without what stood around the network when it was saved.

``torch.compile`` and parametrisations (spectral norm, weight norm) change the names of tensors, and
the latter keep a weight in parts. Here they become the weights that a frozen network computes with.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from gancompress.errors import TeacherError

# Suffixes of the parts of a weight, in the old form and in that of torch.nn.utils.parametrizations.
_ORIGINAL = ("weight_orig", "parametrizations.weight.original")
_LEFT = {
    "weight_orig": "weight_u",
    "parametrizations.weight.original": "parametrizations.weight.0._u",
}
_RIGHT = {
    "weight_orig": "weight_v",
    "parametrizations.weight.original": "parametrizations.weight.0._v",
}
# Programs that keep one vector beside the weight, and take a step of power iteration from it.
_ONE_STEP = {"u0": "sv0", "sn_u": "sn_sigma"}
_GAIN = {
    "weight_g": "weight_v",
    "parametrizations.weight.original0": "parametrizations.weight.original1",
}


def plain(tensors: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """The tensors under a plain network's names, norms of weights folded into the weights.

    Args:
        tensors: by name. On the meta device only names and shapes come out right.
        where: names the file in errors.

    Raises:
        TeacherError: part of a folded weight is missing or does not fit.
    """
    named = {name.replace("_orig_mod.", ""): tensor for name, tensor in tensors.items()}
    parts: set[str] = set()
    found: dict[str, Tensor] = {}
    for name, tensor in named.items():
        for suffix in _ORIGINAL:
            if name.endswith(suffix):
                layer = name.removesuffix(suffix)
                left, right = f"{layer}{_LEFT[suffix]}", f"{layer}{_RIGHT[suffix]}"
                found[f"{layer}weight"] = _spectral(tensor, named, left, right, f"{where}: {name}")
                parts |= {name, left, right}
        for vector, value in _ONE_STEP.items():
            layer = name.removesuffix(vector)
            if name.endswith(f".{vector}") and f"{layer}weight" in named:
                found[f"{layer}weight"] = _stepped(
                    named[f"{layer}weight"], tensor, f"{where}: {name}"
                )
                parts |= {name, f"{layer}{value}"}
        for suffix, direction in _GAIN.items():
            layer = name.removesuffix(suffix)
            if name.endswith(suffix) and f"{layer}{direction}" in named:
                folded = _weight_normed(tensor, named[f"{layer}{direction}"], f"{where}: {name}")
                found[f"{layer}weight"] = folded
                parts |= {name, f"{layer}{direction}"}
    return {name: value for name, value in named.items() if name not in parts} | found


def _spectral(
    weight: Tensor, tensors: Mapping[str, Tensor], left: str, right: str, where: str
) -> Tensor:
    """``weight`` over its spectral norm uᵀWv, as the layer computes it when it is frozen."""
    u, v = tensors.get(left), tensors.get(right)
    fitting = [] if u is None or v is None else _matrices(weight, u, v)
    if u is None or v is None or not fitting:
        raise TeacherError(
            f"{where}: weight_u and weight_v of its spectral norm are missing or do not fit; save "
            "the network again, or save it with the norm removed"
        )
    if weight.is_meta:
        return weight
    u, v = u.float(), v.float()
    norms = [torch.dot(u, rows.float() @ v) for rows in fitting]
    # Of two ways to lay a square weight out, the vectors belong to the one with the larger norm.
    return weight / max(norms, key=abs).to(weight.dtype)


def _stepped(weight: Tensor, u: Tensor, where: str) -> Tensor:
    """``weight`` over its spectral norm, which one step from ``u`` (1, outputs) estimates."""
    rows = weight.flatten(1)
    if u.shape != (1, len(rows)):
        raise TeacherError(
            f"{where}: {tuple(u.shape)} does not fit a weight {tuple(weight.shape)}; save the "
            "network again, or save it with the norm removed"
        )
    if weight.is_meta:
        return weight
    matrix = rows.float()
    v = F.normalize(u.float() @ matrix, eps=1e-12)
    v_rows = v @ matrix.T
    norm = (v_rows @ F.normalize(v_rows, eps=1e-12).T).squeeze()
    return weight / norm.to(weight.dtype)


def _matrices(weight: Tensor, u: Tensor, v: Tensor) -> list[Tensor]:
    """``weight`` as matrices that fit ``u`` and ``v``; transposed ones have outputs second."""
    ways = [weight] if weight.ndim < 3 else [weight, weight.transpose(0, 1)]
    fitting = [
        way for way in ways if way.shape[:1] == u.shape and v.shape == (way.numel() // len(way),)
    ]
    return [way.flatten(1) for way in fitting]


def _weight_normed(gain: Tensor, direction: Tensor, where: str) -> Tensor:
    """``gain`` times the direction of the weight (Salimans and Kingma 2016, equation 2)."""
    single = gain.ndim == 0
    fits = single or (
        gain.ndim == direction.ndim
        and all(g in (1, d) for g, d in zip(gain.shape, direction.shape, strict=True))
    )
    if not fits:
        raise TeacherError(
            f"{where}: {tuple(gain.shape)} is no gain of a weight {tuple(direction.shape)}; save "
            "the network again, or save it with the norm removed"
        )
    if direction.is_meta:
        return direction
    along = tuple(index for index, size in enumerate(gain.shape) if size == 1)
    norm = torch.linalg.vector_norm(direction, dim=None if single else along, keepdim=not single)
    folded: Tensor = direction * (gain / norm)
    return folded
