"""One step of adversarial training: updates of the discriminator, then one of the generator."""

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
from gancompress.teach.learner import TeachSetting
from gancompress.teach.options import TeachOptions
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
from gancompress.training.order import batch_indices
from gancompress.training.processes import own_rows

# The logit between "real" and "generated", where it is not 0.
MIDDLE = {"least_squares": 0.5}


@dataclass(frozen=True)
class AdversarialBatch:
    """The data of one discriminator update.

    Attributes:
        real, real_conditions: real images in [-1, 1] and what the discriminator is given beside
            them.
        latents, conditions: inputs of the generator, and what of them the discriminator is given.
    """

    real: Tensor
    real_conditions: Batch
    latents: Batch
    conditions: Batch


@dataclass(frozen=True)
class AdversarialData:
    """Real images and latents by number of the discriminator update.

    Attributes:
        images: the real ones; with labels where the generator has a class input.
        inputs: of the generator, all of kinds that can be drawn.
        setting: how large a batch is, and which share of it is this process's.
    """

    images: Images
    inputs: Mapping[str, Input]
    setting: TeachSetting

    def __call__(self, number: int) -> AdversarialBatch:
        setting, device = self.setting, self.setting.accelerator.device
        rank, ranks, seed = setting.rank, setting.ranks, setting.seed
        whole = setting.options.batch_size * ranks
        chosen = batch_indices(number, whole, len(self.images), seed)[rank::ranks]
        real = onto(to_float(self.images.batch(chosen)), device)
        own = range(number * whole + rank, (number + 1) * whole, ranks)
        drawn = draw_inputs(self.inputs, own, seed)
        latents = {name: onto(value, device) for name, value in drawn.items()}
        for name, entry in self.inputs.items():
            if entry.choices:
                assert self.images.labels is not None
                labels = self.images.labels[torch.from_numpy(chosen)]
                classes = nn.functional.one_hot(labels, entry.choices).float()
                of_real = {name: onto(classes, device)}
                of_fake = {name: as_one_hot(entry, latents[name])}
                return AdversarialBatch(real, of_real, latents, of_fake)
        return AdversarialBatch(real, {}, latents, {})


@dataclass(frozen=True, kw_only=True)
class AdversarialStep:
    """The ``update`` of :func:`gancompress.training.engine.fit`."""

    generator: nn.Module
    discriminator: nn.Module
    average: AveragedModel
    generator_optimizer: torch.optim.Adam
    discriminator_optimizer: torch.optim.Adam
    data: AdversarialData
    augment: Augment
    setting: TeachSetting

    @property
    def options(self) -> TeachOptions:
        """Of the training."""
        return self.setting.options

    @property
    def accelerator(self) -> Accelerator:
        """Where it takes place."""
        return self.setting.accelerator

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        # Update the discriminator; the generator's graph is kept for its own update.
        updates = self.options.critic_steps
        losses: dict[str, Tensor] = {}
        for number in range(updates):
            batch = self.data(step * updates + number)
            with torch.set_grad_enabled(number == updates - 1), self.accelerator.autocast():
                fake = self.generator(**batch.latents)
            losses = {**losses, **self._update_discriminator(step, batch, fake.detach())}

        # Update the generator.
        g_loss = self._generator_loss(batch, fake)
        self.accelerator.backward(g_loss)
        self._optimizer_step(self.generator, self.generator_optimizer)
        update_ema(self.average, self.generator)
        losses["g"] = g_loss.detach()
        if self.augment.adapts:
            losses["augment"] = torch.tensor(self.augment.probability)
        return losses

    def _update_discriminator(
        self, step: int, batch: AdversarialBatch, fake: Tensor
    ) -> dict[str, Tensor]:
        options = self.options
        with self.accelerator.autocast():
            on_real, _ = self.discriminator(self.augment(batch.real), **batch.real_conditions)
            on_fake, _ = self.discriminator(self.augment(fake), **batch.conditions)
            on_real, on_fake = on_real.float(), on_fake.float()
            loss = discriminator_loss(options.loss, on_real, on_fake, options.relativistic)
        sure = (on_real.detach() - MIDDLE.get(options.loss, 0.0)).sign().mean()
        losses = {
            "d": loss.detach(),
            "logit.real": on_real.detach().mean(),
            "logit.fake": on_fake.detach().mean(),
            "sure": sure,
        }
        # Penalties in full precision: squares of gradients do not survive half.
        if options.r1 > 0 and step % options.r1_every == 0:
            penalty = r1_penalty(self.discriminator, batch.real, batch.real_conditions)
            loss = loss + options.r1 * options.r1_every / 2 * penalty
            losses["r1"] = penalty.detach()
        if options.gradient_penalty > 0:
            mix = own_rows(lambda n: torch.rand(n, device=fake.device), len(fake))
            penalty = gradient_penalty(
                self.discriminator, batch.real, fake.float(), batch.real_conditions, mix
            )
            loss = loss + options.gradient_penalty * penalty
            losses["gradient_penalty"] = penalty.detach()
        self.accelerator.backward(loss)
        self._optimizer_step(self.discriminator, self.discriminator_optimizer)
        self.augment.observe(sure, len(batch.real) * self.setting.ranks)
        return losses

    def _generator_loss(self, batch: AdversarialBatch, fake: Tensor) -> Tensor:
        ahead: Mapping[str, Tensor] = {}
        if self.options.unrolled:
            ahead = self._look_ahead(batch, fake.float())
        # The discriminator's own gradients would be thrown away.
        with frozen(self.discriminator), self.accelerator.autocast():
            on_fake = self._logits(ahead, self.augment(fake), batch.conditions)
            on_real = None
            if self.options.relativistic:
                on_real = self._logits(
                    ahead, self.augment(batch.real), batch.real_conditions
                ).float()
            return generator_loss(self.options.loss, on_fake.float(), on_real)

    def _look_ahead(self, batch: AdversarialBatch, fake: Tensor) -> dict[str, Tensor]:
        def loss(parameters: Mapping[str, Tensor]) -> Tensor:
            on_real = self._logits(parameters, self.augment(batch.real), batch.real_conditions)
            on_fake = self._logits(parameters, self.augment(fake), batch.conditions)
            return discriminator_loss(
                self.options.loss, on_real, on_fake, self.options.relativistic
            )

        return look_ahead(
            self.discriminator, self.discriminator_optimizer, loss, self.options.unrolled
        )

    def _logits(
        self, parameters: Mapping[str, Tensor], images: Tensor, conditions: Batch
    ) -> Tensor:
        """Logits; with other parameters, the discriminator keeps its buffers as well."""
        if not parameters:
            logits, _ = self.discriminator(images, **conditions)
            return logits  # type: ignore[no-any-return]
        buffers = {name: value.clone() for name, value in self.discriminator.named_buffers()}
        tensors = {**parameters, **buffers}
        logits, _ = call_with(self.discriminator, tensors, (images,), conditions)
        return logits  # type: ignore[no-any-return]

    def _optimizer_step(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        average_gradients(module.parameters())
        average_buffers(module)
        optimizer_step(optimizer, scaler=self.accelerator.scaler)
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.update()
