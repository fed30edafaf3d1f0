"""Runs of a module that leave no trace: on a copy of its structure, with stand-in tensors."""

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)
from torch.utils._pytree import tree_leaves

from gancompress.supernet.attributes import note_attributes
from gancompress.supernet.copying import copy_structure
from gancompress.supernet.examples import Examples
from gancompress.supernet.recorder import Functions, Recorder, run_module
from gancompress.supernet.slicing import Cuts, cut_all, cut_size
from gancompress.supernet.substitute import named_tensors
from gancompress.supernet.trace import Rule, Walk

_LOG = logging.getLogger("torch._subclasses.fake_tensor")

NEEDS_VALUES = (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)


@contextmanager
def _same_chances(devices: Sequence[torch.device]) -> Iterator[None]:
    """Every random number generator at the same point for each run, and afterwards as before."""
    python, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002
    # A subnet that does not run is an answer here; fake tensors would log it as an accident.
    silent, _LOG.disabled = _LOG.disabled, True
    # Transformer layers in evaluation would run as one opaque operator.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(0)
            random.seed(0)
            np.random.seed(0)  # noqa: NPY002
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        _LOG.disabled = silent
        random.setstate(python)
        np.random.set_state(arrays)  # noqa: NPY002


class DryRun:
    """A module and example inputs, ready to run as often as needed.

    Attributes:
        rules: of operators that a user knows.
        real: whether runs need values, not only shapes (see :mod:`gancompress.supernet.trace`).
    """

    def __init__(
        self,
        module: nn.Module,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        rules: Mapping[str, Rule | str] | None = None,
    ) -> None:
        self.rules = dict(rules or {})
        self._module = copy_structure(module)
        self.tensors = {name: t.detach() for name, t in named_tensors(module).items()}
        self.examples = Examples(args, kwargs)
        self.real = False
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)
        self._fakes = {name: self.mode.from_tensor(t) for name, t in self.tensors.items()}
        self._meta = {name: t.to("meta") for name, t in self.tensors.items()}
        self._walk: Walk | None = None
        for path, child in self._module.named_modules():
            child.register_forward_pre_hook(self._enter(path), prepend=True, with_kwargs=True)
            child.register_forward_hook(self._leave, with_kwargs=True)

    def stand_ins(self) -> dict[str, Tensor]:
        """Tensors to run with: fakes, or clones of the real ones where values are needed."""
        if self.real:
            return {name: t.clone() for name, t in self.tensors.items()}
        return dict(self._fakes)

    def narrowed(self, cuts: Mapping[str, Cuts], meta: bool) -> dict[str, Tensor]:
        """Stand-ins for the tensors of a subnet; of those without values only the shapes matter.

        ``meta``: on PyTorch's meta device, which is faster and refuses more.
        """
        if self.real:
            tensors = self.stand_ins()
            with torch.no_grad():
                return {**tensors, **cut_all(tensors, cuts)}
        tensors = dict(self._meta if meta else self._fakes)
        with nullcontext() if meta else self.mode:
            for name, dims in cuts.items():
                full = tensors[name]
                sizes = [cut_size(n, cut) for n, cut in zip(full.shape, dims, strict=True)]
                tensors[name] = torch.empty(sizes, dtype=full.dtype, device=full.device)
        return tensors

    def inputs(self, single: bool, meta: bool = False) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Example inputs with at least two samples, or with one."""

        def place(leaf: Tensor) -> Tensor:
            if meta:
                return leaf.to("meta")
            return leaf.clone() if self.real else self.mode.from_tensor(leaf.contiguous())

        return self.examples.prepared(single, place)

    def run(
        self,
        tensors: dict[str, Tensor],
        inputs: tuple[Sequence[Any], Mapping[str, Any]],
        observe: Callable[..., None],
        training: bool,
        walk: Walk | None = None,
        meta: bool = False,
    ) -> Any:
        """One forward pass; ``observe`` sees every operator, ``walk`` where in the module it is."""
        self._walk = walk
        self._module.train(training)
        devices = [t.device for t in self.tensors.values() if t.is_cuda][:1]
        values = nullcontext() if self.real or meta else self.mode
        recorder = Recorder(observe)
        functions = Functions(recorder, walk)
        with _same_chances(devices), values, functions:
            return run_module(self._module, tensors, *inputs, recorder)

    def modules(self) -> dict[str, nn.Module]:
        """The copy's modules by path."""
        return dict(self._module.named_modules())

    def _enter(self, path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            if self._walk is not None:
                self._walk.modules.append((path, module))
                self._walk.flow.begin(args, kwargs)

        return hook

    def _leave(self, module: nn.Module, args: Any, kwargs: Any, made: Any) -> None:
        if self._walk is not None:
            given = next((t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)), None)
            note_attributes(self._walk, module, given, made)
            self._walk.flow.end(self._walk.modules.pop()[0], made)
