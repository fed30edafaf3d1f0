"""Searching a supernet for the subnets that are best for their cost."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from gancompress.architecture_search.budget import Budget
from gancompress.architecture_search.evaluator import Stage
from gancompress.architecture_search.front import Candidate, Front
from gancompress.architecture_search.study import Progress, StudySpec, cost_function
from gancompress.architecture_search.study import search as run_search
from gancompress.batch import Batch, batch_size, rows
from gancompress.data.encoding import decode_output
from gancompress.data.live import Pairs
from gancompress.errors import RecipeError
from gancompress.progress import progress_bar
from gancompress.supernet import Subnet, Supernet
from gancompress.supernet.calibrate import calibrated
from gancompress.teachers.teacher import fingerprint_of

#: A score of the user's: an extracted subnet in evaluation mode to one number, or to several by
#: name, the first of which decides.
Score = Callable[[nn.Module], float | Tensor | Mapping[str, float]]

# Samples run at once.
BATCH = 64


@dataclass(frozen=True)
class SearchSettings:
    """How :func:`gancompress.search` goes on.

    Attributes:
        better: whether low or high scores of your own are the good ones.
        param_budget: largest number of parameters: ``500K``, ``1/8``.
        size_budget: largest number of bytes of the weights: ``2MB``, ``1/8``.
        reference: costs that shares of a budget are taken of, by column (``macs``, ``params``,
            ``weight_bytes``); empty: those of the largest subnet.
        distance: without a score of your own, how outputs are compared with the teacher's: two
            tensors (N, …) to a number; None: the mean of absolute differences (L1).
        samples: held-out pairs that every subnet is scored on.
        calibration: batches of inputs for the statistics of batch norms; empty: taken from the
            pairs, where there are any.
        calibration_batches: how many of the pairs' batches are taken.
        seed: of the proposals.
        progress: show a bar.
    """

    better: Literal["lower", "higher"] = "lower"
    param_budget: str = ""
    size_budget: str = ""
    reference: Mapping[str, float] = field(default_factory=dict)
    distance: Callable[[Tensor, Tensor], Tensor] | None = None
    samples: int = 256
    calibration: Sequence[Batch] = ()
    calibration_batches: int = 8
    seed: int = 0
    progress: bool = True


@dataclass(frozen=True)
class Chosen:
    """A subnet that a search chose.

    Attributes:
        subnet: its widths.
        costs: by column: ``macs``, ``params``, ``weight_bytes``, …, of one sample.
        scores: by name.
    """

    subnet: Subnet
    costs: Mapping[str, float]
    scores: Mapping[str, float]
    _extract: Callable[[Subnet], nn.Module] = field(repr=False)

    def extract(self) -> nn.Module:
        """The subnet as a plain module of the generator's class, independent of the supernet.

        It is in evaluation mode, with batch-norm statistics of its own, and is refused if it
        differs from the supernet.

        Raises:
            ParityError: it differs.
        """
        return self._extract(self.subnet)


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        front: every scored subnet with its costs and scores.
    """

    front: Front
    _extract: Callable[[Subnet], nn.Module] = field(repr=False)

    def best(
        self, mac_budget: str | float = "", param_budget: str = "", size_budget: str = ""
    ) -> Chosen:
        """The best of the scored subnets within a budget; without one, the best of all.

        Args:
            mac_budget: exact MACs of one sample: ``2M``, or a share: ``1/8``, ``12.5%``, of what
                shares of the search's own budget were taken of.
            param_budget: parameters, likewise.
            size_budget: bytes of the weights, likewise.

        Raises:
            BudgetError: none of them is that cheap, or the text is no amount.
        """
        budget = Budget.parse(macs=mac_budget, params=param_budget, size=size_budget)
        return self._chosen(self.front.best(budget))

    def nondominated(self) -> list[Chosen]:
        """The subnets that no cheaper one (by MACs) beats, cheapest first."""
        stage = next(iter(self.front.stages))
        return [self._chosen(one) for one in self.front.nondominated(stage)]

    def _chosen(self, found: Candidate) -> Chosen:
        scores = {name: value for (_, name), value in found.scores.items()}
        return Chosen(found.subnet, dict(found.costs), scores, self._extract)


def search(
    supernet: Supernet,
    score: Score | None = None,
    *,
    pairs: Pairs | None = None,
    trials: int = 200,
    mac_budget: str | float = "",
    folder: str | Path | None = None,
    settings: SearchSettings | None = None,
) -> SearchResult:
    """Find the subnets of ``supernet`` that are best for their cost.

    Args:
        supernet: trained by :func:`distill` or by a loop of your own.
        score: of a subnet, given as a plain module in evaluation mode: one number, or several by
            name, the first of which decides. It must be the same for the same module. None: the
            mean distance (L1) to the teacher's outputs on the held-out ``pairs``.
        pairs: of :func:`collect`; needed without ``score``.
        trials: subnets to score; none twice.
        mac_budget: no dearer subnet is scored: exact MACs of one sample (``2M``) or a share of the
            largest subnet's (``1/8``, see :attr:`SearchSettings.reference`). Empty: the whole front
            is explored.
        folder: keeps the scores, so that the same call goes on where it was stopped; None forgets
            them. Give another folder when ``score`` changes, which cannot be seen here.
        settings: see :class:`SearchSettings`.

    Raises:
        BudgetError: no subnet keeps the budget; nothing was scored.
        RecipeError: there is nothing to score by.
        RunError: ``folder`` holds the scores of another supernet.
    """
    how = settings or SearchSettings()
    batches = list(how.calibration) or _batches(pairs, how.calibration_batches)

    def extract(subnet: Subnet) -> nn.Module:
        return calibrated(supernet, subnet, batches)

    if score is None and pairs is None:
        raise RecipeError("gc.search: give score=, a function of a module, or pairs= of gc.collect")
    judge = score if score is not None else _distance(pairs, how)  # type: ignore[arg-type]
    budget = Budget.parse(macs=mac_budget, params=how.param_budget, size=how.size_budget)
    stage = _stage(judge, extract, supernet, trials, how.better)
    bar = progress_bar(total=trials, desc="search", disable=not how.progress)
    with TemporaryDirectory() as temporary, bar:
        front = run_search(
            supernet.space,
            cost_function(supernet.cost_model),
            [stage],
            budget,
            StudySpec(
                storage=Path(folder or temporary) / "search.journal",
                name="search",
                fingerprint=_conditions(supernet, pairs, how.samples),
                seed=how.seed,
            ),
            reference=how.reference or None,
            progress=partial(_show, bar),
        )
    return SearchResult(front, extract)


def _show(bar: "tqdm[Any]", progress: Progress) -> None:
    bar.total, bar.n = progress.subnets, progress.scored
    bar.set_postfix(best=f"{progress.best_score:.4g}")


def _stage(
    judge: Score,
    extract: Callable[[Subnet], nn.Module],
    supernet: Supernet,
    trials: int,
    better: Literal["lower", "higher"],
) -> Stage:
    def values(subnet: Subnet) -> dict[str, float]:
        found = judge(extract(subnet))
        if isinstance(found, Mapping):
            return {name: float(value) for name, value in found.items()}
        try:
            return {"score": float(found.detach() if isinstance(found, Tensor) else found)}
        except (TypeError, ValueError, RuntimeError):
            raise RecipeError(
                f"gc.search: score returned {type(found).__name__}; return one number, or a "
                "mapping of names to numbers"
            ) from None

    # The names are those of one subnet, the cheapest, whose score is then not computed again.
    first = values(supernet.space.smallest)
    known = {supernet.space.smallest: first}

    def score(subnet: Subnet, seed: int) -> Mapping[str, float]:
        return known[subnet] if subnet in known else values(subnet)

    direction = "minimize" if better == "lower" else "maximize"
    return Stage("score", dict.fromkeys(first, direction), score, trials)


def _distance(pairs: Pairs, how: SearchSettings) -> Score:
    """Distance to the teacher on held-out pairs."""
    indices = list(pairs.held_out)[: how.samples]
    compare = how.distance or F.l1_loss
    name = "l1" if how.distance is None else getattr(how.distance, "__name__", "distance")
    if not indices:
        raise RecipeError("gc.search: pairs: none is held out; collect some, or give score=")
    inputs, outputs = pairs.batch(indices)
    targets = decode_output(outputs)

    def distance(module: nn.Module) -> dict[str, float]:
        made = []
        for start in range(0, batch_size(inputs), BATCH):
            part = slice(start, start + BATCH)
            with torch.no_grad():
                made.append(module(**rows(inputs, part)))
        return {name: float(compare(torch.cat(made), targets))}

    return distance


def _batches(pairs: Pairs | None, count: int) -> list[Batch]:
    if pairs is None:
        return []
    taken = list(pairs.train)[: count * BATCH]
    return [pairs.batch(taken[start : start + BATCH])[0] for start in range(0, len(taken), BATCH)]


def _conditions(supernet: Supernet, pairs: Pairs | None, samples: int) -> str:
    """What scores must have in common to be compared."""
    known = f"{pairs.fingerprint}:{samples}" if pairs is not None else "own"
    text = f"{fingerprint_of(supernet.module, {})}:{known}"
    return hashlib.sha256(text.encode()).hexdigest()
