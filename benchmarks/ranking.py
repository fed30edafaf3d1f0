"""Which score of a subnet before its training tells how good it is after it.

    python -m benchmarks.ranking faces [--subnets 12] [--steps 300]

Subnets of one cost (the budget of :mod:`benchmarks.contest`, at least nine tenths of it), drawn at
random beside the uniform one, are scored by their L1 to the teacher with the weights as cut (sorted
by first-order importance), with the weights that follow from the teacher's matrices, and solved
layer by layer; and by what their layers lose by the teacher's matrices alone, without any pass.
Then each is trained as long. Told is Spearman's rank correlation of every score
with L1, and with the Fréchet distance in SqueezeNet's features, after the training.
"""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks import flagships
from benchmarks.contest import SETTINGS, Measured, kept_in, pairs_of, trained
from benchmarks.contestants import Contest, Entrant, distance
from benchmarks.reconstruct import cost, filled
from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.reconstruction.solver import Solver
from gancompress.supernet import Subnet, Supernet
from gancompress.supernet.calibrate import calibrated

SCORES = ("layers", "cut", "one_shot", "solved")
LEAST = 0.9
# Draws of a subnet before it is given up to find one of the cost.
DRAWS = 100_000


def drawn(contest: Contest, supernet: Supernet, count: int) -> list[Subnet]:
    """Different subnets of nearly the cost that is allowed; the uniform one first."""
    rng, space, limit = np.random.default_rng(contest.seed), supernet.space, contest.limit
    found = [filled(supernet, contest.limit)]
    for _ in range(DRAWS):
        if len(found) == count:
            break
        # Widths around a share that differs from draw to draw.
        middle = rng.uniform(0.1, 0.7)
        wanted = [np.clip(middle * rng.lognormal(0, 0.5), 0, 1) * c[-1] for c in space.choices]
        subnet = Subnet(
            min(c, key=lambda width: abs(width - w))
            for c, w in zip(space.choices, wanted, strict=True)
        )
        if LEAST * limit <= cost(supernet, subnet) <= limit and subnet not in found:
            found.append(subnet)
    return found


def measured(contest: Contest, count: int, judge: Measured) -> list[dict[str, Any]]:
    """One row a subnet."""
    what, supernet = contest.flagship, contest.sorted()
    solver = Solver.of(supernet, what.solved, seed=contest.seed)
    rows = []
    for subnet in drawn(contest, supernet, count):
        solved = contest.solved(supernet, subnet).module.eval()
        modules = {
            "cut": calibrated(supernet, subnet, what.solved[:8]),
            "one_shot": solver.one_shot(subnet),
            "solved": solved,
        }
        before = {
            name: round(distance(module, what.teacher, what.chosen), 4)
            for name, module in modules.items()
        }
        after = judge(trained(contest, Entrant(solved)))
        macs = round(cost(supernet, subnet) / contest.full, 4)
        before["layers"] = round(solver.gathered.error(subnet), 4)
        rows.append({"subnet": subnet.text, "macs": macs, **before, **after})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("flagship", nargs="?", default="faces")
    parser.add_argument("--subnets", type=int, default=12)
    parser.add_argument("--steps", type=int, default=300, help="of the training")
    options = arguments_of(parser, subnets=3, steps=2)
    name, setting = options.flagship, SETTINGS[options.flagship]
    what, training = flagships.FLAGSHIPS[name](), replace(setting.training, steps=options.steps)
    pairs = pairs_of(name, what, kept_in() / name)
    contest = Contest(what, pairs, setting.share, training, seed=0)
    rows = measured(contest, options.subnets, Measured(what))
    ranks = {
        f"{score} and {after}": round(
            float(spearmanr([r[score] for r in rows], [r[after] for r in rows]).statistic), 3
        )
        for score in SCORES
        for after in ("l1", "fd_squeezenet")
    }
    record(f"ranking_{name}", rows, spearman=ranks, training=asdict(training))
    print(ranks)


if __name__ == "__main__":
    main()
