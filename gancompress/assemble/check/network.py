"""A network that is tried before anything is trained: shapes alone, where they are enough."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from gancompress.batch import InputSpec, example_inputs
from gancompress.errors import RecipeError, TeacherError
from gancompress.supernet.copying import copy_structure

# Errors of a forward pass that is given what does not fit.
UNFIT = (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)


class Network:
    """A module that is built, and run, on the meta device where it can be: no memory, no time.

    Args:
        make: builds it; called again where the module does not run without data.
        whole: the module itself, where it is there already.
    """

    def __init__(self, make: Callable[[], nn.Module], whole: nn.Module | None = None) -> None:
        self._make = make
        if whole is not None:
            self.whole = whole.eval()

    @cached_property
    def whole(self) -> nn.Module:
        """The module with data, on the CPU."""
        with torch.random.fork_rng(devices=[]):
            return self._make().eval()

    @cached_property
    def bare(self) -> nn.Module:
        """The module on the meta device, or :attr:`whole` where it cannot be built there.

        Raises:
            Exception: whatever building it raises.
        """
        if "whole" in self.__dict__:
            return without_data(self.whole)
        try:
            with torch.random.fork_rng(devices=[]), torch.device("meta"):
                return self._make().eval()
        except Exception:  # on this device anything may fail: the CPU tells what is wrong
            return self.whole

    def attempts(self) -> Iterator[nn.Module]:
        """The module as it is to be tried: without data, then with them."""
        yield self.bare
        if self.bare is not self.__dict__.get("whole"):
            yield self.whole

    def __call__(self, problem: str, *inputs: Tensor, **named: Tensor) -> Any:
        """What it answers, as shapes at least.

        Args:
            problem: begins the message if it fails, with the key where it is named.
            inputs, named: on any device; their values do not matter.

        Raises:
            RecipeError: it does not run, with data or without.
        """
        failed: Exception | None = None
        place = problem.partition(".")[0]
        for module in self.attempts():
            try:
                return answer(module, *inputs, **named)
            except UNFIT as error:
                failed = error
                if _of_shapes(error):
                    break
            except TeacherError as error:  # of what it returns, see generators.adapted
                raise TeacherError(f"{place}.{error}".replace(" '", ": '", 1)) from error
        raise RecipeError(f"{problem}: {' '.join(str(failed).split())[:300]}") from failed


def _of_shapes(error: Exception) -> bool:
    """Whether an error without data would be one with data, too: it is about sizes or arguments."""
    text = str(error)
    return "device" not in text and bool(
        re.search(r"size|shape|channel|dimension|argument|multiplied", text)
    )


def answer(module: nn.Module, *inputs: Tensor, **named: Tensor) -> Any:
    """Run ``module`` once in evaluation mode on its own device, without a trace."""
    device = device_of(module)
    placed = [value.to(device) for value in inputs]
    by_name = {name: value.to(device) for name, value in named.items()}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        return module.eval()(*placed, **by_name)


def device_of(module: nn.Module) -> torch.device:
    """The device of the module's tensors; the CPU where it has none."""
    tensors = (*module.parameters(), *module.buffers())
    return tensors[0].device if tensors else torch.device("cpu")


def without_data(module: nn.Module) -> nn.Module:
    """A copy of ``module`` on the meta device."""
    bare: dict[int, Tensor] = {}
    for tensor in (*module.parameters(), *module.buffers()):
        empty = torch.empty_like(tensor, device="meta")
        bare[id(tensor)] = nn.Parameter(empty) if isinstance(tensor, nn.Parameter) else empty
    return copy_structure(module, bare).eval()


def example_on(module: nn.Module, inputs: InputSpec) -> dict[str, Tensor]:
    """Example inputs on the module's device."""
    return {name: value.to(device_of(module)) for name, value in example_inputs(inputs).items()}


def size(shape: tuple[int, ...] | torch.Size) -> str:
    """A shape as it is read: ``3×64×64``."""
    return "×".join(map(str, shape))


def shapes(inputs: Mapping[str, Any]) -> str:
    """An input specification as it is read: ``z 128, label 10``."""
    return ", ".join(f"{name} {size(entry.shape)}" for name, entry in inputs.items())
