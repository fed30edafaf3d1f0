"""A teacher from an image or label map to the image that belongs to it: pix2pix and GauGAN.

Both play against a discriminator that sees input and image together; they differ in what they are
asked for beside deceiving it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.batch import Batch, Input, in_range
from gancompress.data.images import Indices
from gancompress.teach.jitter import jittered
from gancompress.teach.learner import looking, make_learner
from gancompress.teach.remarks import translation_remarks
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import fit
from gancompress.training.losses import ADVERSARIAL, AdversarialLoss
from gancompress.training.optimise import follow_buffers, judging, moving_average
from gancompress.training.order import batch_indices
from gancompress.training.watch import Watch, voice

# Takes images in [-1, 1] and gives the maps of some network, shallow to deep.
FeatureMaps = Callable[[Tensor], Sequence[Tensor]]


class PairedRows(Protocol):
    """A data set of inputs and targets; images are float in [-1, 1]."""

    def __len__(self) -> int: ...

    def batch(self, indices: Indices) -> Batch:
        """The input under its name, and the ``target`` that belongs to it."""
        ...


@dataclass(frozen=True)
class Wishes:
    """What a generator is asked for beside deceiving the discriminator; 0 for not at all.

    Attributes:
        l1: weight of mean |output - target| (Isola et al. 2017, eq. 3; 100 there).
        features: weight of Σ mean |difference| of the discriminator's maps (Wang et al. 2018, eq.
            4, whose sum over scales is a mean in GauGAN's code: 10 for two scales is 5 here).
        perceptual: weight of the same in the maps of ``network``.
        network: where ``perceptual`` looks; None without it.
    """

    l1: float = 0.0
    features: float = 0.0
    perceptual: float = 0.0
    network: FeatureMaps | None = None


def teach_paired(
    generator: nn.Module,
    discriminator: nn.Module,
    data: PairedRows,
    name: str,
    entry: Input,
    *,
    wishes: Wishes,
    accelerator: Accelerator,
    steps: int,
    batch_size: int,
    loss: AdversarialLoss,
    jitter: int,
    flip: bool,
    learning_rate: float,
    discriminator_learning_rate: float,
    betas: tuple[float, float],
    decay_from: float,
    ema: float,
    seed: int,
    checkpoint: Path,
    checkpoint_seconds: float,
    log: Callable[[Mapping[str, Any]], None],
    log_every: int,
    look: Callable[[int, nn.Module], None],
    look_every: int,
) -> nn.Module:
    """Train ``generator`` on pairs; returns its moving average.

    Several processes train as one does with all their batches together.

    Args:
        generator: ``generator(**{name: inputs})`` gives images in [-1, 1] of the targets' shape.
            Dropout in it is its noise (Isola et al. 2017, section 3.2).
        discriminator: ``discriminator(image, condition=inputs)`` gives (logits, features).
        data: the pairs to learn from.
        name: of the generator's one input.
        entry: how it is fed: images in its range.
        wishes: what is asked for beside the adversarial loss, whose weight is 1.
        batch_size: of each process.
        jitter, flip: see :func:`gancompress.teach.jitter.jittered`.
        decay_from: share of the steps after which the learning rates go down to zero.
        look: takes the number of steps done and the average, every ``look_every`` steps.
    """
    # Everything that has a state.
    learner = partial(
        make_learner, accelerator=accelerator, betas=betas, decay_from=decay_from, steps=steps
    )
    painter = learner(generator, learning_rate=learning_rate)
    critic = learner(discriminator, learning_rate=discriminator_learning_rate)
    average = moving_average(generator, ema).eval()
    state: dict[str, Stateful] = {
        **painter.state("generator"),
        **critic.state("discriminator"),
        "average": average,
    }
    if accelerator.scaler is not None:
        state["scaler"] = accelerator.scaler
    say = voice(accelerator.is_main_process)
    watch = Watch(partial(translation_remarks, loss=loss), log, say, checkpoint.stem)
    rank, ranks = accelerator.process_index, accelerator.num_processes
    loss_d, loss_g = ADVERSARIAL[loss]
    exact = [name] if entry.kind == "label_map" else []

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        # Inputs and targets, cut and mirrored alike.
        chosen = batch_indices(step, batch_size * ranks, len(data), seed)[rank::ranks]
        rows = data.batch(chosen)
        rows = jittered({name: rows[name], "target": rows["target"]}, jitter, flip, rng, exact)
        shown, target = (value.to(accelerator.device) for value in rows.values())

        # Update the discriminator. Published code halves its loss, which Adam does not notice.
        with accelerator.autocast():
            made = generator(**{name: in_range(shown, entry)})
            on_real, _ = discriminator(target, condition=shown)
            on_fake, _ = discriminator(made.detach(), condition=shown)
            d_loss = loss_d(on_real.float(), on_fake.float())
        critic.learn(d_loss)

        # Update the generator.
        with judging(discriminator), accelerator.autocast():
            on_fake, maps = discriminator(made, condition=shown)
            g_loss = loss_g(on_fake.float())
            asked = _asked(wishes, made, maps, target, shown, discriminator)
            total = g_loss + torch.stack([w * value for w, value in asked.values()]).sum()
        painter.learn(total)
        if accelerator.scaler is not None:
            accelerator.scaler.update()
        average.update_parameters(generator)
        follow_buffers(average, generator)
        return {"d": d_loss, "g": g_loss, **{title: value for title, (_, value) in asked.items()}}

    fit(
        update,
        state,
        steps=steps,
        seed=seed,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        log=watch,
        log_every=log_every,
        title=checkpoint.stem,
        main_process=accelerator.is_main_process,
        device=accelerator.device,
        after=looking(lambda done: look(done, average.module), look_every, steps),
    )
    taught: nn.Module = average.module
    return taught.eval()


def _asked(
    wishes: Wishes,
    made: Tensor,
    maps: Sequence[Tensor],
    target: Tensor,
    shown: Tensor,
    discriminator: nn.Module,
) -> dict[str, tuple[float, Tensor]]:
    """Weight and loss of every wish, by name; L1 always, as a figure to follow."""
    asked = {"l1": (wishes.l1, F.l1_loss(made.float(), target))}
    if wishes.features:
        with torch.no_grad():
            _, wanted = discriminator(target, condition=shown)
        asked["features"] = (wishes.features, _differences(maps, wanted))
    if wishes.perceptual and wishes.network is not None:
        with torch.no_grad():
            wanted = wishes.network(target)
        asked["perceptual"] = (wishes.perceptual, _differences(wishes.network(made), wanted))
    return asked


def _differences(maps: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    pairs = zip(maps, wanted, strict=True)
    return torch.stack([F.l1_loss(one.float(), other.float()) for one, other in pairs]).sum()
