"""One step of a distillation: every subnet of the step learns, and the discriminator does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from gancompress.batch import rows
from gancompress.distillation.answering import Answering
from gancompress.distillation.discriminator import Opponent, Shown, joined
from gancompress.distillation.features import Features
from gancompress.distillation.front import Front
from gancompress.distillation.objective import (
    Seen,
    TermWeight,
    own_loss,
    term_losses,
    weights_at,
)
from gancompress.distillation.options import Options
from gancompress.distillation.parts import Answer, Drawn, Part, TeacherMaps, parts_of
from gancompress.distillation.sampling import subnets_of_step
from gancompress.distillation.source import Source
from gancompress.distillation.warnings import pulls, spread
from gancompress.supernet import Subnet, Supernet
from gancompress.training.optimise import (
    average_buffers,
    average_gradients,
    descend,
    everywhere,
    follow,
    judging,
)

# Steps between two looks at how strongly each term pulls at the output.
PULL_EVERY = 100


@dataclass(frozen=True)
class Step:
    """What a step works with; ``step(number, rng)`` does one and returns its losses by name.

    Attributes:
        supernet: what is trained, by ``optimizer``; ``average`` follows it.
        source: says which of the inputs are conditions, and how far the training is.
        drawn: gives the data of a step by its number.
        terms: what the student is asked for.
        features: where its feature terms take their maps from.
        answering: runs the subnets.
        opponent: the discriminator, where a term needs one.
        front: learns which subnets promise most, where the recipe wants those.
        rates: the learning-rate schedules of both optimisers.
        options: what the recipe chooses besides.
        tell: takes a step and a line of plain language.
    """

    supernet: Supernet
    source: Source
    drawn: Callable[[int], Drawn]
    terms: Mapping[str, TermWeight]
    features: Features
    answering: Answering
    opponent: Opponent | None
    front: Front | None
    optimizer: torch.optim.Optimizer
    rates: Sequence[LRScheduler]
    average: AveragedModel
    accelerator: Accelerator
    options: Options
    tell: Callable[[int, str], None]

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        weights = weights_at(self.terms, step, self.source.progress(step, self.options.steps))
        subnets = self._subnets(step, rng)
        moved = "latent_directions" in weights
        drawn = self.drawn(step)
        parts = parts_of(self.source, drawn, self.options.accumulate, moved=moved)
        values: dict[str, list[Tensor]] = {}
        if not everywhere(drawn.finite, self.accelerator.device):
            # One such batch would stay in running statistics for ever.
            self.tell(step, f"the batch of step {step} holds values that are not finite; left out")
        else:
            told = [self.answering.judged_beside(part, subnets) for part in parts]
            self._learn(step, weights, subnets, told, values)
        for rate in self.rates:
            rate.step()
        return {name: torch.stack(found).mean() for name, found in values.items()}

    def _learn(
        self,
        step: int,
        weights: Mapping[str, float],
        subnets: Sequence[Subnet],
        parts: Sequence[Part],
        values: dict[str, list[Tensor]],
    ) -> None:
        # Both sides learn from the discriminator as it is, so that its pass over the teacher's
        # images serves the student, too, and every part is answered once.
        for part in parts:
            answers = self.answering(part, weights, subnets)
            maps: list[Tensor] = []
            if self.opponent is not None:
                if len(answers) == 1:
                    # Seen whole by both sides. Of several subnets the discriminator sees shares.
                    with self.accelerator.autocast():
                        look = self.opponent.look(answers[0].shown)
                    answers = [replace(answers[0], look=look)]
                losses, maps = self._study(step, part, answers, 1 / len(parts))
                _add(values, losses)
            self._descend_from(step, weights, subnets, part, answers, maps, len(parts), values)

        # Update the student: one step along the sum of what every subnet is short of.
        average_gradients(self._learning)
        average_buffers(self.supernet.module)
        scaler = self.accelerator.scaler
        values["gradient"] = [descend(self.optimizer, clip=self.options.clip, scaler=scaler)]
        follow(self.average, self.supernet.module)

        # Update the discriminator.
        if self.opponent is not None:
            self.opponent.learn()
        if scaler is not None:
            scaler.update()

    def _subnets(self, step: int, rng: np.random.Generator) -> list[Subnet]:
        how, space = self.options, self.supernet.space
        if how.fixed:
            return [how.fixed]
        progress = step / how.steps
        return subnets_of_step(space, how.rule, how.random_subnets, rng, progress, self.front)

    @property
    def _learning(self) -> list[nn.Parameter]:
        """The student's parameters, and those of its adapters."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _study(
        self, step: int, part: Part, answers: Sequence[Answer], share: float
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """The discriminator sees a share of each subnet's images, as many as a batch."""
        assert self.opponent is not None
        cuts = self.answering.cuts(len(answers))
        student = [
            Shown(answer.shown.images[cut], rows(answer.shown.conditions, cut))
            for answer, cut in zip(answers, cuts, strict=True)
        ]
        fresh = [answer.fresh for answer in answers if answer.fresh is not None]
        return self.opponent.study(
            step,
            part.teacher,
            joined(student),
            part.real,
            joined(fresh) if fresh else None,
            share,
            answers[0].look,
        )

    def _descend_from(
        self,
        step: int,
        weights: Mapping[str, float],
        subnets: Sequence[Subnet],
        part: Part,
        answers: Sequence[Answer],
        maps: list[Tensor],
        parts: int,
        values: dict[str, list[Tensor]],
    ) -> None:
        """Add what every subnet is short of in one part to the gradients."""
        taught, inside = self._teacher_seen(part, weights, maps)
        largest = answers[0].shown.images.detach()
        of_largest = torch.zeros(())
        for index, (subnet, answer) in enumerate(zip(subnets, answers, strict=True)):
            kind = self._kind(subnet)
            seen = replace(taught, student=answer.shown.images)
            if index and subnets[0] == self.supernet.space.largest:
                seen = replace(seen, largest=largest)
            with self.accelerator.autocast():
                seen = self._looked_at(seen, weights, answer, inside)
                named = self.opponent.loss if self.opponent else ""
                temperature = self.terms["kl"].temperature if "kl" in weights else 1.0
                found = term_losses(weights, seen, named, self.options.in_place, temperature)
                weighted = {name: weights[name] * loss for name, loss in found.items()}
                total = torch.stack(list(weighted.values())).sum()
            if index == 0 and step % PULL_EVERY == 0:
                _add(values, pulls(weighted, answer.shown.images))
            if self.front is not None:
                short = own_loss(weighted)
                if index:
                    self.front.observe(subnet, short - of_largest)
                else:
                    of_largest = short
            # A graph that the discriminator learned by leads to its parameters as well.
            self.accelerator.backward(total / (len(subnets) * parts), inputs=self._learning)
            _add(values, {f"{name}.{kind}": loss.detach() for name, loss in found.items()})
            if kind != "other":
                values.setdefault(f"spread.{kind}", []).append(spread(seen.student, seen.teacher))

    def _teacher_seen(
        self, part: Part, weights: Mapping[str, float], maps: list[Tensor]
    ) -> tuple[Seen, TeacherMaps]:
        """What there is to see of the teacher, the same for all subnets."""
        target = part.teacher.images
        seen = Seen(student=target, teacher=target, teacher_features=maps)
        with torch.no_grad(), self.accelerator.autocast():
            if self.opponent is not None and self.opponent.relativistic:
                seen = replace(seen, teacher_logits=self.opponent.look(part.teacher)[0])
                if part.real is not None and "adversarial_real" in weights:
                    seen = replace(seen, real_logits=self.opponent.look(part.real)[0])
            inside = self.features.of_teacher(weights, part.batch, target, part.moved, part.numbers)
        return seen, inside

    def _looked_at(
        self, seen: Seen, weights: Mapping[str, float], answer: Answer, inside: TeacherMaps
    ) -> Seen:
        """``seen`` with what discriminator and feature terms see of one subnet."""
        if self.opponent is not None:
            with judging(self.opponent.network):
                logits, maps = answer.look or self.opponent.look(answer.shown)
                seen = replace(seen, logits=logits, features=maps)
                if "adversarial_real" in weights:
                    fresh = self.opponent.look(answer.fresh)[0] if answer.fresh else logits
                    seen = replace(seen, fresh_logits=fresh)
        compared = self.features.compared(
            weights, answer.maps, answer.moved_maps, answer.shown.images, inside
        )
        return replace(seen, compared=compared)

    def _kind(self, subnet: Subnet) -> str:
        """Whose loss it is, so that the log shows whether small subnets starve."""
        if subnet == self.supernet.space.largest:
            return "largest"
        return "smallest" if subnet == self.supernet.space.smallest else "other"


def _add(values: dict[str, list[Tensor]], found: Mapping[str, Tensor]) -> None:
    for name, value in found.items():
        values.setdefault(name, []).append(value)
