"""One step of an adversarial teaching: the discriminator learns, then the generator does."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from gancompress.batch import Batch, Input, as_one_hot, draw_inputs, onto
from gancompress.data.images import Images, to_float
from gancompress.supernet.substitute import call_with
from gancompress.teach.augment import Augment
from gancompress.teach.unrolled import look_ahead
from gancompress.training.losses import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    r1_penalty,
)
from gancompress.training.optimise import (
    average_buffers,
    average_gradients,
    frozen,
    optimizer_step,
    update_ema,
)
from gancompress.training.options import AdversarialLoss
from gancompress.training.order import batch_indices
from gancompress.training.processes import own_rows

# The logit between "real" and "generated", where it is not 0.
MIDDLE = {"least_squares": 0.5}


@dataclass(frozen=True)
class Rules:
    """How both learn.

    Attributes:
        loss: a key of :data:`gancompress.training.losses.ADVERSARIAL`.
        relativistic: images are judged against each other, see
            :func:`gancompress.training.losses.relativistic`.
        r1, r1_every: weight of the R1 penalty, and steps between two, which weigh that much more.
        gradient_penalty: weight of the penalty of Gulrajani et al. in every discriminator update.
        critic_steps: discriminator updates before each generator update.
        unrolled: discriminator updates the generator looks ahead, see
            :func:`gancompress.teach.unrolled.look_ahead`; they are without penalties.
    """

    loss: AdversarialLoss
    relativistic: bool = False
    r1: float = 0.0
    r1_every: int = 1
    gradient_penalty: float = 0.0
    critic_steps: int = 1
    unrolled: int = 0


@dataclass(frozen=True)
class Round:
    """What one discriminator update is fed.

    Attributes:
        real, told_real: real images in [-1, 1] and what the discriminator is told beside them.
        latents, told: inputs of the generator, and what of them the discriminator is told.
    """

    real: Tensor
    told_real: Batch
    latents: Batch
    told: Batch


@dataclass(frozen=True)
class Rounds:
    """Real images and latents by number of the round.

    Attributes:
        images: the real ones; with labels where the generator is told a class.
        inputs: of the generator, all of kinds that can be drawn.
        batch_size: of this process.
        seed: of order and latents.
        device: where they go.
        rank, ranks: which share of every round is this process's.
    """

    images: Images
    inputs: Mapping[str, Input]
    batch_size: int
    seed: int
    device: torch.device
    rank: int
    ranks: int

    def __call__(self, number: int) -> Round:
        whole = self.batch_size * self.ranks
        chosen = batch_indices(number, whole, len(self.images), self.seed)[self.rank :: self.ranks]
        real = onto(to_float(self.images.batch(chosen)), self.device)
        mine = range(number * whole + self.rank, (number + 1) * whole, self.ranks)
        drawn = draw_inputs(self.inputs, mine, self.seed)
        latents = {name: onto(value, self.device) for name, value in drawn.items()}
        for name, entry in self.inputs.items():
            if entry.choices:
                assert self.images.labels is not None
                labels = self.images.labels[torch.from_numpy(chosen)]
                classes = nn.functional.one_hot(labels, entry.choices).float()
                return Round(
                    real,
                    {name: onto(classes, self.device)},
                    latents,
                    {name: as_one_hot(entry, latents[name])},
                )
        return Round(real, {}, latents, {})


@dataclass(frozen=True)
class Step:
    """The ``update`` of :func:`gancompress.training.engine.fit`."""

    generator: nn.Module
    discriminator: nn.Module
    average: AveragedModel
    generator_optimizer: torch.optim.Adam
    discriminator_optimizer: torch.optim.Adam
    rounds: Rounds
    rules: Rules
    augment: Augment
    accelerator: Accelerator

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        # Update the discriminator; the generator's graph is kept for its own update.
        turns = self.rules.critic_steps
        losses: dict[str, Tensor] = {}
        for turn in range(turns):
            fed = self.rounds(step * turns + turn)
            with torch.set_grad_enabled(turn == turns - 1), self.accelerator.autocast():
                fake = self.generator(**fed.latents)
            losses = {**losses, **self._teach_discriminator(step, fed, fake.detach())}

        # Update the generator.
        g_loss = self._generator_loss(fed, fake)
        self.accelerator.backward(g_loss)
        self._optimizer_step(self.generator, self.generator_optimizer)
        update_ema(self.average, self.generator)
        losses["g"] = g_loss.detach()
        if self.augment.adapts:
            losses["augment"] = torch.tensor(self.augment.probability)
        return losses

    def _teach_discriminator(self, step: int, fed: Round, fake: Tensor) -> dict[str, Tensor]:
        rules = self.rules
        with self.accelerator.autocast():
            on_real, _ = self.discriminator(self.augment(fed.real), **fed.told_real)
            on_fake, _ = self.discriminator(self.augment(fake), **fed.told)
            on_real, on_fake = on_real.float(), on_fake.float()
            loss = discriminator_loss(rules.loss, on_real, on_fake, rules.relativistic)
        sure = (on_real.detach() - MIDDLE.get(rules.loss, 0.0)).sign().mean()
        losses = {
            "d": loss.detach(),
            "logit.real": on_real.detach().mean(),
            "logit.fake": on_fake.detach().mean(),
            "sure": sure,
        }
        # Penalties in full precision: squares of gradients do not survive half.
        if rules.r1 > 0 and step % rules.r1_every == 0:
            penalty = r1_penalty(self.discriminator, fed.real, fed.told_real)
            loss = loss + rules.r1 * rules.r1_every / 2 * penalty
            losses["r1"] = penalty.detach()
        if rules.gradient_penalty > 0:
            mix = own_rows(lambda n: torch.rand(n, device=fake.device), len(fake))
            penalty = gradient_penalty(
                self.discriminator, fed.real, fake.float(), fed.told_real, mix
            )
            loss = loss + rules.gradient_penalty * penalty
            losses["gradient_penalty"] = penalty.detach()
        self.accelerator.backward(loss)
        self._optimizer_step(self.discriminator, self.discriminator_optimizer)
        self.augment.observe(sure, len(fed.real) * self.rounds.ranks)
        return losses

    def _generator_loss(self, fed: Round, fake: Tensor) -> Tensor:
        ahead: Mapping[str, Tensor] = {}
        if self.rules.unrolled:
            ahead = self._look_ahead(fed, fake.float())
        # The discriminator's own gradients would be thrown away.
        with frozen(self.discriminator), self.accelerator.autocast():
            on_fake = self._look(ahead, self.augment(fake), fed.told)
            on_real = None
            if self.rules.relativistic:
                on_real = self._look(ahead, self.augment(fed.real), fed.told_real).float()
            return generator_loss(self.rules.loss, on_fake.float(), on_real)

    def _look_ahead(self, fed: Round, fake: Tensor) -> dict[str, Tensor]:
        def loss(parameters: Mapping[str, Tensor]) -> Tensor:
            on_real = self._look(parameters, self.augment(fed.real), fed.told_real)
            on_fake = self._look(parameters, self.augment(fake), fed.told)
            return discriminator_loss(self.rules.loss, on_real, on_fake, self.rules.relativistic)

        return look_ahead(
            self.discriminator, self.discriminator_optimizer, loss, self.rules.unrolled
        )

    def _look(self, parameters: Mapping[str, Tensor], images: Tensor, told: Batch) -> Tensor:
        """Logits; with other parameters, the discriminator keeps its buffers as well."""
        if not parameters:
            logits, _ = self.discriminator(images, **told)
            return logits  # type: ignore[no-any-return]
        buffers = {name: value.clone() for name, value in self.discriminator.named_buffers()}
        tensors = {**parameters, **buffers}
        logits, _ = call_with(self.discriminator, tensors, (images,), told)
        return logits  # type: ignore[no-any-return]

    def _optimizer_step(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        average_gradients(module.parameters())
        average_buffers(module)
        optimizer_step(optimizer, scaler=self.accelerator.scaler)
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.update()
