"""How a distillation goes on, apart from what is compared and what with."""

from dataclasses import dataclass

from gancompress.distillation.sampling import SubnetRule
from gancompress.supernet import Subnet
from gancompress.training.optimise import Schedule


@dataclass(frozen=True)
class Options:
    """What a recipe chooses once for the whole training.

    Attributes:
        steps: updates.
        seed: of everything that is drawn.
        learning_rate, betas, schedule: of Adam; the schedule is the discriminator's as well.
        ema: decay of the student's moving average.
        clip: largest gradient norm of the student; 0 for no clipping.
        accumulate: in how many parts a batch is run, to save memory.
        rule, random_subnets: which subnets learn, see :mod:`gancompress.distillation.sampling`.
        fixed: only this subnet learns, ``rule`` is not asked.
        in_place: share of output and score terms that smaller subnets take towards the largest one,
            in place of the teacher.
        fresh: real images are set against images of inputs that the teacher never answered; else
            against those of the pairs, which saves their passes.
    """

    steps: int
    seed: int
    learning_rate: float
    betas: tuple[float, float]
    schedule: Schedule
    ema: float
    clip: float
    accumulate: int
    rule: SubnetRule
    random_subnets: int
    fixed: Subnet | None
    in_place: float
    fresh: bool
