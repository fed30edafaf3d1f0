"""`reconstruct`: solve layer by layer for the weights of the best subnets; the nearest is kept."""

from collections.abc import Callable

from torch import nn

from gancompress import assemble
from gancompress.api.scoring import paired_distance
from gancompress.assemble.pairs import open_pairs
from gancompress.assemble.scoring import paired_settings
from gancompress.assemble.stages import skipped
from gancompress.assemble.students import adopt_student, keep_student, title
from gancompress.assemble.subnets import solving_batches
from gancompress.recipe.schema import Recipe
from gancompress.reconstruction.solver import Solved, Solver
from gancompress.run import RunDir
from gancompress.student.file import Student


def reconstruct(recipe: Recipe, run: RunDir) -> None:
    """Solve for the weights of the search's finalists; the nearest to the teacher is the student.

    They are compared on the held-out pairs that the search scored on.
    """
    if reason := skipped("reconstruct", recipe):
        run.complete("reconstruct", {"skipped": reason})
        return
    device = assemble.prepare(recipe).device
    supernet, full = assemble.load_supernet(recipe, run)
    pairs, facts = open_pairs(recipe, run), run.facts("search")
    supernet.module.to(device)
    batches = [
        {name: value.to(device) for name, value in batch.items()}
        for batch in solving_batches(recipe, supernet, pairs)
    ]
    memory = recipe.reconstruct.memory_gigabytes * 1e9
    solver = Solver.of(supernet, batches, seed=recipe.seed, memory=memory)
    subnets = [supernet.space.parse(text) for text in facts["finalists"]]
    judged = pairs.held_out[: recipe.search.score_samples]
    distance = paired_distance(pairs, judged, paired_settings(recipe).terms)
    found = solver.nearest(subnets, _logged(run, distance))
    best = found[0]
    provenance = {
        "teacher": pairs.plan.teacher,
        "supernet": full.fingerprint,
        "subnet": best.subnet.text,
    }
    student = Student(best.module, full.inputs, full.architecture, provenance)
    name = keep_student(student, run, f"{title(facts['student'])}-solved")
    told = (
        f"Solved layer by layer, the subnet {best.subnet.brief} is {best.solved:.4f} from the "
        f"teacher on the pairs searched by; from the teacher's matrices alone {best.one_shot:.4f}, "
        f"with the weights as cut {best.cut:.4f}. The student has the nearest of these."
    )
    done = {
        "subnet": best.subnet.text,
        "macs": supernet.cost_model.cost(best.subnet).macs,
        "finalists": [_facts(one) for one in found],
        "remarks": [told],
        "student": name,
    }
    run.complete("reconstruct", done, [name])
    adopt_student(run)


def _logged(run: RunDir, distance: Callable[[nn.Module], float]) -> Callable[[nn.Module], float]:
    def logged(module: nn.Module) -> float:
        found = distance(module.cpu())
        run.log("reconstruct", {"distance": found})
        return found

    return logged


def _facts(one: Solved) -> dict[str, object]:
    return {
        "subnet": one.subnet.text,
        "cut": one.cut,
        "one-shot": one.one_shot,
        "solved": one.solved,
    }
