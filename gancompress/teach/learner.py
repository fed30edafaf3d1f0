"""Networks that learn by one optimiser, and when a training stops to look at them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from gancompress.training.checkpoint import Stateful
from gancompress.training.optimise import adam, average_gradients, descend, scheduled
from gancompress.training.processes import share_batch_statistics


@dataclass(frozen=True)
class Learner:
    """One side of a game: its network (or several, in a list), their optimiser and its rate."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    rate: LRScheduler
    accelerator: Accelerator

    def learn(self, loss: Tensor) -> None:
        """Take one step down ``loss``, averaged over the processes."""
        self.accelerator.backward(loss)
        average_gradients(self.network.parameters())
        descend(self.optimizer, scaler=self.accelerator.scaler)
        self.rate.step()

    def state(self, name: str) -> dict[str, Stateful]:
        """What a resumed training needs of it."""
        return {
            name: self.network,
            f"{name}_optimizer": self.optimizer,
            f"{name}_rate": self.rate,
        }


def make_learner(
    network: nn.Module,
    accelerator: Accelerator,
    *,
    learning_rate: float,
    betas: tuple[float, float],
    decay_from: float,
    steps: int,
) -> Learner:
    """Set ``network`` up to be trained for ``steps`` steps, in several processes as in one.

    Args:
        network: is moved to the accelerator's device.
        accelerator: where and in which precision it learns.
        learning_rate, betas: of Adam.
        decay_from: share of the steps after which the rate goes down, along a line to zero.
        steps: length of the training.
    """
    # Channels last is a third faster on the CPU, and what mixed precision wants on a GPU.
    network.to(device=accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    share_batch_statistics(network)
    optimizer = adam(network.parameters(), learning_rate, betas)
    rate = scheduled(optimizer, "linear", steps, begin=decay_from)
    return Learner(network.train(), optimizer, rate, accelerator)


def looking(look: Callable[[int], None], every: int, steps: int) -> Callable[[int], bool]:
    """What :func:`~gancompress.training.engine.fit` calls after each step, to look now and then.

    Args:
        look: takes the number of steps done.
        every: steps between two looks, the last step being one as well; 0 for no looks.
        steps: length of the training.
    """

    def after(done: int) -> bool:
        if every and (done % every == 0 or done == steps):
            look(done)
        return False

    return after
