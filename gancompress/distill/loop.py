"""Distilling a supernet from recorded pairs: every subnet learns to answer as the teacher did."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from gancompress.distill.objective import DISCRIMINATOR_TERMS, TermWeight, check_terms
from gancompress.distill.opponent import Opponent
from gancompress.distill.sampling import SubnetRule
from gancompress.distill.source import Source
from gancompress.distill.step import Step
from gancompress.elastic import Subnet, Supernet
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import fit
from gancompress.training.losses import AdversarialLoss
from gancompress.training.optimise import Schedule, moving_average, scheduled


def distill(
    supernet: Supernet,
    source: Source,
    *,
    terms: Mapping[str, TermWeight],
    discriminator: nn.Module | None,
    adversarial: AdversarialLoss,
    real_weight: float,
    accelerator: Accelerator,
    steps: int,
    learning_rate: float,
    discriminator_learning_rate: float,
    betas: tuple[float, float],
    schedule: Schedule,
    ema: float,
    clip: float,
    rule: SubnetRule,
    random_subnets: int,
    fixed: Subnet | None,
    seed: int,
    checkpoint: Path,
    checkpoint_seconds: float,
    log: Callable[[Mapping[str, Any]], None],
    log_every: int,
) -> nn.Module:
    """Train the supernet's weights; returns their moving average, a module as ``supernet.module``.

    Args:
        supernet: is trained in place.
        source: the pairs and, where there are any, real images. Without real images the real branch
            of the objective is left out.
        terms: what the student is asked for, by name.
        discriminator: ``discriminator(image, **conditions)`` gives (logits, features); not used
            where no term needs one.
        adversarial: loss of the discriminator and of the adversarial terms.
        real_weight: of real against fresh images in the discriminator's loss.
        schedule: of both learning rates.
        clip: largest gradient norm of the student; 0 for no clipping.
        rule, random_subnets: see :func:`gancompress.distill.sampling.subnets_of_step`.
        fixed: only this subnet learns, ``rule`` is not asked.

    Raises:
        RecipeError: a term is unknown, or one needs a discriminator and there is none.
    """
    if source.real is None:
        terms = {name: term for name, term in terms.items() if name != "adversarial_real"}
    check_terms(terms, discriminator is not None)

    # Everything that has a state.
    supernet = supernet.to(accelerator.device).train()
    average = moving_average(supernet.module, ema)
    optimizer = torch.optim.Adam(supernet.module.parameters(), learning_rate, betas)
    rates = [scheduled(optimizer, schedule, steps)]
    state: dict[str, Stateful] = {
        "student": supernet.module,
        "average": average,
        "optimizer": optimizer,
        "schedule": rates[0],
    }
    opponent = None
    if discriminator is not None and any(name in DISCRIMINATOR_TERMS for name in terms):
        discriminator = discriminator.to(accelerator.device).train()
        opt_d = torch.optim.Adam(discriminator.parameters(), discriminator_learning_rate, betas)
        rates.append(scheduled(opt_d, schedule, steps))
        state["discriminator"] = discriminator
        state["discriminator_optimizer"] = opt_d
        state["discriminator_schedule"] = rates[1]
        opponent = Opponent(discriminator, opt_d, adversarial, real_weight, accelerator)

    step = Step(
        supernet,
        source,
        terms,
        opponent,
        adversarial,
        optimizer,
        rates,
        average,
        accelerator,
        clip,
        rule,
        random_subnets,
        fixed,
        steps,
    )
    fit(
        step,
        state,
        steps=steps,
        seed=seed,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        log=log,
        log_every=log_every,
        title="distill",
        main_process=accelerator.is_main_process,
    )
    trained: nn.Module = average.module
    return trained.eval()
