"""How near a student comes to its teacher before any training, and after a little.

    python -m benchmarks.reconstruct faces [--shares 1/4 1/8 1/16] [--seeds 0 1 2] [--steps 200]

Flagships: ``vintage`` (a published CycleGAN at 128², 48 photographs to solve on, 80 others to judge
by), ``faces`` (a published DCGAN of faces at 64², 512 latents and 512 others), ``anime``
(Real-ESRGAN anime-6B, 32² to 128², 48 and 40 patches of photographs), ``wave`` (fast style transfer
at 128², 48 and 80 photographs). Widths are uniform and fill the share of the teacher's MACs, but
for ``vintage`` at 1/12, which a search chose. Channels are sorted by Taylor scores, except in the
rows ``cut, as trained``. A seed is of inputs, sampled columns and fine-tuning.

For each: L1 to the teacher in [-1, 1], SSIM, Fréchet distance in SqueezeNet's features to the
teacher's images, seconds of the processor; and the same after so many updates of fine-tuning, as
``shrink`` does it, on new latents or 624 squares of other photographs. A row that stands in
``benchmarks/results/reconstruct_NAME.json`` with all these updates is not measured again unless
``--again``.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
from torch import nn

import gancompress as gc
from benchmarks.flagships import FLAGSHIPS, Flagship, Judge, learned
from benchmarks.record import known, record, summary, table
from benchmarks.start import arguments_of, parser_of
from gancompress.architecture_search.budget import Budget
from gancompress.distillation.terms.tuning import tuning_loss
from gancompress.supernet.calibrate import calibrate
from gancompress.supernet.importance import sort_channels, taylor_scores
from gancompress.training.finetune import finetune

# What a search of the trained supernet chose for the CycleGAN at 1/12 of its MACs.
SEARCHED = {
    ("vintage", "1/12"): (16, 56, 64, 96, 72, 80, 64, 80, 72, 40, 72, 88, 48, 24),
}
# Uniform widths have at least this share of the budget.
FILLED = 0.98


def filled(supernet: gc.Supernet, limit: float) -> gc.Subnet:
    """Uniform widths; then the relatively narrowest groups are widened while the MACs allow."""
    space = supernet.space
    inside = [s for r in np.linspace(0, 1, 513) if cost(supernet, s := space.uniform(r)) <= limit]
    best = inside[-1] if inside else space.smallest
    while cost(supernet, best) < FILLED * limit:
        wider = [w for w in _widened(space.choices, best) if cost(supernet, w) <= limit]
        if not wider:
            break
        best = min(
            wider, key=lambda s: max(w / c[-1] for w, c in zip(s, space.choices, strict=True))
        )
    return best


def _widened(choices: Any, subnet: gc.Subnet) -> list[gc.Subnet]:
    """Each group one choice wider."""
    found = []
    for group, widths in enumerate(choices):
        if subnet[group] < widths[-1]:
            wider = list(subnet)
            wider[group] = widths[widths.index(subnet[group]) + 1]
            found.append(gc.Subnet(wider))
    return found


def cost(supernet: gc.Supernet, subnet: gc.Subnet) -> float:
    """Exact MACs of one sample."""
    return float(supernet.cost_model.cost(subnet).macs)


@dataclass(frozen=True)
class Ways:
    """The weights of a subnet without training, of one flagship and one seed."""

    what: Flagship
    supernet: gc.Supernet
    gathered: gc.Gathered
    seed: int

    @staticmethod
    def of(what: Flagship, seed: int) -> "Ways":
        supernet = _supernet(what)
        sort_channels(supernet, taylor_scores(supernet, what.solved[:8], seed=seed))
        return Ways(what, supernet, gc.gather(supernet, what.solved, seed=seed), seed)

    def as_trained(self, subnet: gc.Subnet) -> nn.Module:
        """Cut with the channels in the order of the file."""
        return self._calibrated(_supernet(self.what), subnet)

    def cut(self, subnet: gc.Subnet) -> nn.Module:
        return self._calibrated(self.supernet, subnet)

    def one_shot(self, subnet: gc.Subnet) -> nn.Module:
        return self.gathered.module(subnet)

    def sequential(self, subnet: gc.Subnet) -> nn.Module:
        return gc.reconstruct(self.supernet, subnet, self.what.solved, seed=self.seed)

    def _calibrated(self, supernet: gc.Supernet, subnet: gc.Subnet) -> nn.Module:
        student = supernet.extract(subnet)
        calibrate(student, self.what.solved[:8])
        return student


def _supernet(what: Flagship) -> gc.Supernet:
    """A supernet on a copy of the teacher."""
    assert what.teacher.module is not None
    own = copy.deepcopy(what.teacher.module)
    return gc.Supernet(own.requires_grad_(True), what.solved[0])


# How weights are had, and whether they are fine-tuned.
WAYS: dict[str, tuple[Callable[[Ways, gc.Subnet], nn.Module], bool]] = {
    "cut, as trained": (Ways.as_trained, False),
    "cut, sorted": (Ways.cut, True),
    "one-shot": (Ways.one_shot, False),
    "sequential": (Ways.sequential, True),
}


def measured(
    name: str, seed: int, shares: Sequence[str], steps: Sequence[int], done: set[tuple[Any, ...]]
) -> Iterator[dict[str, Any]]:
    """Rows of one flagship and seed that are not done yet."""
    wanted = [(s, way) for s in shares for way in WAYS if (s, seed, way) not in done]
    if not wanted:
        return
    what = FLAGSHIPS[name](seed)
    judge, ways = Judge(what.teacher, what.unseen), Ways.of(what, seed)
    answers = learned(what, 32 if name == "anime" else 128, seed)
    space = ways.supernet.space
    full = cost(ways.supernet, space.largest)
    for share, way in wanted:
        limit = Budget.parse(macs=share).limits({"macs": full})["macs"]
        chosen = SEARCHED.get((name, share))
        subnet = space.check(chosen) if chosen else filled(ways.supernet, limit)
        make, tuned = WAYS[way]
        start = process_time()
        student = make(ways, subnet)
        seconds = round(process_time() - start, 1)
        row = {"share": share, "seed": seed, "way": way, "subnet": subnet.brief}
        row |= {"macs": round(cost(ways.supernet, subnet) / full, 4), **judge(student)}
        row["seconds"] = seconds
        for count in steps if tuned else ():
            trained, start = copy.deepcopy(student), process_time()
            held = [(batch, what.teacher(batch)) for batch in what.chosen]
            found = finetune(trained, answers, held, steps=count, loss=tuning_loss, seed=seed)
            row[f"seconds_{count}"] = round(process_time() - start, 1)
            row |= {f"{key}_{count}": value for key, value in judge(trained).items()}
            row |= {f"rate_{count}": found.learning_rate}
        yield row


def _complete(row: dict[str, Any], steps: Sequence[int]) -> bool:
    """Whether a row has been fine-tuned for all of ``steps``, if its way is."""
    return not WAYS[row["way"]][1] or all(f"l1_{count}" in row for count in steps)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("flagships", nargs="*", default=list(FLAGSHIPS), metavar="FLAGSHIP")
    parser.add_argument("--shares", nargs="+", default=["1/4", "1/8", "1/16"], help="of the MACs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, nargs="*", default=[200], help="of fine-tuning")
    parser.add_argument("--again", action="store_true", help="measure what has been measured")
    parser.add_argument("--note", default="", help="circumstances")
    columns = ["macs", "l1", "ssim", "fd_squeezenet", "seconds"]
    options = arguments_of(parser, steps=[2], seeds=[0], shares=["1/8"])
    columns += [f"{what}_{n}" for n in options.steps for what in ("l1", "ssim", "fd_squeezenet")]
    for name in options.flagships:
        stored = [] if options.again else known(f"reconstruct_{name}")
        rows = [row for row in stored if _complete(row, options.steps)]
        done = {(row["share"], row["seed"], row["way"]) for row in rows}
        for seed in options.seeds:
            for row in measured(name, seed, options.shares, options.steps, done):
                rows.append(row)
                record(f"reconstruct_{name}", rows, note=options.note)
        print(table(summary(rows, columns)))


if __name__ == "__main__":
    main()
