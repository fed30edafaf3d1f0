"""Training the chosen subnet alone, after the search."""

from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from gancompress.api.distill import DistillSettings, distill
from gancompress.api.scoring import (
    SearchSettings,
    calibration_batches,
    paired_distance,
    unseen_pairs,
)
from gancompress.data.live import Pairs
from gancompress.distillation.options import DistillOptions
from gancompress.supernet import Subnet, Supernet
from gancompress.supernet.calibrate import calibrated


@dataclass(frozen=True)
class Finetuned:
    """A subnet that was trained alone.

    Attributes:
        module: a plain module in evaluation mode, with batch-norm statistics of its own.
        inherited: with the supernet's weights, its distance to the teacher on held-out pairs that
            no search has scored on.
        finetuned: with its own, likewise.
    """

    module: nn.Module
    inherited: float
    finetuned: float


def finetune(
    supernet: Supernet,
    subnet: Subnet,
    pairs: Pairs,
    options: DistillOptions,
    *,
    folder: str | Path | None = None,
    settings: DistillSettings | None = None,
    scoring: SearchSettings | None = None,
) -> Finetuned:
    """Train ``subnet`` alone, from the weights that it shares with the others.

    Args:
        supernet: trained by :func:`distill`; ends as it was.
        subnet: of its space.
        pairs: of :func:`collect`.
        options: of the training, its steps and loss terms too.
        folder: keeps checkpoints, so that the same call goes on where it was stopped; None forgets
            them. Another subnet needs another ``settings.title`` in the same folder.
        settings: see :class:`gancompress.DistillSettings`.
        scoring: as of the search, for the statistics of batch norms and for the distance.
    """
    how = scoring or SearchSettings()
    batches = how.calibration or calibration_batches(pairs, how.options, how.batch_size)
    distance = paired_distance(pairs, unseen_pairs(how.options, pairs), how.terms)
    inherited = distance(calibrated(supernet, subnet, batches))
    before = {name: value.clone() for name, value in supernet.module.state_dict().items()}
    alone = replace(options, fixed=subnet.text)
    distill(
        supernet, pairs, alone.terms, steps=alone.steps, folder=folder, options=alone,
        settings=settings,
    )  # fmt: skip
    module = calibrated(supernet, subnet, batches)
    supernet.module.load_state_dict(before)
    return Finetuned(module, inherited, distance(module))
