"""What every subnet of a step answers, and what it is judged beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from accelerate import Accelerator
from torch import Tensor

from gancompress.batch import rows
from gancompress.distillation.discriminator import Shown
from gancompress.distillation.features import Features
from gancompress.distillation.parts import Answer, Part, shares, with_widths
from gancompress.distillation.source import Source
from gancompress.distillation.taps import tapped
from gancompress.supernet import Subnet, Supernet


@dataclass(frozen=True)
class Answering:
    """Runs subnets on the data of a step.

    Attributes:
        supernet: whose subnets answer.
        source: says which of the inputs are conditions, and whose share of a batch this is.
        features: where feature terms look.
        widths: the discriminator is told how wide a subnet is.
        accelerator: for mixed precision.
    """

    supernet: Supernet
    source: Source
    features: Features
    widths: bool
    accelerator: Accelerator

    def __call__(
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

    def judged_beside(self, part: Part, subnets: Sequence[Subnet]) -> Part:
        """What a subnet's images are judged against, with the widths that they are judged with."""
        cuts = self.cuts(len(subnets))
        real = self._told(part.real, subnets, cuts) if part.real else None
        return replace(part, teacher=self._told(part.teacher, subnets, cuts), real=real)

    def cuts(self, subnets: int) -> list[slice]:
        """The share of a batch that each subnet has where they share one."""
        # Processes have every so-manieth of the pairs.
        return shares(subnets, offset=self.source.rank, stride=self.source.ranks)

    def _told(self, shown: Shown, subnets: Sequence[Subnet], cuts: Sequence[slice]) -> Shown:
        """``shown`` with the widths of each sample's subnet, for a discriminator that sees them."""
        if not self.widths:
            return shown
        return with_widths(shown, self.supernet.space, subnets, cuts)

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
        with self.accelerator.autocast(), torch.set_grad_enabled(learn):
            shown = [
                Shown(self.supernet(**share, subnet=subnet), self.source.conditions(share))
                for share, subnet in zip(given, subnets, strict=True)
            ]
        return [
            self._told(one, [subnet], [slice(None)])
            for one, subnet in zip(shown, subnets, strict=True)
        ]
