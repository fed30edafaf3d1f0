"""The ways of :mod:`benchmarks.contest` to a small generator: each gives a student to train."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

import gancompress as gc
from benchmarks.flagships import SHARED, Flagship
from benchmarks.reconstruct import cost, filled
from benchmarks.start import is_quick
from gancompress.architecture_search.budget import Budget
from gancompress.batch import Batch
from gancompress.data.live import Pairs
from gancompress.distillation.options import DistillOptions, TermOptions
from gancompress.generators.build import build
from gancompress.metrics.feature_network import FeatureNetwork
from gancompress.metrics.macs import count_macs
from gancompress.reconstruction.solver import Solver
from gancompress.supernet import Subnet, Supernet
from gancompress.supernet.calibrate import calibrated
from gancompress.supernet.importance import sort_channels, taylor_scores

TRIALS = 60
# Of the evolution (Li et al. 2020: 100, 500, .2, .25).
POPULATION, GENERATIONS, MUTATION, PARENTS = 16, 4, 0.2, 0.25


@dataclass(frozen=True)
class Training:
    """How students are trained, the same for every way.

    Attributes:
        loss: terms with their weights.
        rate: Adam's.
        batch_size: samples an update.
        steps: updates.
    """

    loss: Mapping[str, float]
    rate: float
    batch_size: int
    steps: int

    def options(self, **given: Any) -> DistillOptions:
        """As the distiller takes them."""
        return DistillOptions(
            batch_size=self.batch_size,
            learning_rate=self.rate,
            schedule="cosine",
            ema=0.99,
            validate_every=0,
            **given,
        )


@dataclass(frozen=True)
class Entrant:
    """A student before its training.

    Attributes:
        module: is trained in place.
        subnet: its widths, if it has the teacher's architecture.
        loss: instead of the common one.
        discriminator: for adversarial terms.
        features: networks of terms on their maps, by term.
        trained: nothing is to be done any more.
    """

    module: nn.Module
    subnet: str = ""
    loss: Mapping[str, Any] = field(default_factory=dict)
    discriminator: nn.Module | None = None
    features: Mapping[str, FeatureNetwork] = field(default_factory=dict)
    trained: bool = False


@dataclass(frozen=True)
class Contest:
    """One teacher, one share of its MACs and one seed."""

    flagship: Flagship
    pairs: Pairs
    share: str
    training: Training
    seed: int

    @cached_property
    def full(self) -> float:
        """MACs of the teacher."""
        supernet = self.supernet()
        return float(supernet.cost_model.cost(supernet.space.largest).macs)

    @property
    def limit(self) -> float:
        """MACs that a student may have."""
        return Budget.parse(macs=self.share).limits({"macs": self.full})["macs"]

    def supernet(self) -> Supernet:
        """A supernet on a copy of the teacher."""
        own = copy.deepcopy(self.flagship.teacher.module)
        assert own is not None
        return gc.Supernet(own.requires_grad_(True), self.flagship.solved[0])

    def sorted(self) -> Supernet:
        """One whose channels are sorted by first-order importance."""
        supernet, batches = self.supernet(), self.flagship.solved[:8]
        sort_channels(supernet, taylor_scores(supernet, batches, seed=self.seed))
        return supernet

    def solved(self, supernet: Supernet, subnet: Subnet) -> Entrant:
        """With the weights of least squares."""
        student = gc.reconstruct(supernet, subnet, self.flagship.solved, seed=self.seed)
        return Entrant(student, subnet.text)


def ours(contest: Contest) -> Entrant:
    """Searched widths, solved weights."""
    supernet = contest.sorted()
    return contest.solved(supernet, searched(contest, supernet))


def uniform(contest: Contest) -> Entrant:
    """Uniform widths, solved weights."""
    supernet = contest.sorted()
    return contest.solved(supernet, filled(supernet, contest.limit))


def unsolved(contest: Contest) -> Entrant:
    """Searched widths, weights as cut."""
    supernet = contest.sorted()
    subnet = searched(contest, supernet)
    return Entrant(supernet.extract(subnet), subnet.text)


def pruned(contest: Contest) -> Entrant:
    """Uniform widths, the most important channels, weights as cut."""
    supernet = contest.sorted()
    subnet = filled(supernet, contest.limit)
    return Entrant(supernet.extract(subnet), subnet.text)


def scratch(contest: Contest) -> Entrant:
    """Uniform widths, weights drawn anew."""
    supernet = contest.supernet()
    subnet = filled(supernet, contest.limit)
    return Entrant(anew(supernet.extract(subnet), contest.seed), subnet.text)


def gan_compression(contest: Contest) -> Entrant:
    """A supernet of uniformly sampled subnets, trained as long as the student will be."""
    supernet, training = contest.supernet(), contest.training
    gc.distill(
        supernet,
        contest.pairs,
        {**training.loss, "adapted": 0.01},
        steps=training.steps,
        options=training.options(subnets="uniform"),
        settings=gc.DistillSettings(teacher=contest.flagship.teacher.module, seed=contest.seed),
    )
    subnet = evolved(contest, supernet)
    return Entrant(calibrated(supernet, subnet, contest.flagship.solved[:8]), subnet.text)


def distylegan(contest: Contest) -> Entrant:
    """The published black-box student with its published loss, as wide as the budget allows."""
    ((name, entry),) = contest.flagship.teacher.inputs.items()
    assert name == "z"
    _, side = contest.pairs.batch([0])[1].shape[-2:]
    widths = range(512, 0, -16)
    students = (build("distylegan", z_dim=entry.shape[0], classes=0, width=w, resolution=side)
                for w in widths)  # fmt: skip
    sample = contest.flagship.teacher.sample_inputs([0], 0)
    student = next(s for s in students if macs_of(s, sample) <= contest.limit)
    terms = {
        "discriminator_features": TermOptions(),
        "l1": TermOptions(weight=0.2, decay="linear"),
        "adversarial": TermOptions(weight=0.01, every=10),
    }
    discriminator = build("distylegan_discriminator", classes=0, width=32, resolution=side)
    return Entrant(student, loss=terms, discriminator=discriminator)


def compact(contest: Contest) -> Entrant:
    """The hand-made network of Real-ESRGAN's authors, weights drawn anew."""
    return Entrant(anew(compact_published(contest).module, contest.seed))


def compact_published(contest: Contest) -> Entrant:
    """The same as its authors trained it (towards photographs, not towards this teacher)."""
    teacher = gc.load_teacher(SHARED / "weights" / "realesr-animevideov3.safetensors")
    assert teacher.module is not None
    return Entrant(teacher.module, trained=True)


WAYS = {
    "ours": ours,
    "uniform": uniform,
    "unsolved": unsolved,
    "pruned": pruned,
    "scratch": scratch,
    "gan_compression": gan_compression,
    "distylegan": distylegan,
    "compact": compact,
    "compact_published": compact_published,
}


def searched(contest: Contest, supernet: Supernet) -> Subnet:
    """The best of some subnets by their one-shot weights, as ``gc.shrink`` chooses."""
    what = contest.flagship
    solver = Solver.of(supernet, what.solved, seed=contest.seed)
    full = {"macs": contest.full}
    found = gc.search(
        supernet,
        lambda module: distance(module, what.teacher, what.chosen),
        trials=4 if is_quick() else TRIALS,
        mac_budget=contest.share,
        settings=gc.SearchSettings(
            module_at=solver.one_shot, reference=full, seed=contest.seed, progress=False
        ),
    )
    return found.front.best(Budget.parse(macs=contest.share), full).subnet


def evolved(contest: Contest, supernet: Supernet) -> Subnet:
    """The best by inherited weights that an evolution finds."""
    space, rng, what = supernet.space, np.random.default_rng(contest.seed), contest.flagship
    scores: dict[Subnet, float] = {}

    def score(subnet: Subnet) -> float:
        if subnet not in scores:
            module = calibrated(supernet, subnet, what.solved[:8])
            scores[subnet] = distance(module, what.teacher, what.chosen)
        return scores[subnet]

    def drawn() -> Subnet:
        """Drawn among the widths below a share that makes most draws affordable."""
        for ceiling in np.linspace(1, 0.1, 50):
            widths = [[w for w in c if w <= max(ceiling * c[-1], c[0])] for c in space.choices]
            subnet = Subnet(rng.choice(w) for w in widths)
            if cost(supernet, subnet) <= contest.limit:
                return space.check([int(w) for w in subnet])
        return space.smallest

    population = [drawn() for _ in range(POPULATION)]
    for _ in range(1 if is_quick() else GENERATIONS):
        parents = sorted(set(population), key=score)[: round(PARENTS * POPULATION)]
        children: list[Subnet] = []
        while len(children) < POPULATION - len(parents):
            a, b = (parents[i] for i in rng.integers(len(parents), size=2))
            child = space.mutate(space.crossover(a, b, rng), rng, MUTATION)
            children += [child] if cost(supernet, child) <= contest.limit else []
        population = [*parents, *children]
    return min(population, key=score)


def macs_of(module: nn.Module, batch: Batch) -> float:
    """Exact MACs of one sample."""
    return float(count_macs(module, {name: value[:1] for name, value in batch.items()}).exact)


def anew(module: nn.Module, seed: int) -> nn.Module:
    """The same with weights as they are drawn before a training."""
    module = copy.deepcopy(module)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for part in module.modules():
            if callable(reset := getattr(part, "reset_parameters", None)):
                reset()
    return module


def distance(module: nn.Module, teacher: gc.Teacher, batches: list[Batch]) -> float:
    """Mean absolute difference to the teacher's outputs."""
    with torch.no_grad():
        found = [(module(**batch) - teacher(batch)).abs().mean() for batch in batches]
    return float(torch.stack(found).mean().nan_to_num(1e9, 1e9))
