"""Everything about a recipe that can be known before a run folder exists."""

from dataclasses import dataclass
from pathlib import Path

from gancompress.architecture_search.budget import budget_of
from gancompress.assemble.check.data import Look, check_inputs, look_at_real
from gancompress.assemble.check.findings import Findings
from gancompress.assemble.check.judges import check_evaluators, check_extractor
from gancompress.assemble.check.network import Network
from gancompress.assemble.check.objective import check_discriminator, check_taps, check_terms
from gancompress.assemble.check.place import check_disk, check_machine, pair_bytes
from gancompress.assemble.check.student import check_budget, look_at_student, look_at_supernet
from gancompress.assemble.check.teacher import Known, check_teaching, look_at_teacher
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.supernet import Supernet

# Checkpoints of a training hold the weights, their average and two moments; the last one is kept
# beside the one that is being written.
CHECKPOINT_COPIES = 2 * 4 + 4

# Stages that need no student.
BEFORE_STUDENT = ("teach", "collect")


@dataclass(frozen=True)
class Checked:
    """What a check saw.

    Attributes:
        findings: mistakes and remarks.
        real: the real images.
        teacher: what is known of it.
        student: the network at full width.
        supernet: the same made elastic.
        disk: bytes that pairs and checkpoints will take.
    """

    findings: Findings
    real: Look | None = None
    teacher: Known | None = None
    student: Network | None = None
    supernet: Supernet | None = None
    disk: int = 0


def check(recipe: Recipe, folder: Path, last: str) -> Checked:
    """Look at everything that the stages up to ``last`` will need; nothing is written.

    Args:
        recipe: as it was read.
        folder: where the run will be.
        last: stage after which nothing is wanted, e.g. ``teach`` or ``report``.
    """
    found = Findings()
    run = RunDir(folder)
    check_machine(recipe, found)
    wanted = last not in BEFORE_STUDENT or not recipe.teacher.given
    real = look_at_real(recipe, found) if wanted else None
    teacher = look_at_teacher(recipe, run, found)
    check_teaching(recipe, teacher, real, found)
    if (last != "teach" or recipe.taught_on_inputs) and not recipe.teacher.pairs:
        check_inputs(recipe, teacher.inputs if teacher else None, found)
    student = supernet = None
    if last not in BEFORE_STUDENT:
        student = look_at_student(recipe, teacher, found)
        supernet = _look_at_training(recipe, teacher, student, real, found)
        check_extractor(recipe, real, found)
        check_evaluators(recipe, teacher, found)
    disk = 0
    if teacher is not None:
        disk = _disk(recipe, teacher, supernet)
        check_disk(recipe, disk, folder, found)
    return Checked(
        findings=found, real=real, teacher=teacher, student=student, supernet=supernet, disk=disk
    )


def _look_at_training(
    recipe: Recipe,
    teacher: Known | None,
    student: Network | None,
    real: Look | None,
    found: Findings,
) -> Supernet | None:
    if recipe.trains_by_terms:
        check_terms(recipe, teacher.output if teacher else None, found)
    with found.noting("search.mac_budget"):
        budget_of(recipe.search)
    if teacher is None:
        return None
    if recipe.trains_by_terms:
        check_discriminator(recipe, teacher, real, found)
    if student is None:
        return None
    # What does not run cannot be followed either.
    if any(line.startswith("student.") for line in found.mistakes):
        return None
    supernet = look_at_supernet(recipe, student, teacher, found)
    if supernet is not None:
        check_budget(recipe, supernet, teacher, found)
    if supernet is not None and recipe.trains_by_terms:
        check_taps(recipe, student, teacher, found)
    return supernet


def _disk(recipe: Recipe, teacher: Known, supernet: Supernet | None) -> int:
    keys = recipe.collect
    total = pair_bytes(recipe, teacher) * (keys.count + keys.held_out)
    if supernet is not None:
        parameters = supernet.module.parameters()
        total += CHECKPOINT_COPIES * sum(p.numel() * p.element_size() for p in parameters)
    return total
