"""Distilling a supernet from recorded pairs: every subnet learns to answer as the teacher did."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import torch
from accelerate import Accelerator
from torch import nn

from gancompress.batch import rows
from gancompress.data.prefetch import Prefetch
from gancompress.distillation.answering import Answering
from gancompress.distillation.discriminator import Opponent
from gancompress.distillation.feature_network import FeatureNetwork
from gancompress.distillation.features import Features, prepare_features
from gancompress.distillation.front import Front
from gancompress.distillation.kept_maps import KeptMaps, bytes_of
from gancompress.distillation.objective import DISCRIMINATOR_TERMS, TermWeight, check_terms
from gancompress.distillation.online import together
from gancompress.distillation.options import Options
from gancompress.distillation.parts import draw
from gancompress.distillation.source import Source
from gancompress.distillation.step import Step
from gancompress.distillation.validation import Validate, Validation
from gancompress.distillation.warnings import remarks
from gancompress.distillation.width_aware import WidthAware
from gancompress.supernet import Supernet
from gancompress.training.checkpoint import Stateful, load_checkpoint
from gancompress.training.engine import Bookkeeping, Training, train
from gancompress.training.losses import AdversarialLoss
from gancompress.training.optimise import adam, moving_average, scheduled
from gancompress.training.processes import shared_batch_statistics
from gancompress.training.watch import voice


@dataclass(frozen=True)
class Adversary:
    """The discriminator and how it learns.

    Attributes:
        network: ``network(image, **conditions)`` gives (logits, features).
        loss: its own and that of the adversarial terms.
        learning_rate: of Adam.
        real_weight, relativistic, r1, gradient_penalty, penalty_every: see
            :class:`gancompress.distillation.discriminator.Opponent`.
        widths: it is told how wide the subnet is, see
            :class:`gancompress.distillation.width_aware.WidthAware`.
    """

    network: nn.Module
    loss: AdversarialLoss
    learning_rate: float
    real_weight: float
    relativistic: bool
    r1: float
    gradient_penalty: float
    penalty_every: int
    widths: bool


def distill(
    supernet: Supernet,
    source: Source,
    *,
    terms: Mapping[str, TermWeight],
    taps: Mapping[str, Sequence[str]],
    networks: Mapping[str, FeatureNetwork],
    teacher: nn.Module | None,
    adversary: Adversary | None,
    validate: Validate | None,
    accelerator: Accelerator,
    options: Options,
    cache: int,
    books: Bookkeeping,
    alongside: Training | None = None,
) -> nn.Module:
    """Train the supernet's weights; returns their moving average, a module as ``supernet.module``.

    Args:
        supernet: is trained in place.
        source: the pairs and, where there are any, real images. Without real images the real branch
            of the objective is left out.
        terms: what the student is asked for, by name.
        taps: of feature terms, see :func:`gancompress.distillation.taps.find_taps`; ``auto`` if not
            given.
        networks: of the terms that look through one.
        teacher: the white box, where a term looks inside; the source's pairs are its answers.
        adversary: the discriminator, if any; not used where no term needs one.
        validate: looks at held-out pairs; the best average is kept beside the checkpoint as
            ``<stem>-best.pt``, and returned if patience ended the training.
        options: how the training goes on.
        cache: bytes for what terms see of the teacher, which then must not change; 0: look anew in
            every step.
        books: where checkpoints and losses go.
        alongside: the training of a teacher that learns in the same steps, before the student; it
            is the white box then, and the source's pairs are what it answers at present.

    Raises:
        RecipeError: a term is unknown, or one needs what is not there.
    """
    if source.real is None:
        terms = {name: term for name, term in terms.items() if name != "adversarial_real"}
    check_terms(terms, adversary is not None)

    # What feature terms look at. Channels last is what convolutions are fastest in.
    place = {"device": accelerator.device, "memory_format": torch.channels_last}
    supernet = supernet.to(**place).train()
    teacher = alongside.live if alongside else teacher
    features = prepare_features(
        terms,
        student=supernet.module,
        teacher=teacher.to(accelerator.device).eval() if teacher is not None else None,
        batch=source.pairs_of(0)[0],
        inputs=dict(source.inputs),
        taps=taps,
        networks=networks,
        seed=options.seed,
    )
    _show_taps(features, books)
    if cache and (features.taps or features.networks):
        with accelerator.autocast():
            features = replace(features, kept=_room_for_maps(features, source, cache, books))

    # Everything that has a state.
    average = moving_average(supernet.module, options.ema).eval()
    learning = [p for p in supernet.module.parameters() if p.requires_grad]
    state: dict[str, Stateful] = {"student": supernet.module, "average": average}
    if features.adapters is not None:
        state["adapters"] = features.adapters.to(accelerator.device)
        learning += features.adapters.parameters()
    optimizer = adam(learning, options.learning_rate, options.betas)
    rates = [scheduled(optimizer, options.schedule, options.steps)]
    state |= {"optimizer": optimizer, "schedule": rates[0]}
    if accelerator.scaler is not None:
        state["scaler"] = accelerator.scaler
    opponent = None
    if adversary is not None and any(name in DISCRIMINATOR_TERMS for name in terms):
        opponent = _opponent(adversary, supernet, source, options.betas, accelerator)
        rates.append(scheduled(opponent.optimizer, options.schedule, options.steps))
        state["discriminator"] = opponent.network
        state["discriminator_optimizer"] = opponent.optimizer
        state["discriminator_schedule"] = rates[1]
    front = None
    if options.rule == "front" and options.fixed is None:
        front = state["front"] = Front(supernet.space, supernet.cost_model)
    finds = partial(remarks, adversarial=adversary.loss if adversary else "")
    tell = books.watch(finds).tell
    best = books.checkpoint.with_name(f"{books.title}-best.pt")
    validation = None
    if validate is not None:
        kept = best if books.main_process else None
        moving = alongside is not None
        validation = Validation(
            supernet, average, terms, validate, options.fixed, kept, books.log, moving=moving
        )
        state["validation"] = validation

    # The data of the next step are read while a GPU learns. On a CPU two threads that both compute
    # get into each other's way: with two cores a step took twice as long.
    ahead = source.stored and accelerator.device.type != "cpu"
    read = partial(draw, source, opponent is not None, options.fresh)
    widths = opponent is not None and opponent.sees_widths
    answering = Answering(supernet, source, features, widths, accelerator)
    learners = [supernet.module, *([opponent.network] if opponent else [])]
    with (
        Prefetch(read, depth=1) if ahead else nullcontext(read) as drawn,
        shared_batch_statistics(*learners),
    ):
        step = Step(
            supernet,
            source,
            drawn,
            terms,
            features,
            answering,
            opponent,
            front,
            optimizer,
            rates,
            average,
            accelerator,
            options,
            tell,
        )
        training = Training(step, state, finds, supernet.module, average.module, validation)
        if alongside:
            training = together(alongside, training)
        trained = train(training, books, steps=options.steps, seed=options.seed)
    if validation is not None and validation.ended:
        accelerator.wait_for_everyone()
        load_checkpoint(best, {"average": average})
        tell(validation.best_step, "the weights of this step are the best and are used")
    return trained


def _opponent(
    adversary: Adversary,
    supernet: Supernet,
    source: Source,
    betas: tuple[float, float],
    accelerator: Accelerator,
) -> Opponent:
    network = adversary.network
    if adversary.widths:
        batch, target = source.pairs_of(0)
        example = target.cpu(), {name: x.cpu() for name, x in source.conditions(batch).items()}
        network = WidthAware(network, len(supernet.space.groups), example)
    place = {"device": accelerator.device, "memory_format": torch.channels_last}
    network = network.to(**place).train()
    return Opponent(
        network,
        adam(network.parameters(), adversary.learning_rate, betas),
        adversary.loss,
        adversary.real_weight,
        adversary.relativistic,
        adversary.r1,
        adversary.gradient_penalty,
        adversary.penalty_every,
        adversary.widths,
        accelerator,
    )


def _room_for_maps(features: Features, source: Source, budget: int, books: Bookkeeping) -> KeptMaps:
    """A place for the maps of as many pairs as ``budget`` bytes hold; tells how many these are."""
    batch, target = source.pairs_of(0)
    one = slice(0, 1)
    size = bytes_of(features.seen(features.terms, rows(batch, one), target[one]))
    room = min(budget // size, source.count)
    what = f"what terms see of the teacher, {size / 1e6:.3g} MB a pair,"
    line = f"{what} is kept for {room} of {source.count} pairs"
    books.log({"step": 0, "event": line})
    voice(books.main_process)(line)
    return KeptMaps(room)


def _show_taps(features: Features, books: Bookkeeping) -> None:
    say = voice(books.main_process)
    for term, found in features.taps.items():
        books.log({"step": 0, "taps": {term: [str(tap) for tap in found]}})
        say("\n".join([f"{term} compares, student (shape) = teacher (shape):", *map(str, found)]))
