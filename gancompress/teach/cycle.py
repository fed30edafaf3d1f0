"""Two teachers between two kinds of images of which no two belong together (Zhu et al. 2017)."""

from functools import partial
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.batch import InputSpec, in_range, onto
from gancompress.data.images import Images, to_float
from gancompress.teach.jitter import jittered
from gancompress.teach.learner import TeachSetting, make_learner
from gancompress.teach.warnings import translation_warnings
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import Training
from gancompress.training.losses import ADVERSARIAL
from gancompress.training.optimise import frozen, moving_average, update_ema
from gancompress.training.order import batch_indices


class Pool:
    """Earlier images of a generator: half of what a discriminator sees comes from here.

    So it does not forget what the generator did before (Shrivastava et al. 2017, section 2.3).
    Its images are part of a training's state.

    Args:
        size: images that it holds; 0 gives back what it is given.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def exchange(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Put images (N, C, H, W) in; as many come out: once it is full, old ones by chance."""
        shown = []
        for image in images.detach():
            if len(self.images) < self.size:
                self.images.append(image.clone())
            elif self.size and rng.random() < 0.5:
                place = int(rng.integers(self.size))
                image, self.images[place] = self.images[place].to(image.device), image.clone()
            shown.append(image)
        return torch.stack(shown)

    def state_dict(self) -> dict[str, Any]:
        """The images, in order."""
        return {"images": list(self.images)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Hold the images of ``state``."""
        self.images = list(state["images"])


def cycle_training(
    generators: tuple[nn.Module, nn.Module],
    discriminators: tuple[nn.Module, nn.Module],
    images: tuple[Images, Images],
    inputs: InputSpec,
    setting: TeachSetting,
) -> tuple[Training, nn.Module]:
    """Prepare a generator from A to B to be trained, along with one that leads back.

    Several processes train as one does with all their batches together.

    Args:
        generators: from A to B and from B to A: ``generator(**{name: images})`` gives images in
            [-1, 1] of the same shape.
        discriminators: of A and of B: ``discriminator(image)`` gives (logits, maps).
        images: of A and of B, of one shape.
        inputs: the one input of either generator; images are given in its range.
        setting: how they are trained, and where. ``cycle.consistency`` is the weight of mean
            |back(there(a)) - a| and of the same for B (eq. 2, λ); ``cycle.identity`` of mean
            |there(b) - b| and |back(a) - a|, as a share of it (section 5.2).

    Returns:
        The training of the generator to B, and the moving average of the other one, which it
        trains as well.
    """
    options, accelerator = setting.options, setting.accelerator
    (there, back), (critic_a, critic_b), (images_a, images_b) = generators, discriminators, images
    ((name, entry),) = inputs.items()

    # Everything that has a state.
    both, critics = nn.ModuleList(generators), nn.ModuleList(discriminators)
    generator_learner = make_learner(both, options.learning_rate, setting)
    critic_learner = make_learner(critics, options.discriminator_learning_rate, setting)
    average = moving_average(both, options.ema).eval()
    pools = Pool(options.cycle.pool), Pool(options.cycle.pool)
    state: dict[str, Stateful] = {
        **generator_learner.state("generators"),
        **critic_learner.state("discriminators"),
        "average": average,
        "pool_a": pools[0],
        "pool_b": pools[1],
    }
    if accelerator.scaler is not None:
        state["scaler"] = accelerator.scaler
    rank, ranks, seed = setting.rank, setting.ranks, setting.seed
    batch_size = options.batch_size * ranks
    consistency, identity = options.cycle.consistency, options.cycle.identity
    loss_d, loss_g = ADVERSARIAL[options.loss]

    def translated(generator: nn.Module, images: Tensor) -> Tensor:
        result: Tensor = generator(**{name: in_range(images, entry)})
        return result

    def batch(images: Images, step: int, order: int, rng: np.random.Generator) -> Tensor:
        chosen = batch_indices(step, batch_size, len(images), order)[rank::ranks]
        given = {name: to_float(images.batch(chosen))}
        rows = jittered(given, options.jitter, setting.flip, rng)
        return onto(rows[name], accelerator.device)

    def exchanged(pool: Pool, images: Tensor, rng: np.random.Generator) -> Tensor:
        # Every process holds the pool of all, and sees its share of what comes out.
        blocks: Tensor = accelerator.gather(images.detach())
        in_order = blocks.reshape(ranks, *images.shape).transpose(0, 1).flatten(0, 1)
        return pool.exchange(in_order, rng)[rank::ranks]

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        # The two kinds in orders of their own, or the same two would meet in every epoch.
        a, b = batch(images_a, step, seed, rng), batch(images_b, step, seed + 1, rng)

        # Update both generators.
        with frozen(critics), accelerator.autocast():
            fake_b, fake_a = translated(there, a), translated(back, b)
            g_loss = loss_g(_logits(critic_b, fake_b)) + loss_g(_logits(critic_a, fake_a))
            cycle = F.l1_loss(translated(back, fake_b), a) + F.l1_loss(translated(there, fake_a), b)
            total = g_loss + consistency * cycle
            losses = {"g": g_loss, "cycle": cycle}
            if identity:
                same = F.l1_loss(translated(there, b), b) + F.l1_loss(translated(back, a), a)
                total = total + consistency * identity * same
                losses["identity"] = same
        generator_learner.learn(total)

        # Update both discriminators, on what their pools give for the new images.
        shown_a, shown_b = exchanged(pools[0], fake_a, rng), exchanged(pools[1], fake_b, rng)
        with accelerator.autocast():
            d_a = loss_d(_logits(critic_a, a), _logits(critic_a, shown_a))
            d_b = loss_d(_logits(critic_b, b), _logits(critic_b, shown_b))
        critic_learner.learn(d_a + d_b)
        if accelerator.scaler is not None:
            accelerator.scaler.update()
        update_ema(average, both)
        return {"d_a": d_a, "d_b": d_b, **losses}

    find_warnings = partial(translation_warnings, loss=options.loss)
    average_there, average_back = cast(nn.ModuleList, average.module)
    return Training(
        update=update, state=state, find_warnings=find_warnings, live=there, average=average_there
    ), average_back


def _logits(critic: nn.Module, images: Tensor) -> Tensor:
    logits, _ = critic(images)
    return logits.float()  # type: ignore[no-any-return]
