"""Forward passes that stop on the way: where they are told to, until they are told to go on.

Layers are solved in the order of execution, each on the outputs of the ones before as they are now.
Beginning every pass anew would make the cost quadratic in depth. So the pass of every batch runs in
a thread of its own that waits at each layer. One thread runs at a time, in a fixed order; threads
are only used for keeping the place of each.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gancompress.reconstruction.attention import ATTENTION
from gancompress.supernet.copying import copy_structure
from gancompress.supernet.skip import Skips

Pause = Callable[[Any], None]
OnCall = Callable[[int, Any, Any, Any], Any]


class Ended:
    """What :meth:`PausedRun.advance` gives when there is nothing left to run."""


class _Cancelled(BaseException):
    """Raised inside a run that nobody wants to go on with."""


class PausedRun:
    """``body(pause)``, in a thread that waits wherever it calls ``pause(value)``.

    Random numbers are drawn as if the run were alone, from ``seed`` on.
    """

    def __init__(self, body: Callable[[Pause], None], seed: int) -> None:
        self._body = body
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._value: Any = None
        self._error: BaseException | None = None
        self._ended = self._cancelled = False
        self._random = torch.Generator().manual_seed(seed).get_state()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def advance(self) -> Any:
        """Run to the next pause and return its value, or :class:`Ended`."""
        if self._ended:
            return Ended
        outside = torch.get_rng_state()
        torch.set_rng_state(self._random)
        self._go.release()
        self._back.acquire()
        self._random = torch.get_rng_state()
        torch.set_rng_state(outside)
        if self._error is not None:
            raise self._error
        value, self._value = self._value, None
        return value

    def close(self) -> None:
        """End the run wherever it is."""
        if not self._ended:
            self._cancelled = True
            self._go.release()
        self._thread.join()

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self._cancelled:
                self._body(self._pause)
        except _Cancelled:
            pass
        except BaseException as error:
            self._error = error
        self._ended = True
        self._value = Ended
        self._back.release()

    def _pause(self, value: Any) -> None:
        self._value = value
        self._back.release()
        self._go.acquire()
        if self._cancelled:
            raise _Cancelled


def pass_over(
    module: nn.Module, batch: Mapping[str, Tensor], on_call: OnCall, skips: Skips | None = None
) -> None:
    """One pass in evaluation mode of which ``on_call`` sees every function.

    ``skips``: paths of submodules inside of which it sees none, so that the functions of a module
    and of a subnet that does without these have the same numbers.
    """
    running = copy_structure(module).eval()
    watch = Watch(on_call)
    for path in skips or {}:
        part = running.get_submodule(path)
        part.register_forward_pre_hook(lambda *_: watch.rest(), prepend=True)
        part.register_forward_hook(lambda *_: watch.go_on())
    with torch.no_grad(), watch:
        running(**batch)


class Watch(TorchFunctionMode):
    """Shows every function of a forward pass to ``on_call(number, func, args, kwargs)``.

    What that returns is the function's result. Numbers count the functions of the pass; a module
    and a subnet of it call the same functions in the same order. The function is seen and not the
    module, so that layers count which are no ``nn.Conv2d`` or the like.
    """

    def __init__(self, on_call: OnCall) -> None:
        super().__init__()
        self._on_call = on_call
        self._count = 0
        self._resting = 0

    def rest(self) -> None:
        """See nothing from now on."""
        self._resting += 1

    def go_on(self) -> None:
        """See again what is called, once for each :meth:`rest`."""
        self._resting -= 1

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self._resting or getattr(func, "__name__", "") == "__get__":
            return func(*args, **(kwargs or {}))
        if func is F.multi_head_attention_forward:
            with self:
                return ATTENTION(*args, **(kwargs or {}))
        number = self._count
        self._count += 1
        return self._on_call(number, func, args, kwargs or {})
