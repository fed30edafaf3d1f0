"""One step of a distillation: the discriminator learns, then every subnet of the step does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from gancompress.batch import rows
from gancompress.distill.objective import Seen, TermWeight, term_losses, weights_at
from gancompress.distill.opponent import Opponent, Shown, joined
from gancompress.distill.sampling import SubnetRule, subnets_of_step
from gancompress.distill.source import Source
from gancompress.elastic import Subnet, Supernet
from gancompress.training.losses import AdversarialLoss
from gancompress.training.optimise import average_gradients, descend, follow_buffers


@dataclass(frozen=True)
class Step:
    """What a step works with; ``step(number, rng)`` does one and returns its losses by name.

    Attributes:
        supernet: what is trained, by ``optimizer``; ``average`` follows it.
        source: pairs, real images and fresh inputs by step number.
        terms: what the student is asked for.
        opponent: the discriminator, where a term needs one.
        adversarial: loss behind the adversarial terms.
        rates: the learning-rate schedules of both optimisers.
        clip: largest gradient norm of the student; 0 for no clipping.
        rule, random_subnets: which subnets learn, see :mod:`gancompress.distill.sampling`.
        fixed: only this subnet learns.
        steps: length of the training.
    """

    supernet: Supernet
    source: Source
    terms: Mapping[str, TermWeight]
    opponent: Opponent | None
    adversarial: AdversarialLoss
    optimizer: torch.optim.Optimizer
    rates: Sequence[LRScheduler]
    average: AveragedModel
    accelerator: Accelerator
    clip: float
    rule: SubnetRule
    random_subnets: int
    fixed: Subnet | None
    steps: int

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        weights = weights_at(self.terms, step, self.source.progress(step, self.steps))
        subnets = [self.fixed] if self.fixed else self._subnets(rng)
        batch, target = self.source.pairs_of(step)
        conditions = self.source.conditions(batch)
        teacher = Shown(target, conditions)

        # Every subnet answers the same inputs.
        with self.accelerator.autocast():
            outputs = [self.supernet(**batch, subnet=subnet) for subnet in subnets]
        answers = [Shown(output, conditions) for output in outputs]

        # Update the discriminator.
        losses: dict[str, Tensor] = {}
        fresh: list[Shown] = []
        if self.opponent is not None:
            fresh = self._fresh(step, subnets, learn="adversarial_real" in weights)
            losses = self._update_opponent(step, teacher, answers, fresh)

        # Update the student: one step along the sum of what every subnet is short of.
        teacher_maps = self._maps(teacher)
        for index, subnet in enumerate(subnets):
            seen = Seen(outputs[index], target, teacher_features=teacher_maps)
            judged = fresh[index] if "adversarial_real" in weights else None
            found = self._descend_from(weights, seen, answers[index], judged, len(subnets))
            losses |= {f"{name}.{self._kind(subnet)}": loss for name, loss in found.items()}
        average_gradients(self.supernet.module.parameters())
        losses["gradient"] = descend(self.optimizer, clip=self.clip)
        if self.opponent is not None:
            # The student's losses went through it.
            self.opponent.optimizer.zero_grad(set_to_none=True)
        for rate in self.rates:
            rate.step()
        self.average.update_parameters(self.supernet.module)
        follow_buffers(self.average, self.supernet.module)
        return losses

    def _subnets(self, rng: np.random.Generator) -> list[Subnet]:
        return subnets_of_step(self.supernet.space, self.rule, self.random_subnets, rng)

    def _fresh(self, step: int, subnets: Sequence[Subnet], learn: bool) -> list[Shown]:
        """Images of inputs the teacher never answered, to set against real ones: a share each."""
        if self.source.real is None:
            return []
        inputs = self.source.fresh_of(step)
        shares = [rows(inputs, part) for part in _shares(len(subnets))]
        with self.accelerator.autocast(), torch.set_grad_enabled(learn):
            return [
                Shown(self.supernet(**share, subnet=subnet), self.source.conditions(share))
                for share, subnet in zip(shares, subnets, strict=True)
            ]

    def _update_opponent(
        self, step: int, teacher: Shown, answers: Sequence[Shown], fresh: Sequence[Shown]
    ) -> dict[str, Tensor]:
        """The discriminator learns from a share of each subnet's images, as many as a batch."""
        assert self.opponent is not None
        student = [
            Shown(answer.images[part], rows(answer.conditions, part))
            for answer, part in zip(answers, _shares(len(answers)), strict=True)
        ]
        real = Shown(*self.source.real_of(step)) if fresh else None
        return self.opponent.learn(teacher, joined(student), real, joined(fresh) if fresh else None)

    def _maps(self, teacher: Shown) -> list[Tensor]:
        if self.opponent is None:
            return []
        with torch.no_grad(), self.accelerator.autocast():
            return self.opponent.look(teacher)[1]

    def _descend_from(
        self,
        weights: Mapping[str, float],
        seen: Seen,
        answer: Shown,
        fresh: Shown | None,
        subnets: int,
    ) -> dict[str, Tensor]:
        """Add one subnet's share to the gradients; returns the value of each term."""
        with self.accelerator.autocast():
            if self.opponent is not None:
                logits, maps = self.opponent.look(answer)
                seen = replace(seen, logits=logits, features=maps)
                if fresh is not None:
                    seen = replace(seen, fresh_logits=self.opponent.look(fresh)[0])
            found = term_losses(weights, seen, self.adversarial)
            total = torch.stack([weights[name] * loss for name, loss in found.items()]).sum()
        self.accelerator.backward(total / subnets)
        return {name: loss.detach() for name, loss in found.items()}

    def _kind(self, subnet: Subnet) -> str:
        """Whose loss it is, so that the log shows whether small subnets starve."""
        if subnet == self.supernet.space.largest:
            return "largest"
        return "smallest" if subnet == self.supernet.space.smallest else "other"


def _shares(count: int) -> list[slice]:
    """Every ``count``-th sample of a batch, ``count`` times."""
    return [slice(start, None, count) for start in range(count)]
