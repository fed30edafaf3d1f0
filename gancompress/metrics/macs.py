"""What one forward pass costs in multiply-adds, in each convention of the literature.

``exact``
    every multiply-add that convolutions, linear layers and other matrix products execute; half of
    what ``torch.utils.flop_counter.FlopCounterMode`` counts.
``paper``
    image-to-image papers: a transposed convolution counts at its output positions whatever its
    stride (four times too many at stride 2), and each output element of an InstanceNorm counts one.
``thop``
    the number that thop's ``profile`` returns, for tables that quote it.

Nothing is computed: a copy of the module without data is traced on the meta device. The counts are
of the whole batch given, so give one sample.
"""

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from gancompress.errors import MetricError


@dataclass(frozen=True)
class Macs:
    """Multiply-adds of one forward pass; the module's docstring defines the conventions."""

    exact: int
    paper: int
    thop: int


def count_macs(module: nn.Module, inputs: Mapping[str, Tensor]) -> Macs:
    """Multiply-adds of ``module(**inputs)`` in all conventions.

    The module is not changed, may lie on any device (the meta device as well), and is counted in
    evaluation mode.

    Raises:
        MetricError: the module cannot run without data.
    """
    return Macs(exact_macs(module, inputs), paper_macs(module, inputs), thop_macs(module, inputs))


def exact_macs(module: nn.Module, inputs: Mapping[str, Tensor]) -> int:
    """Multiply-adds that are executed."""
    bare, batch = _without_data(module, inputs)
    counter = FlopCounterMode(display=False)
    with counter:
        _run(bare, batch)
    return counter.get_total_flops() // 2


def paper_macs(module: nn.Module, inputs: Mapping[str, Tensor], norms: bool = True) -> int:
    """Multiply-adds as image-to-image papers count; ``norms`` False leaves InstanceNorm out."""
    bare, batch = _without_data(module, inputs)
    counter = FlopCounterMode(
        display=False, custom_mapping={torch.ops.aten.convolution: _convolution_at_outputs}
    )
    instance_norms = _InstanceNormElements()
    with counter, instance_norms:
        _run(bare, batch)
    return counter.get_total_flops() // 2 + (instance_norms.total if norms else 0)


def thop_macs(module: nn.Module, inputs: Mapping[str, Tensor]) -> int:
    """The MACs that ``thop.profile`` reports; it sees modules only, no functional calls."""
    import thop

    bare, batch = _without_data(module, inputs)
    # thop keeps its counts in tensors of the default device, which must hold values.
    with warnings.catch_warnings(), torch.no_grad(), torch.device("cpu"):
        warnings.simplefilter("ignore")
        total, _ = thop.profile(
            _ByPosition(bare, tuple(batch)), tuple(batch.values()), verbose=False
        )
    return int(total)


class _ByPosition(nn.Module):
    """Takes the named inputs in order, since thop passes positions only."""

    def __init__(self, module: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.module, self.names = module, names

    def forward(self, *values: Tensor) -> Any:
        return self.module(**dict(zip(self.names, values, strict=True)))


class _InstanceNormElements(TorchFunctionMode):
    """Adds up the output elements of every instance norm that runs."""

    total = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (nn.functional.instance_norm, torch.instance_norm):
            self.total += result.numel()
        return result


def _convolution_at_outputs(
    x_shape: list[int],
    w_shape: list[int],
    _bias: Any,
    _stride: Any,
    _padding: Any,
    _dilation: Any,
    transposed: bool,
    _output_padding: Any,
    _groups: int,
    *_: Any,
    out_shape: list[int],
    **__: Any,
) -> int:
    """Two FLOPs for each output position, kernel element and pair of channels of a group."""
    positions = out_shape[0] * torch.Size(out_shape[2:]).numel()
    # (out, in / groups, …) or, transposed, (in, out / groups, …): every pair once, either way.
    return 2 * positions * torch.Size(w_shape).numel()


def _without_data(
    module: nn.Module, inputs: Mapping[str, Tensor]
) -> tuple[nn.Module, dict[str, Tensor]]:
    """A copy of the module and its inputs on the meta device, in evaluation mode."""
    memo: dict[int, Any] = {}
    for tensor in (*module.parameters(), *module.buffers()):
        bare = torch.empty_like(tensor, device="meta")
        memo[id(tensor)] = nn.Parameter(bare) if isinstance(tensor, nn.Parameter) else bare
    # Gradients off: the counter's hooks do not bear views of parameters taken without grad mode.
    copied = copy.deepcopy(module, memo).eval().requires_grad_(False)
    return copied, {name: value.to("meta") for name, value in inputs.items()}


def _run(module: nn.Module, batch: Mapping[str, Tensor]) -> None:
    try:
        with torch.no_grad():
            module(**batch)
    except NotImplementedError as error:
        raise MetricError(
            f"{type(module).__name__}: cannot be counted without data: {error}. Its forward must "
            "not look at the values of tensors"
        ) from error
