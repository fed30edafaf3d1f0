"""Searching a supernet for the subnets that are best for their cost."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from gancompress.api.scoring import Score, SearchSettings, extracting, stages_of
from gancompress.architecture_search.budget import Budget, budget_of
from gancompress.architecture_search.front import Candidate, Front
from gancompress.architecture_search.study import Progress, StudySpec, cost_function
from gancompress.architecture_search.study import search as run_search
from gancompress.data.live import Pairs
from gancompress.options import check_given, check_number, check_ranges, check_seed, check_whole
from gancompress.progress import progress_bar
from gancompress.supernet import Subnet, Supernet
from gancompress.teachers.teacher import fingerprint_of


@dataclass(frozen=True)
class Chosen:
    """A subnet that a search chose.

    Attributes:
        subnet: its widths.
        costs: by column: ``macs``, ``params``, ``weight_bytes``, ``activation_bytes``, …, of one
            sample.
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
        self,
        mac_budget: str | float = "",
        param_budget: str = "",
        size_budget: str = "",
        memory_budget: str = "",
    ) -> Chosen:
        """The best of the scored subnets within a budget; without one, the best of all.

        Args:
            mac_budget: exact MACs of one sample: ``2M``, or a share: ``1/8``, ``12.5%``, of what
                shares of the search's own budget were taken of.
            param_budget: parameters, likewise.
            size_budget: bytes of the weights, likewise.
            memory_budget: bytes of inputs and intermediate results at one time, likewise.

        Raises:
            BudgetError: none of them is that cheap, or the text is no amount.
        """
        budget = Budget.parse(
            macs=mac_budget, params=param_budget, size=size_budget, memory=memory_budget
        )
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
        OptionError: ``trials`` is no positive number.
        BudgetError: no subnet keeps the budget; nothing was scored.
        RecipeError: there is nothing to score by.
        RunError: the storage cannot be used.
    """
    check_whole(trials, "gc.search: trials", 1)
    given = settings or SearchSettings()
    options = replace(given.options, trials=trials, mac_budget=str(mac_budget))
    check_given(supernet, Supernet, "gc.search: supernet", "a gc.Supernet")
    check_ranges(options, "gc.search")
    check_seed(given.seed, "gc.search: settings.seed")
    check_whole(given.batch_size, "gc.search: settings.batch_size", 1)
    for column, cost in given.reference.items():
        check_number(cost, f"gc.search: settings.reference[{column!r}]", 0)
    how = replace(given, options=options)
    how = replace(how, module_at=extracting(supernet, pairs, how))
    stages = stages_of(supernet, score, pairs, how)
    conditions = how.conditions or _conditions(supernet, score, pairs, how)
    digest = hashlib.sha256(conditions.encode()).hexdigest()[:12]
    total = sum(stage.subnets for stage in stages)
    bar = progress_bar(total=total, desc="search", disable=not how.progress)

    def show(progress: Progress) -> None:
        how.scored(progress)
        bar.update()
        best = {"stage": progress.stage, "best": f"{progress.best_score:.4g}"}
        bar.set_postfix(best, refresh=False)

    with TemporaryDirectory() as temporary, bar:
        front = run_search(
            supernet.space,
            cost_function(supernet.cost_model, how.latency),
            stages,
            budget_of(options),
            StudySpec(
                storage=options.storage or Path(folder or temporary) / "search.journal",
                # Searches that share a database do not meet, but copies of one do.
                name=f"{how.name}-{digest}",
                fingerprint=conditions,
                seed=how.seed,
            ),
            reference=how.reference or None,
            progress=show,
        )
    assert how.module_at is not None
    return SearchResult(front, how.module_at)


def _conditions(
    supernet: Supernet, score: Score | None, pairs: Pairs | None, how: SearchSettings
) -> str:
    """What scores must have in common to be compared."""
    compared = [getattr(term, "__name__", str(term)) for term in how.terms]
    options = replace(
        how.options, trials=1, mac_budget="", param_budget="", size_budget="", memory_budget=""
    )
    real = how.real if isinstance(how.real, str | Path) else type(how.real).__name__
    extractor = getattr(how.extractor, "name", str(how.extractor))
    known = [pairs.fingerprint if pairs is not None else "", compared, str(options)]
    text = [fingerprint_of(supernet.module, {}), known, score is None, str(real), extractor]
    return hashlib.sha256(str(text).encode()).hexdigest()
