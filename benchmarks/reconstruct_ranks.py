"""How well scores that cost no training rank subnets as they are after fine-tuning.

    python -m benchmarks.reconstruct_ranks [--subnets 12] [--steps 60] [--quick]

Random subnets of about one cost (a tenth to an eighth of the MACs) of a published face generator.
Each is scored by the error of its layers that the teacher's matrices tell, and by its L1 to the
teacher with the weights as cut, with one-shot weights, and solved layer by layer; then the latter
are fine-tuned shortly. Spearman's rank correlation of each score with the distance after that, on
latents that nothing was done with: ``benchmarks/results/reconstruct_ranks.json``.
"""

import copy
from collections.abc import Iterator

import numpy as np

import gancompress as gc
from benchmarks.reconstruct import SHARED
from benchmarks.record import record
from benchmarks.start import arguments_of, is_quick, parser_of
from gancompress.architecture_search.front import spearman
from gancompress.data.answered import DrawnAnswers
from gancompress.reconstruction.solver import Solver, order_channels
from gancompress.supernet.calibrate import calibrate
from gancompress.training.finetune import finetune, mean_distance

SCORES = ("layers", "cut", "one-shot", "solved")


def subnets_of(supernet: gc.Supernet, count: int) -> Iterator[gc.Subnet]:
    """Random ones of about one cost."""
    rng, model = np.random.default_rng(0), supernet.cost_model
    whole = model.cost(supernet.space.largest).macs
    while count:
        subnet = supernet.space.sample(rng)
        if 0.1 <= model.cost(subnet).macs / whole <= 0.125:
            count -= 1
            yield subnet


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--subnets", type=int, default=12)
    parser.add_argument("--steps", type=int, default=60, help="of fine-tuning")
    options = arguments_of(parser, subnets=3, steps=2)
    teacher = gc.load_teacher(SHARED / "weights" / "faces-dcgan.safetensors")
    assert teacher.module is not None
    count = 2 if is_quick() else 8
    solved = [teacher.sample_inputs(range(64 * n, 64 * n + 64), 0) for n in range(count)]
    judged, unseen = (DrawnAnswers(teacher, 64, 2, seed) for seed in (1, 2))
    learned = DrawnAnswers(teacher, 32, options.steps, 3)
    supernet = gc.Supernet(copy.deepcopy(teacher.module).requires_grad_(True), solved[0])
    order_channels(supernet, solved)
    solver = Solver.of(supernet, solved, seed=0)
    rows = []
    for subnet in subnets_of(supernet, options.subnets):
        cut = supernet.extract(subnet).eval()
        calibrate(cut, solved)
        module = gc.reconstruct(supernet, subnet, solved).eval()
        row = {
            "subnet": subnet.text,
            "layers": solver.gathered.error(subnet),
            "cut": mean_distance(cut, judged),
            "one-shot": mean_distance(solver.one_shot(subnet), judged),
            "solved": mean_distance(module, judged),
        }
        finetune(module, learned, judged, steps=options.steps)
        rows.append({**row, "fine-tuned": mean_distance(module, unseen)})
        print(rows[-1], flush=True)
    ranks = {
        name: spearman(np.array([[float(row[name]), float(row["fine-tuned"])] for row in rows]))
        for name in SCORES
    }
    print({name: round(rank, 2) for name, rank in ranks.items()})
    record("reconstruct_ranks", rows, steps=options.steps, spearman=ranks)


if __name__ == "__main__":
    main()
