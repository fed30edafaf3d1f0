"""The training of a teacher that a recipe asks for, ready to begin."""

from collections.abc import Iterator
from contextlib import contextmanager

from gancompress.assemble.logs import training_logger
from gancompress.assemble.samples import Samples
from gancompress.assemble.teach_adversarial import adversarial_setup
from gancompress.assemble.teach_cycle import cycle_setup
from gancompress.assemble.teach_paired import paired_setup
from gancompress.assemble.teach_semantic import semantic_setup
from gancompress.assemble.training import prepare
from gancompress.assemble.training_setup import Prepare, TrainingSetup
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.training.engine import TrainingLogger

SETUPS: dict[str, Prepare] = {
    "adversarial": adversarial_setup,
    "paired": paired_setup,
    "semantic": semantic_setup,
    "cycle": cycle_setup,
}


@contextmanager
def training_setup(recipe: Recipe, run: RunDir) -> Iterator[tuple[TrainingSetup, TrainingLogger]]:
    """The training of the recipe's teacher, ready to begin, and the logger of its evaluations."""
    accelerator = prepare(recipe)
    samples = Samples(run.path / "samples", "teach", accelerator.is_main_process)
    with training_logger(recipe, run, "teach", accelerator) as logger:
        yield SETUPS[recipe.teach.objective](recipe, run, accelerator, logger, samples), logger
    samples.film()
