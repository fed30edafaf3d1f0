"""`order`: the teacher with its channels in the order in which narrow subnets keep them."""

from gancompress import assemble
from gancompress.assemble.pairs import open_pairs
from gancompress.assemble.stages import ORDERED, skipped
from gancompress.assemble.subnets import solving_batches
from gancompress.recipe.schema import Recipe
from gancompress.reconstruction.solver import order_channels
from gancompress.run import RunDir
from gancompress.student.file import Student, save_student


def order(recipe: Recipe, run: RunDir) -> None:
    """Write the teacher's weights, channels in order, to ``run/ordered.safetensors``."""
    if reason := skipped("order", recipe):
        run.complete("order", {"skipped": reason})
        return
    assemble.prepare(recipe)
    pairs = open_pairs(recipe, run)
    architecture, module = assemble.open_student(recipe, run)
    supernet = assemble.make_supernet(module, pairs.inputs, recipe.student)
    batches = solving_batches(recipe, supernet, pairs)
    greedy = recipe.reconstruct.order == "greedy"
    order_channels(supernet, batches, greedy=greedy, seed=recipe.seed)
    full = Student(supernet.module, pairs.inputs, architecture, {"teacher": pairs.plan.teacher})
    save_student(full, run.path / ORDERED)
    facts = {"groups": len(supernet.space.groups), "subnets": supernet.space.size}
    run.complete("order", facts, [ORDERED])
