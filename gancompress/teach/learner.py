"""Networks that learn by one optimiser, and what their training is told."""

from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from gancompress.training.checkpoint import Stateful
from gancompress.training.optimise import adam, average_gradients, optimizer_step, scheduled
from gancompress.training.options import AdversarialLoss
from gancompress.training.processes import share_batch_statistics


@dataclass(frozen=True)
class Course:
    """How a generator that is fed images is taught.

    Attributes:
        steps: length of the training.
        batch_size: of each process.
        seed: of the order of the images.
        loss: of generator and discriminator.
        jitter, flip: see :func:`gancompress.teach.jitter.jittered`.
        learning_rate, discriminator_learning_rate, betas: of Adam.
        decay_from: share of the steps after which the rates go down, along a line to zero.
        ema: decay of the moving average.
    """

    steps: int
    batch_size: int
    seed: int
    loss: AdversarialLoss
    jitter: int
    flip: bool
    learning_rate: float
    discriminator_learning_rate: float
    betas: tuple[float, float]
    decay_from: float
    ema: float


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
        optimizer_step(self.optimizer, scaler=self.accelerator.scaler)
        self.rate.step()

    def state(self, name: str) -> dict[str, Stateful]:
        """What a resumed training needs of it."""
        return {
            name: self.network,
            f"{name}_optimizer": self.optimizer,
            f"{name}_rate": self.rate,
        }


def make_learner(
    network: nn.Module, learning_rate: float, course: Course, accelerator: Accelerator
) -> Learner:
    """Set ``network`` up to be trained, in several processes as in one.

    Args:
        network: is moved to the accelerator's device.
        learning_rate: its own.
        course: says the rest.
        accelerator: where and in which precision it learns.
    """
    # Channels last is a third faster on the CPU, and what mixed precision wants on a GPU.
    network.to(device=accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    share_batch_statistics(network)
    optimizer = adam(network.parameters(), learning_rate, course.betas)
    rate = scheduled(optimizer, "linear", course.steps, begin=course.decay_from)
    return Learner(network.train(), optimizer, rate, accelerator)
