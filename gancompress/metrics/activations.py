"""How much memory the intermediate results of one forward pass take at one time.

Every operator makes new tensors, unless it works in place or gives a view; each is freed after its
last use, and what the module returns at the end. Neither weights nor what a kernel needs meanwhile
are in it. Nothing is computed: a copy of the module without data runs on the meta device.
"""

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

from torch import Tensor, nn, no_grad
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gancompress.errors import MetricError
from gancompress.metrics.macs import without_data


def peak_activations(module: nn.Module, inputs: Mapping[str, Tensor]) -> int:
    """Bytes that inputs and intermediate results of ``module(**inputs)`` occupy at most.

    The module is left as it is; it runs in evaluation mode.

    Raises:
        MetricError: the module cannot run on these inputs, or not without data.
    """
    bare, batch = without_data(module, inputs)
    lives = _Lives([*bare.parameters(), *bare.buffers()])
    try:
        with no_grad(), lives:
            outputs = bare(**batch)
    except RuntimeError as error:
        raise MetricError(
            f"{type(module).__name__}: its memory cannot be counted without data: {error}. The "
            "inputs must fit its forward, which must not look at the values of tensors"
        ) from error
    lives.use(outputs)
    return lives.peak()


class _Lives(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes of each piece of memory when it is used first and last."""

    def __init__(self, weights: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._time = 0
        self._weights = {_memory(tensor) for tensor in weights}
        self._span: dict[int, tuple[int, int, int]] = {}
        # Memory that is let go of would be given to others under the same number.
        self._kept: list[Any] = []

    def use(self, *values: Any) -> None:
        """All tensors in ``values`` are there at the next moment."""
        for tensor in tree_leaves(values):
            memory = _memory(tensor) if isinstance(tensor, Tensor) else None
            if memory is not None and memory not in self._weights:
                self._kept.append(tensor)
                first, _, size = self._span.get(
                    memory, (self._time, 0, tensor.untyped_storage().nbytes())
                )
                self._span[memory] = first, self._time, size
        self._time += 1

    def peak(self) -> int:
        """Bytes at the moment of the most."""
        change = [0] * (self._time + 1)
        for first, last, size in self._span.values():
            change[first] += size
            change[last + 1] -= size
        return max(accumulate(change))

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.use(args, kwargs, out)
        return out


def _memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
