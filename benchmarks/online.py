"""Does it help that the teacher learns along? Finished runs of one recipe, with and without.

    recipe=recipes/online-facades.yaml
    for seed in 0 1; do
      gancompress distill $recipe seed=$seed --run runs/along-$seed
      gancompress distill $recipe seed=$seed distill.online=false --run runs/before-$seed
    done
    python -m benchmarks.online runs/along-* runs/before-*

Judges teacher and three widths of each supernet on the held-out pairs, which no training has seen.
Writes ``benchmarks/results/online.json``.
"""

from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress import assemble
from gancompress.assemble.scores import extractor_of, score_generator
from gancompress.assemble.teach_paired import answers, open_pairs_to_learn
from gancompress.batch import Batch, in_range
from gancompress.metrics.collect import collect
from gancompress.metrics.features import Extractor
from gancompress.metrics.frechet import FeatureStatistics
from gancompress.recipe.load import load_recipe
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.teachers.teacher import ModuleTeacher


def networks_of(recipe: Recipe, run: RunDir, teacher: ModuleTeacher) -> dict[str, nn.Module]:
    """The teacher, and of the supernet the largest, the half as wide and the smallest subnet."""
    supernet, _ = assemble.load_supernet(recipe, run)
    space = supernet.space
    subnets = {"largest": space.largest, "half": space.uniform(0.5), "smallest": space.smallest}
    cut = {name: supernet.extract(subnet).eval() for name, subnet in subnets.items()}
    return {"teacher": teacher.module, **cut}


def measured(path: Path) -> list[dict[str, Any]]:
    """A row for each network of the run at ``path``."""
    run = RunDir.open(path)
    recipe = load_recipe(run.path / "recipe.yaml")
    teacher = assemble.load_teacher(recipe, run)
    assert isinstance(teacher, ModuleTeacher)
    held_out = open_pairs_to_learn(recipe, teacher.inputs).held_out
    pairs = held_out.batch(range(len(held_out)))
    taught = answers(teacher.module, pairs, teacher.inputs)
    data, extractor = assemble.real_images(recipe), extractor_of(recipe, run, None)
    assert data is not None
    assert extractor is not None
    reference = collect(data[1], extractor).statistics
    return [
        {
            "online": recipe.distill.online,
            "seed": recipe.seed,
            "network": name,
            **scores(module, teacher, pairs, taught, extractor, reference),
        }
        for name, module in networks_of(recipe, run, teacher).items()
    ]


def scores(
    module: nn.Module,
    teacher: ModuleTeacher,
    pairs: Batch,
    taught: Tensor,
    extractor: Extractor,
    reference: FeatureStatistics,
) -> dict[str, float]:
    """L1 to the teacher and to the photographs, in [-1, 1], and the distance of distributions."""
    made = answers(module, pairs, teacher.inputs)
    given = {name: in_range(pairs[name], entry) for name, entry in teacher.inputs.items()}
    scores = score_generator(
        module, teacher.inputs, extractor, reference, count=0, seed=0, given=given
    )
    return {
        "l1_to_teacher": round(float(F.l1_loss(made, taught)), 4),
        "l1_to_photograph": round(float(F.l1_loss(made, pairs["target"])), 4),
        f"fd_{extractor.name}": round(scores.frechet),
    }


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    rows = [row for path in arguments_of(parser).runs for row in measured(path)]
    record("online", rows, recipe="online-facades")


if __name__ == "__main__":
    main()
