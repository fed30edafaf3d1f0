"""Distilling a supernet from recorded pairs: every subnet learns to answer as the teacher did."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.batch import rows
from gancompress.distill.objective import (
    DISCRIMINATOR_TERMS,
    Seen,
    TermWeight,
    check_terms,
    term_losses,
    weights_at,
)
from gancompress.distill.opponent import Opponent, Shown, joined
from gancompress.distill.sampling import SubnetRule, subnets_of_step
from gancompress.distill.source import Source
from gancompress.elastic import Subnet, Supernet
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import fit
from gancompress.training.losses import AdversarialLoss
from gancompress.training.optimise import (
    Schedule,
    average_gradients,
    descend,
    follow_buffers,
    moving_average,
    scheduled,
)


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

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        weights = weights_at(terms, step, source.progress(step, steps))
        subnets = [fixed] if fixed else subnets_of_step(supernet.space, rule, random_subnets, rng)
        batch, target = source.pairs_of(step)
        conditions = source.conditions(batch)

        # Every subnet answers the same inputs.
        with accelerator.autocast():
            outputs = [supernet(**batch, subnet=subnet) for subnet in subnets]

        # Real images stand against what the subnets make of fresh inputs, a share each.
        fresh: list[Shown] = []
        if opponent is not None and source.real is not None:
            inputs = source.fresh_of(step)
            shares = [rows(inputs, slice(i, None, len(subnets))) for i in range(len(subnets))]
            with accelerator.autocast(), torch.set_grad_enabled("adversarial_real" in weights):
                fresh = [
                    Shown(supernet(**share, subnet=subnet), source.conditions(share))
                    for share, subnet in zip(shares, subnets, strict=True)
                ]

        # Update the discriminator on a share of each subnet's images.
        losses: dict[str, Tensor] = {}
        teacher_maps: list[Tensor] = []
        if opponent is not None:
            mine = [slice(i, None, len(subnets)) for i in range(len(subnets))]
            student = [
                Shown(output[part], rows(conditions, part))
                for output, part in zip(outputs, mine, strict=True)
            ]
            real = Shown(*source.real_of(step)) if fresh else None
            losses = opponent.learn(
                Shown(target, conditions), joined(student), real, joined(fresh) if fresh else None
            )
            with torch.no_grad(), accelerator.autocast():
                teacher_maps = opponent.look(Shown(target, conditions))[1]

        # Update the student: one step along the sum of what every subnet is short of.
        for index, (subnet, output) in enumerate(zip(subnets, outputs, strict=True)):
            with accelerator.autocast():
                seen = Seen(output, target)
                if opponent is not None:
                    logits, maps = opponent.look(Shown(output, conditions))
                    seen = replace(
                        seen, logits=logits, features=maps, teacher_features=teacher_maps
                    )
                if "adversarial_real" in weights:
                    assert opponent is not None
                    seen = replace(seen, fresh_logits=opponent.look(fresh[index])[0])
                found = term_losses(weights, seen, adversarial)
                total = torch.stack([weights[name] * loss for name, loss in found.items()]).sum()
            accelerator.backward(total / len(subnets))
            kind = _kind(subnet, supernet)
            losses |= {f"{name}.{kind}": loss.detach() for name, loss in found.items()}
        average_gradients(supernet.module.parameters())
        losses["gradient"] = descend(optimizer, clip=clip)
        if opponent is not None:
            opponent.optimizer.zero_grad(set_to_none=True)
        for rate in rates:
            rate.step()
        average.update_parameters(supernet.module)
        follow_buffers(average, supernet.module)
        return losses

    fit(
        update,
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


def _kind(subnet: Subnet, supernet: Supernet) -> str:
    """Whose loss it is, so that the log shows whether small subnets starve."""
    if subnet == supernet.space.largest:
        return "largest"
    return "smallest" if subnet == supernet.space.smallest else "other"
