"""What a person asks of recorded pairs: numbers and a picture."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from gancompress.atomic import replacing
from gancompress.data.images import to_uint8
from gancompress.data.pairs import PairStore
from gancompress.errors import DataError

_SAMPLED = 4096


def pair_stats(store: PairStore) -> dict[str, Any]:
    """Facts of a store as plain data.

    Counts and sizes are of all pairs; the statistics of values, under the name of the input and
    under ``output``, are of up to 4,096 pairs at even spacing. Latents that were meant to be
    standard normal show here when they are not.
    """
    plan = store.plan
    chosen = torch.linspace(0, len(store) - 1, min(len(store), _SAMPLED)).round().long()
    batch, output = store.batch(chosen)
    size = sum(shard.bytes for shard in store.shards)
    facts: dict[str, Any] = {
        "pairs": len(store),
        "train": len(store.train),
        "held_out": len(store.held_out),
        "shards": len(store.shards),
        "bytes": size,
        "bytes_per_pair": size / len(store),
        "teacher": plan.teacher,
        "seed": plan.seed,
        "output": {"format": plan.output, "shape": list(output.shape[1:]), **_values(output)},
    }
    for name, entry in plan.inputs.items():
        described: dict[str, Any] = {"kind": entry.kind, "shape": list(entry.shape)}
        if entry.choices:
            described["pairs_per_class"] = (
                store.labels(name).bincount(minlength=entry.choices).tolist()
            )
        else:
            described.update(_values(batch[name]))
        facts[name] = described
    return facts


def show_pairs(store: PairStore, path: str | Path, *, count: int = 64, columns: int = 8) -> None:
    """Write a picture of pairs at even spacing: the outputs, each beside its input where both are.

    Raises:
        DataError: neither inputs nor outputs are images.
    """
    chosen = torch.linspace(0, len(store) - 1, min(len(store), count)).round().long()
    batch, output = store.batch(chosen)
    shown = []
    for name, entry in store.inputs.items():
        if entry.kind == "image":
            unit = (batch[name] - entry.low) * (2 / (entry.high - entry.low)) - 1
            shown.append(to_uint8(unit))
    if store.plan.output == "uint8":
        shown.append(output)
    if not shown:
        raise DataError(f"{store.path}: neither its inputs nor its outputs are images to be shown")
    if len({images.shape for images in shown}) > 1:
        shown = shown[-1:]
    tiles = torch.stack(shown, dim=1).flatten(0, 1)
    grid = make_grid(tiles, nrow=columns * len(shown), padding=2, pad_value=255)
    with replacing(path) as temporary:
        Image.fromarray(grid.permute(1, 2, 0).numpy()).save(temporary, format="PNG")


def _values(values: Tensor) -> dict[str, float]:
    values = values.float()
    return {
        "mean": float(values.mean()),
        "std": float(values.std(correction=0)),
        "min": float(values.min()),
        "max": float(values.max()),
    }
