"""What one forward pass costs in multiply-adds, in each convention of the literature.

``exact``
    every multiply-add that convolutions, linear layers and other matrix products execute; half of
    what ``torch.utils.flop_counter.FlopCounterMode`` counts.
``paper``
    image-to-image papers: a transposed convolution counts at its output positions whatever its
    stride (four times too many at stride 2), and each output element of an InstanceNorm counts one.
``thop``
    the number that thop's ``profile`` returns, for tables that quote it. thop sees modules only:
    what is computed by functional calls is not in it.

Nothing is computed: a copy of the module without data is traced on the meta device. The counts are
of the whole batch given, so give one sample.
"""

import copy
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from gancompress.errors import MetricError


@dataclass(frozen=True)
class Macs:
    """Multiply-adds of one forward pass.

    Attributes:
        exact, paper, thop: in the conventions that the module's docstring defines.
        instance_norm: the part of ``paper`` that InstanceNorm elements make.
        depthwise: the part of ``exact`` that depthwise convolutions make (in StyleGAN2 the
            resampling filters, which its literature leaves out).
    """

    exact: int
    paper: int
    thop: int
    instance_norm: int
    depthwise: int


def count_macs(module: nn.Module, inputs: Mapping[str, Tensor]) -> Macs:
    """Multiply-adds of ``module(**inputs)`` in evaluation mode.

    The module is left as it is and may lie on any device, the meta device included.

    Raises:
        MetricError: the module cannot run on these inputs, or not without data.
    """
    bare, batch = without_data(module, inputs)
    convolutions = _Convolutions()
    counter = FlopCounterMode(
        display=False, custom_mapping={torch.ops.aten.convolution: convolutions.flops}
    )
    instance_norms = _InstanceNormElements()
    try:
        with torch.no_grad(), counter, instance_norms:
            bare(**batch)
    except RuntimeError as error:
        raise MetricError(
            f"{type(module).__name__}: cannot be counted without data: {error}. The inputs must "
            "fit its forward, which must not look at the values of tensors"
        ) from error
    exact = counter.get_total_flops() // 2
    return Macs(
        exact=exact,
        paper=exact + convolutions.transposed_excess + instance_norms.total,
        thop=_thop(bare, batch),
        instance_norm=instance_norms.total,
        depthwise=convolutions.depthwise,
    )


class _Convolutions:
    """The formula of a convolution for the FLOP counter; keeps aside what conventions differ in."""

    def __init__(self) -> None:
        self.transposed_excess = 0
        self.depthwise = 0

    def flops(
        self, x_shape: list[int], w_shape: list[int], *further: Any, out_shape: list[int], **_: Any
    ) -> int:
        # What follows in the operator: bias, stride, padding, dilation, transposed, output padding,
        # groups.
        transposed, groups = further[4], further[6]
        exact: int = conv_flop_count(x_shape, w_shape, out_shape, transposed=transposed)
        if transposed:
            # (in, out / groups, k, k) holds every pair of channels once, at each output position.
            pairs, positions = torch.Size(w_shape).numel(), torch.Size(out_shape[2:]).numel()
            self.transposed_excess += out_shape[0] * positions * pairs - exact // 2
        if groups > 1 and groups == x_shape[1]:
            self.depthwise += exact // 2
        return exact


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


def _thop(bare: nn.Module, batch: Mapping[str, Tensor]) -> int:
    import thop

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
        named = dict(zip(self.names, values, strict=True))
        # Positions again where there are some: thop's hooks do not see keyword arguments.
        bound = inspect.signature(self.module.forward).bind(**named)
        return self.module(*bound.args, **bound.kwargs)


def without_data(
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
