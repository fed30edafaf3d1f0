"""One step of a distillation: the discriminator learns, then every subnet of the step does."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from gancompress.batch import rows
from gancompress.distill.features import Features
from gancompress.distill.front import Front
from gancompress.distill.objective import (
    Seen,
    TermWeight,
    own_loss,
    term_losses,
    weights_at,
)
from gancompress.distill.opponent import Opponent, Shown, joined
from gancompress.distill.options import Options
from gancompress.distill.parts import (
    Answer,
    Drawn,
    Part,
    TeacherMaps,
    parts_of,
    shares,
    with_widths,
)
from gancompress.distill.sampling import subnets_of_step
from gancompress.distill.source import Source
from gancompress.distill.taps import tapped
from gancompress.distill.watch import pulls, spread
from gancompress.elastic import Subnet, Supernet
from gancompress.training.optimise import (
    average_buffers,
    average_gradients,
    descend,
    everywhere,
    follow_buffers,
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
            told = [self._with_widths(part, subnets) for part in parts]
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
        # Update the discriminator. A batch that is run in one part is answered once for both.
        once = len(parts) == 1
        answers: list[Answer] = []
        if once or self.opponent is not None:
            for part in parts:
                with nullcontext() if once else torch.no_grad():
                    answers = self._answers(part, weights, subnets)
                if self.opponent is not None:
                    _add(values, self._study(step, part, answers, 1 / len(parts)))
        if self.opponent is not None:
            self.opponent.learn()

        # Update the student: one step along the sum of what every subnet is short of.
        with judging(self.opponent.network) if self.opponent else nullcontext():
            for part in parts:
                if not once:
                    answers = self._answers(part, weights, subnets)
                self._descend_from(step, weights, subnets, part, answers, len(parts), values)
        average_gradients(p for group in self.optimizer.param_groups for p in group["params"])
        average_buffers(self.supernet.module)
        scaler = self.accelerator.scaler
        values["gradient"] = [descend(self.optimizer, clip=self.options.clip, scaler=scaler)]
        if scaler is not None:
            scaler.update()
        self.average.update_parameters(self.supernet.module)
        follow_buffers(self.average, self.supernet.module)

    def _subnets(self, step: int, rng: np.random.Generator) -> list[Subnet]:
        how, space = self.options, self.supernet.space
        if how.fixed:
            return [how.fixed]
        progress = step / how.steps
        return subnets_of_step(space, how.rule, how.random_subnets, rng, progress, self.front)

    def _with_widths(self, part: Part, subnets: Sequence[Subnet]) -> Part:
        """What a subnet's images are judged against, with the widths that they are judged with."""
        cuts = self._cuts(len(subnets))
        real = self._told(part.real, subnets, cuts) if part.real else None
        return replace(part, teacher=self._told(part.teacher, subnets, cuts), real=real)

    def _cuts(self, subnets: int) -> list[slice]:
        # Processes have every so-manieth of the pairs.
        return shares(subnets, offset=self.source.rank, stride=self.source.ranks)

    def _told(self, shown: Shown, subnets: Sequence[Subnet], cuts: Sequence[slice]) -> Shown:
        """``shown`` with the widths of each sample's subnet, for a discriminator that sees them."""
        if self.opponent is None or not self.opponent.sees_widths:
            return shown
        return with_widths(shown, self.supernet.space, subnets, cuts)

    def _answers(
        self, part: Part, weights: Mapping[str, float], subnets: Sequence[Subnet]
    ) -> list[Answer]:
        """Every subnet answers the same inputs, and a share each of those without a teacher."""
        names = self.features.in_student(weights)
        judged: list[tuple[Shown, Mapping[str, Tensor]]] = []
        with self.accelerator.autocast():
            for subnet in subnets:
                with tapped(self.supernet.module, names) as maps:
                    output = self.supernet(**part.batch, subnet=subnet)
                shown = Shown(output, part.conditions)
                judged.append((self._told(shown, [subnet], [slice(None)]), maps))
        fresh = self._fresh(part, subnets, learn="adversarial_real" in weights)
        moved = [self._moved(part, subnet) for subnet in subnets]
        return [
            Answer(shown, maps, moved[i], fresh[i] if fresh else None)
            for i, (shown, maps) in enumerate(judged)
        ]

    def _moved(self, part: Part, subnet: Subnet) -> Mapping[str, Tensor]:
        if part.moved is None:
            return {}
        names = self.features.in_student(["latent_directions"])
        with self.accelerator.autocast(), tapped(self.supernet.module, names) as maps:
            self.supernet(**part.moved, subnet=subnet)
        return maps

    def _fresh(self, part: Part, subnets: Sequence[Subnet], learn: bool) -> list[Shown]:
        """Images of inputs the teacher never answered, to set against real ones: a share each."""
        if part.fresh is None:
            return []
        # Processes have following stretches of the fresh inputs.
        offset = self.source.rank * self.source.batch_size
        cuts = shares(len(subnets), offset=offset)
        given = [rows(part.fresh, cut) for cut in cuts]
        grad = learn and torch.is_grad_enabled()
        with self.accelerator.autocast(), torch.set_grad_enabled(grad):
            shown = [
                Shown(self.supernet(**share, subnet=subnet), self.source.conditions(share))
                for share, subnet in zip(given, subnets, strict=True)
            ]
        return [
            self._told(one, [subnet], [slice(None)])
            for one, subnet in zip(shown, subnets, strict=True)
        ]

    def _study(
        self, step: int, part: Part, answers: Sequence[Answer], share: float
    ) -> dict[str, Tensor]:
        """The discriminator sees a share of each subnet's images, as many as a batch."""
        assert self.opponent is not None
        cuts = self._cuts(len(answers))
        student = [
            Shown(answer.shown.images[cut], rows(answer.shown.conditions, cut))
            for answer, cut in zip(answers, cuts, strict=True)
        ]
        fresh = [answer.fresh for answer in answers if answer.fresh is not None]
        return self.opponent.study(
            step, part.teacher, joined(student), part.real, joined(fresh) if fresh else None, share
        )

    def _descend_from(
        self,
        step: int,
        weights: Mapping[str, float],
        subnets: Sequence[Subnet],
        part: Part,
        answers: Sequence[Answer],
        parts: int,
        values: dict[str, list[Tensor]],
    ) -> None:
        """Add what every subnet is short of in one part to the gradients."""
        taught, inside = self._teacher_seen(part, weights)
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
            self.accelerator.backward(total / (len(subnets) * parts))
            _add(values, {f"{name}.{kind}": loss.detach() for name, loss in found.items()})
            if kind != "other":
                values.setdefault(f"spread.{kind}", []).append(spread(seen.student, seen.teacher))

    def _teacher_seen(self, part: Part, weights: Mapping[str, float]) -> tuple[Seen, TeacherMaps]:
        """What there is to see of the teacher, the same for all subnets."""
        target = part.teacher.images
        seen = Seen(student=target, teacher=target)
        with torch.no_grad(), self.accelerator.autocast():
            if self.opponent is not None:
                logits, maps = self.opponent.look(part.teacher)
                seen = replace(seen, teacher_features=maps)
                if self.opponent.relativistic:
                    seen = replace(seen, teacher_logits=logits)
                    if part.real is not None and "adversarial_real" in weights:
                        seen = replace(seen, real_logits=self.opponent.look(part.real)[0])
            inside = self.features.of_teacher(weights, part.batch, target, part.moved)
        return seen, inside

    def _looked_at(
        self, seen: Seen, weights: Mapping[str, float], answer: Answer, inside: TeacherMaps
    ) -> Seen:
        """``seen`` with what discriminator and feature terms see of one subnet."""
        if self.opponent is not None:
            logits, maps = self.opponent.look(answer.shown)
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
