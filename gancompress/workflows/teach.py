"""`teach`: train a teacher where the recipe names no teacher file."""

from collections.abc import Callable

from gancompress.elastic.student import Student, save_student
from gancompress.recipe.schema import Recipe
from gancompress.run_dir import RunDir
from gancompress.workflows.teach_adversarial import teach_adversarial
from gancompress.workflows.teach_cycle import teach_cycle
from gancompress.workflows.teach_paired import teach_paired
from gancompress.workflows.teach_semantic import teach_semantic
from gancompress.workflows.teach_single_image import teach_single_image

OBJECTIVES: dict[str, Callable[[Recipe, RunDir], Student]] = {
    "adversarial": teach_adversarial,
    "paired": teach_paired,
    "semantic": teach_semantic,
    "cycle": teach_cycle,
    "single_image": teach_single_image,
}


def teach(recipe: Recipe, run: RunDir) -> None:
    """Train the teacher of ``recipe`` into ``run/teacher.safetensors``."""
    if given := recipe.teacher.given:
        run.complete("teach", {"skipped": f"the teacher is {given}"})
        return
    teacher = OBJECTIVES[recipe.teach.objective](recipe, run)
    save_student(teacher, run.path / "teacher.safetensors")
    run.complete("teach", teacher.provenance["taught_on"])
