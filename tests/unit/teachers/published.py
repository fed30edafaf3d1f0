"""Published files, written as their authors' programs write them, by stubs of their classes."""

import pickle
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn


def reconstruct(meta: Any) -> Any:
    raise AssertionError("stub")


class EasyDict(dict[str, Any]):
    pass


class Persistent:
    """Pickles as torch_utils.persistence pickles a network."""

    def __init__(self, class_name: str, **state: Any) -> None:
        self.meta = EasyDict(
            type="class",
            version=6,
            module_src="raise SystemExit('the source text was executed')",
            class_name=class_name,
            state=state,
        )

    def __reduce__(self) -> Any:
        return reconstruct, (self.meta,), None


@contextmanager
def original_names() -> Iterator[None]:
    """Give the stubs the names that the published files mention, while something is pickled."""
    persistence, util = ModuleType("torch_utils.persistence"), ModuleType("dnnlib.util")
    persistence._reconstruct_persistent_obj = reconstruct  # type: ignore[attr-defined]
    util.EasyDict = EasyDict  # type: ignore[attr-defined]
    reconstruct.__module__, reconstruct.__qualname__ = (
        persistence.__name__,
        ("_reconstruct_persistent_obj"),
    )
    EasyDict.__module__ = util.__name__
    added = {"torch_utils": ModuleType("torch_utils"), "dnnlib": ModuleType("dnnlib")}
    added |= {module.__name__: module for module in (persistence, util)}
    sys.modules.update(added)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


def dumps(value: Any, protocol: int = 3) -> bytes:
    with original_names():
        return pickle.dumps(value, protocol)


def network(**tensors: torch.Tensor) -> Persistent:
    """A network of the published files with these parameters and no submodules."""
    return Persistent(
        "Generator",
        _init_args=(),
        _init_kwargs=EasyDict(z_dim=4),
        training=False,
        _parameters=OrderedDict((k, torch.nn.Parameter(v)) for k, v in tensors.items()),
        _buffers=OrderedDict(),
        _modules=OrderedDict(),
    )


def as_persistent(module: nn.Module, class_name: str, **state: Any) -> Persistent:
    """A module of ours as torch_utils.persistence writes one of theirs."""
    children = {n: as_persistent(m, type(m).__name__) for n, m in module.named_children()}
    return Persistent(
        class_name,
        **{"_init_args": (), "_init_kwargs": {}, "training": False, **state},
        _parameters=OrderedDict(module.named_parameters(recurse=False)),
        _buffers=OrderedDict(module.named_buffers(recurse=False)),
        _modules=OrderedDict(children),
    )


def stylegan2_ada(module: nn.Module, path: Path, *, flat: bool = False, **synthesis: Any) -> Path:
    """Write ``module`` as the ``G_ema`` of a StyleGAN2-ADA pickle; ``synthesis`` is recorded.

    ``flat``: beside the other arguments, as StyleGAN3's programs record a StyleGAN2.
    """
    recorded = EasyDict(num_fp16_res=0, **synthesis)
    kwargs = EasyDict(z_dim=6, **(recorded if flat else {"synthesis_kwargs": recorded}))
    generator = as_persistent(module, "Generator", _init_kwargs=kwargs)
    discriminator = network(weight=torch.zeros(3))
    networks = {"G": generator, "D": discriminator, "G_ema": generator}
    extras = {"training_set_kwargs": EasyDict(max_size=50000), "augment_pipe": None}
    path.write_bytes(dumps({**networks, **extras}))
    return path
