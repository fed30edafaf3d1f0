"""Training a supernet to answer as a teacher did."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gancompress.api.inputs import real_images
from gancompress.data.images import Images
from gancompress.data.live import Pairs
from gancompress.distillation.data import DistillData
from gancompress.distillation.features import Networks
from gancompress.distillation.loop import distill as train
from gancompress.distillation.options import DistillOptions, TermOptions
from gancompress.distillation.terms.term import LossTerm
from gancompress.metrics.feature_network import FeatureNetwork
from gancompress.options import check_given, check_number, check_seed, check_whole
from gancompress.supernet import Supernet
from gancompress.training.engine import Training, TrainingLogger
from gancompress.training.optimise import make_accelerator

#: Loss terms with their weights: a name, a :class:`gancompress.LossTerm`, or a function
#: ``(student, teacher) -> loss`` of two batches of outputs.
Loss = Mapping[str | LossTerm | Callable[[Tensor, Tensor], Tensor], float | TermOptions]


def no_log(event: Mapping[str, Any]) -> None:
    """Forget an event."""


@dataclass(frozen=True)
class DistillSettings:
    """What :func:`gancompress.distill` trains with, beside the supernet and the pairs.

    Attributes:
        teacher: the white box, for terms that compare feature maps inside it.
        discriminator: ``network(image, **conditions)`` gives (logits, maps), for adversarial terms.
        features: the networks of ``perceptual`` and ``style``, by term.
        real: real images for the discriminator: a folder or zip, or a tensor (N, C, H, W).
        seed: of everything that is drawn.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: of the training; ``bf16`` and ``fp16`` are mixed, ``auto`` is ``bf16`` where the
            processor has it.
        log: takes an event (``step`` and losses by name) every ``log_every`` steps.
        log_every: steps.
        checkpoint_seconds: between two checkpoints.
        show: takes a step and titled rows of outputs at every evaluation, to make a picture of.
        title: of the training, and of its checkpoint in the folder.
        online: the training of a teacher that is trained in the same steps, which ``pairs`` ask.
    """

    teacher: nn.Module | None = None
    discriminator: nn.Module | None = None
    features: Mapping[str, FeatureNetwork] = field(default_factory=dict)
    real: str | Path | Tensor | Images | None = None
    seed: int = 0
    device: str = "auto"
    precision: Literal["no", "bf16", "fp16", "auto"] = "no"
    log: Callable[[Mapping[str, Any]], None] = no_log
    log_every: int = 50
    checkpoint_seconds: float = 60.0
    show: Callable[[int, Mapping[str, Tensor]], None] = lambda step, rows: None
    title: str = "distill"
    online: Training | None = None


def distill(
    supernet: Supernet,
    pairs: Pairs,
    loss: Loss | None = None,
    *,
    steps: int = 5_000,
    folder: str | Path | None = None,
    options: DistillOptions | None = None,
    settings: DistillSettings | None = None,
) -> Supernet:
    """Train every subnet of ``supernet`` to answer as the teacher did.

    Args:
        supernet: is trained in place, and ends with the moving average of its weights.
        pairs: of :func:`collect`, or :class:`gancompress.MemoryPairs` of your own.
        loss: terms with their weights, by default ``{"l1": 1.0}``: names as in
            ``docs/distill.md``, or functions ``(student, teacher) -> loss`` of two batches of
            outputs that give a scalar. A weight may be a :class:`gancompress.TermOptions`.
        steps: updates.
        folder: keeps checkpoints, so that the same call goes on where it was stopped; None forgets
            them.
        options: see :class:`gancompress.DistillOptions`; its ``steps`` and ``terms`` are replaced.
        settings: see :class:`gancompress.DistillSettings`.

    Returns:
        ``supernet``, on the CPU, in evaluation mode.

    Raises:
        RecipeError: a term is unknown, or needs what was not given.
        OptionError: an option is out of its range.
        DivergenceError: losses were not finite, several times over.
    """
    check_whole(steps, "gc.distill: steps", 1)
    given = settings or DistillSettings()
    _check(supernet, pairs, given)
    chosen = replace(training_options(options, pairs, loss), steps=steps)
    accelerator = make_accelerator(given.device, given.precision)
    data = DistillData(
        pairs=pairs,
        options=chosen,
        seed=given.seed,
        accelerator=accelerator,
        real=real_images(given.real, pairs),
    )
    networks = Networks(given.teacher, given.discriminator, given.features)
    with TemporaryDirectory() as temporary:
        logger = TrainingLogger(
            checkpoint=Path(folder or temporary) / f"{given.title}.pt",
            checkpoint_seconds=given.checkpoint_seconds,
            log=given.log,
            log_every=given.log_every,
            main_process=accelerator.is_main_process,
            device=accelerator.device,
            show=given.show,
        )
        if data.count < len(pairs.train):
            logger.log({"event": f"{data.count} of {len(pairs.train)} pairs: distill.per_tag"})
        average = train(supernet, data, networks, logger=logger, online=given.online)
    with torch.no_grad():
        supernet.module.load_state_dict(average.state_dict())
    return supernet.cpu().eval()


def _check(supernet: Supernet, pairs: Pairs, settings: DistillSettings) -> None:
    check_given(supernet, Supernet, "gc.distill: supernet", "a gc.Supernet")
    check_given(pairs, Pairs, "gc.distill: pairs", "what gc.collect returns, or gc.MemoryPairs")
    check_seed(settings.seed, "gc.distill: settings.seed")
    check_whole(settings.log_every, "gc.distill: settings.log_every", 1)
    check_number(settings.checkpoint_seconds, "gc.distill: settings.checkpoint_seconds", 0)


def training_options(
    options: DistillOptions | None, pairs: Pairs, loss: Loss | None
) -> DistillOptions:
    """``options``, or those for so many pairs, with the terms of ``loss``."""
    terms = {
        term: weight if isinstance(weight, TermOptions) else TermOptions(weight=weight)
        for term, weight in ({"l1": 1.0} if loss is None else loss).items()
    }
    base = options or DistillOptions(batch_size=min(32, max(2, len(pairs.train))))
    return replace(base, terms=terms)
