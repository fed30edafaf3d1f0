"""How a teacher is trained and where, and networks that share one optimizer."""

from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from gancompress.teach.options import TeachOptions
from gancompress.training.checkpoint import Stateful
from gancompress.training.optimise import adam, average_gradients, optimizer_step, scheduled
from gancompress.training.processes import share_batch_statistics


@dataclass(frozen=True, kw_only=True)
class TeachSetting:
    """How a teacher is trained, and where.

    Attributes:
        options: of the training.
        seed: of the order of the images, and of latents.
        accelerator: where and in which precision; in several processes as in one.
        flip: mirror images at random, see :func:`gancompress.teach.jitter.jittered`.
    """

    options: TeachOptions
    seed: int
    accelerator: Accelerator
    flip: bool = False

    @property
    def rank(self) -> int:
        """Number of this process."""
        return int(self.accelerator.process_index)

    @property
    def ranks(self) -> int:
        """How many processes train together."""
        return int(self.accelerator.num_processes)


@dataclass(frozen=True)
class Learner:
    """A network (or several, in a list) with its optimizer and learning-rate schedule."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    accelerator: Accelerator

    def learn(self, loss: Tensor) -> None:
        """Take one step down ``loss``, averaged over the processes."""
        self.accelerator.backward(loss)
        average_gradients(self.network.parameters())
        optimizer_step(self.optimizer, scaler=self.accelerator.scaler)
        self.schedule.step()

    def state(self, name: str) -> dict[str, Stateful]:
        """What a resumed training needs of it."""
        return {
            name: self.network,
            f"{name}_optimizer": self.optimizer,
            f"{name}_rate": self.schedule,
        }


def make_learner(network: nn.Module, learning_rate: float, setting: TeachSetting) -> Learner:
    """Set ``network`` up to be trained, in several processes as in one.

    Args:
        network: is moved to the accelerator's device.
        learning_rate: its own.
        setting: says the rest.
    """
    options, accelerator = setting.options, setting.accelerator
    # Channels last is a third faster on the CPU, and what mixed precision wants on a GPU.
    network.to(device=accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    share_batch_statistics(network)
    optimizer = adam(network.parameters(), learning_rate, options.betas)
    schedule = scheduled(optimizer, "linear", options.steps, begin=options.decay_from)
    return Learner(network.train(), optimizer, schedule, accelerator)
