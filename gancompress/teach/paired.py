"""A teacher from an image or label map to the image that belongs to it: pix2pix and GauGAN.

Both play against a discriminator that sees input and image together; they differ in what they are
weighted for beside deceiving it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.batch import Batch, InputSpec, in_range, onto
from gancompress.data.images import Indices
from gancompress.teach.jitter import jittered
from gancompress.teach.learner import TeachSetting, make_learner
from gancompress.teach.warnings import translation_warnings
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import Training
from gancompress.training.losses import ADVERSARIAL
from gancompress.training.optimise import frozen, moving_average, update_ema
from gancompress.training.order import batch_indices

# Takes images in [-1, 1] and gives the maps of some network, shallow to deep.
FeatureMaps = Callable[[Tensor], Sequence[Tensor]]


class PairedRows(Protocol):
    """A data set of inputs and targets; images are float in [-1, 1]."""

    def __len__(self) -> int: ...

    def batch(self, indices: Indices) -> Batch:
        """The input under its name, and the ``target`` that belongs to it."""
        ...


@dataclass(frozen=True)
class PairedLosses:
    """The losses of a generator beside the adversarial one; a weight of 0 for none.

    Attributes:
        l1: weight of mean |output - target| (Isola et al. 2017, eq. 3; 100 there).
        features: weight of Σ mean |difference| of the discriminator's maps (Wang et al. 2018, eq.
            4, whose sum over scales is a mean in GauGAN's code: 10 for two scales is 5 here).
        perceptual: weight of the same in the maps of ``network``.
        network: gives the maps of ``perceptual``; None without it.
    """

    l1: float = 0.0
    features: float = 0.0
    perceptual: float = 0.0
    network: FeatureMaps | None = None


def paired_training(
    generator: nn.Module,
    discriminator: nn.Module,
    data: PairedRows,
    inputs: InputSpec,
    losses: PairedLosses,
    setting: TeachSetting,
) -> Training:
    """Prepare ``generator`` to be trained on pairs.

    Several processes train as one does with all their batches together.

    Args:
        generator: ``generator(**{name: images})`` gives images in [-1, 1].
        discriminator: ``discriminator(image, condition=given)`` gives (logits, maps).
        data: inputs and targets.
        inputs: the one input of the generator; images are given in its range.
        losses: of the generator, beside the adversarial one.
        setting: how it is trained, and where.
    """
    options, accelerator = setting.options, setting.accelerator
    ((name, entry),) = inputs.items()

    # Everything that has a state.
    generator_learner = make_learner(generator, options.learning_rate, setting)
    critic_learner = make_learner(discriminator, options.discriminator_learning_rate, setting)
    average = moving_average(generator, options.ema).eval()
    state: dict[str, Stateful] = {
        **generator_learner.state("generator"),
        **critic_learner.state("discriminator"),
        "average": average,
    }
    if accelerator.scaler is not None:
        state["scaler"] = accelerator.scaler
    rank, ranks = setting.rank, setting.ranks
    batch_size = options.batch_size * ranks
    loss_d, loss_g = ADVERSARIAL[options.loss]
    exact = [name] if entry.kind == "label_map" else []

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        # Inputs and targets, cut and mirrored alike.
        rows = data.batch(batch_indices(step, batch_size, len(data), setting.seed)[rank::ranks])
        both = {name: rows[name], "target": rows["target"]}
        rows = jittered(both, options.jitter, setting.flip, rng, exact)
        given, target = (onto(value, accelerator.device) for value in rows.values())

        # Update the discriminator. Published code halves its loss, which Adam does not notice.
        with accelerator.autocast():
            made = generator(**{name: in_range(given, entry)})
            on_real, _ = discriminator(target, condition=given)
            on_fake, _ = discriminator(made.detach(), condition=given)
            d_loss = loss_d(on_real.float(), on_fake.float())
        critic_learner.learn(d_loss)

        # Update the generator.
        with frozen(discriminator), accelerator.autocast():
            on_fake, maps = discriminator(made, condition=given)
            g_loss = loss_g(on_fake.float())
            weighted = _weighted(losses, made, maps, target, given, discriminator)
            total = g_loss + torch.stack([w * value for w, value in weighted.values()]).sum()
        generator_learner.learn(total)
        if accelerator.scaler is not None:
            accelerator.scaler.update()
        update_ema(average, generator)
        return {
            "d": d_loss,
            "g": g_loss,
            **{title: value for title, (_, value) in weighted.items()},
        }

    find_warnings = partial(translation_warnings, loss=options.loss)
    return Training(
        update=update,
        state=state,
        find_warnings=find_warnings,
        live=generator,
        average=average.module,
    )


def _weighted(
    losses: PairedLosses,
    made: Tensor,
    maps: Sequence[Tensor],
    target: Tensor,
    given: Tensor,
    discriminator: nn.Module,
) -> dict[str, tuple[float, Tensor]]:
    """Weight and loss of every term, by name; L1 always, as a figure to follow."""
    weighted = {"l1": (losses.l1, F.l1_loss(made.float(), target))}
    if losses.features:
        with torch.no_grad():
            _, wanted = discriminator(target, condition=given)
        weighted["features"] = (losses.features, _differences(maps, wanted))
    if losses.perceptual and losses.network is not None:
        with torch.no_grad():
            wanted = losses.network(target)
        weighted["perceptual"] = (losses.perceptual, _differences(losses.network(made), wanted))
    return weighted


def _differences(maps: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    pairs = zip(maps, wanted, strict=True)
    return torch.stack([F.l1_loss(one.float(), other.float()) for one, other in pairs]).sum()
