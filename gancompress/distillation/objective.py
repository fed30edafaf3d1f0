"""What a student is trained for: loss terms, each with a weight that may go down over time."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gancompress.distillation.options import TermOptions
from gancompress.distillation.schedules import share_left
from gancompress.distillation.terms import find_term
from gancompress.distillation.terms.output import l1
from gancompress.distillation.terms.term import FeatureMaps, LossInputs, LossTerm, Need
from gancompress.errors import RecipeError


@dataclass(frozen=True)
class WeightedTerm:
    """A loss term and its options."""

    term: LossTerm
    options: TermOptions


@dataclass(frozen=True)
class Objective:
    """The loss terms of a training by name."""

    terms: Mapping[str, WeightedTerm]

    def weights_at(self, step: int, progress: float) -> dict[str, float]:
        """The terms in use at ``step`` and their weights; ``progress``: share of training done."""
        weights = {}
        for name, one in self.terms.items():
            options = one.options
            if step % options.every == 0:
                left = share_left(options.decay, progress, until=options.until, final=options.final)
                if options.weight * left > 0:
                    weights[name] = options.weight * left
        return weights

    def needing(self, need: Need, names: Iterable[str] | None = None) -> list[str]:
        """Those of the terms (or of ``names``) that need something."""
        names = self.terms if names is None else names
        return [name for name in names if need in self.terms[name].term.needs]

    def without(self, need: Need) -> "Objective":
        """The terms that can do without something."""
        left = set(self.terms) - set(self.needing(need))
        return Objective({name: one for name, one in self.terms.items() if name in left})

    @property
    def distance(self) -> Callable[[Tensor, Tensor], Tensor]:
        """By which held-out outputs are compared with the teacher's."""
        own = (one.term.distance for one in self.terms.values())
        return next((distance for distance in own if distance is not None), l1)

    def losses(
        self, names: Iterable[str], inputs: LossInputs, maps: Mapping[str, FeatureMaps]
    ) -> dict[str, Tensor]:
        """The value of each term, not weighted.

        Args:
            names: the terms in use.
            inputs: of all of them.
            maps: of those that compare feature maps, by term.
        """
        found = {}
        for name in names:
            one = self.terms[name]
            found[name] = one.term(replace(inputs, options=one.options, maps=maps.get(name)))
        return found

    def own_loss(self, weighted: Mapping[str, Tensor]) -> Tensor:
        """The sum without adversarial terms, whose value depends on a changing discriminator."""
        own = [loss for name, loss in weighted.items() if not self.terms[name].term.adversarial]
        return torch.stack(own).sum().detach() if own else torch.zeros(())


def objective_of(
    terms: Mapping[str | Callable[..., Any], TermOptions],
    *,
    discriminator: bool,
    real_images: bool,
) -> Objective:
    """The terms that a recipe or a library user names.

    Args:
        terms: as :func:`gancompress.distillation.terms.find_term` takes them.
        discriminator: whether there is one.
        real_images: whether there are any; the terms that need them are left out otherwise.

    Raises:
        RecipeError: a name is no term or occurs twice, or a term needs a discriminator.
    """
    if not terms:
        raise RecipeError("distill.terms: empty; name at least one, for instance l1")
    found: dict[str, WeightedTerm] = {}
    for named, options in terms.items():
        term = find_term(named)
        if term.name in found or "." in term.name:
            problem = "two terms of this name" if term.name in found else "no dots in a name"
            raise RecipeError(f"distill.terms: {term.name}: {problem}; give it another name")
        found[term.name] = WeightedTerm(term, options)
    objective = Objective(found)
    if not real_images:
        objective = objective.without("real_images")
    if not objective.terms:
        raise RecipeError("distill.terms: all of them need real images; give data.source")
    needing = objective.needing("discriminator")
    if needing and not discriminator:
        raise RecipeError(
            f"distill.terms: {', '.join(needing)}: need distill.discriminator, which has no factory"
        )
    return objective
