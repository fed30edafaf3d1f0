"""A conversion checks itself: subnets are run, and every tensor must have the predicted shape.

Where a run differs (see :mod:`gancompress.supernet.compare`), in this order: if a reshape was
ambiguous, the run says which dimension really shrinks, and the walk is repeated with that
knowledge; if a number or a ratio can be guessed that follows the width, it is kept
(:mod:`gancompress.supernet.guess`); otherwise the groups that alone bring the difference about are
pinned to the line at which it shows.
"""

from collections.abc import Mapping

import numpy as np

from gancompress.supernet.axes import Ids, Reason
from gancompress.supernet.compare import Difference, Predictor, run_subnet
from gancompress.supernet.dry_run import DryRun
from gancompress.supernet.graph import DependencyGraph, pinned, study
from gancompress.supernet.guess import Guesser, Link, with_guesses
from gancompress.supernet.links import linked_with, step_at, steps, widths_at
from gancompress.supernet.trace import Call, Site

# Groups that fail only together are linked in pairs, of so many at most.
_MOST_PAIRED = 6


class _AnotherWay(Exception):
    """A reshape turned out to go another way than assumed: walk again."""


def verified(dry_run: DryRun, subnets: int, seed: int) -> DependencyGraph:
    """The graph of a module, corrected until subnets run exactly as it predicts.

    Args:
        subnets: how many random subnets to run besides the smallest, in evaluation and training.
        seed: of those subnets.
    """
    hints: dict[Site, int] = {}
    while True:
        try:
            graph = study(dry_run, hints)
            return _Verifier(dry_run, graph, hints).corrected(graph, subnets, seed)
        except _AnotherWay:
            continue


class _Verifier:
    """Runs subnets of one walk's graph, and mends the graph."""

    def __init__(self, dry_run: DryRun, graph: DependencyGraph, hints: dict[Site, int]) -> None:
        self._dry_run, self._hints = dry_run, hints
        names = ("eval",) if _trains_alike(graph) else ("eval", "train")
        self._predictors = {name: Predictor(graph, name) for name in names}
        self._meta = not dry_run.real
        self._guesser = Guesser(dry_run.modules())

    def corrected(self, graph: DependencyGraph, subnets: int, seed: int) -> DependencyGraph:
        """``graph`` with what follows a width, and with the groups pinned that stay as they are."""
        trial = 0
        while trial <= subnets:
            widths = _trial_widths(graph, trial, seed)
            better = None
            for name in self._predictors:
                difference = self._run(graph, widths, name)
                if difference is None:
                    continue
                self._take_hint(difference)
                better = self._mended(graph, widths, name, difference)
                if better is not None:
                    break
            if better is None:
                trial += 1
            else:
                graph = better
        return graph

    def _run(self, graph: DependencyGraph, widths: Ids, name: str) -> Difference | None:
        predictor = self._predictors[name]
        if self._meta:
            found = run_subnet(self._dry_run, graph, predictor, widths, name, meta=True)
            if found is None:
                return None
        found = run_subnet(self._dry_run, graph, predictor, widths, name)
        # What runs as predicted, but not on the meta device, does not run there at all.
        self._meta = self._meta and found is not None
        return found

    def _take_hint(self, difference: Difference) -> None:
        if take_hint(difference, self._hints):
            raise _AnotherWay

    def _mended(
        self, graph: DependencyGraph, widths: Ids, name: str, difference: Difference
    ) -> DependencyGraph | None:
        """A graph without the difference, or with one reason less for it.

        None where the module differs from run to run by itself, which nothing can be learned from.
        """
        involved = _involved(graph, difference.call, widths)
        reasons: dict[int, Reason] = {}
        for group in involved:
            if group in reasons:
                continue
            alone = _only(graph, linked_with(graph.links, group), widths)
            own = self._run(graph, alone, name)
            if own is None:
                continue
            better = self._explained(graph, group, alone, name, own)
            if better is not None:
                return better
            reasons[group] = own.reason
        if not reasons:
            better = self._paired(graph, involved, widths, name)
            if better is not None:
                return better
            reasons = dict.fromkeys(involved, difference.reason)
        return _without(graph, reasons) if reasons else None

    def _explained(
        self, graph: DependencyGraph, group: int, alone: Ids, name: str, own: Difference
    ) -> DependencyGraph | None:
        """``graph`` with guesses under which ``group`` runs at its width in ``alone``."""
        share = alone[group] / graph.groups[group].channels

        def run(guessed: DependencyGraph) -> Difference | None:
            link = linked_with(guessed.links, group)
            found = self._run(guessed, _narrowed(guessed, {link: share}), name)
            if found is not None and found.position == own.position and own.actual is None:
                self._take_hint(found)
            return found

        return self._guesser.explained(graph, group, own, run)

    def _paired(
        self, graph: DependencyGraph, involved: list[int], widths: Ids, name: str
    ) -> DependencyGraph | None:
        """``graph`` with two groups linked, each of which runs alone, so that all run together."""
        few = involved[:_MOST_PAIRED]
        for a, b in ((a, b) for i, a in enumerate(few) for b in few[i + 1 :]):
            linked = with_guesses(graph, [*graph.guesses, Link(a, b)])
            both = linked_with(linked.links, a)
            if linked.links == graph.links or steps(graph.groups, both) < 2:
                continue
            links = {linked_with(linked.links, group) for group in involved}
            shares = {link: widths[link[0]] / graph.groups[link[0]].channels for link in links}
            if self._run(linked, _narrowed(linked, shares), name) is None:
                return linked
        return None


def _trains_alike(graph: DependencyGraph) -> bool:
    """Whether training executes what evaluation does, so that one of them stands for both."""
    eval_, train = ([(c.op, c.outputs) for c in graph.walks[n].calls] for n in ("eval", "train"))
    return len(eval_) == len(train) and all(
        a == b and [v.shape for v in made] == [v.shape for v in also]
        for (a, made), (b, also) in zip(eval_, train, strict=True)
    )


def _trial_widths(graph: DependencyGraph, trial: int, seed: int) -> Ids:
    """A quarter of every elastic group's channels at first, then random widths."""
    rng = np.random.default_rng((seed, trial))
    shares = rng.random(len(graph.groups)) if trial else np.full(len(graph.groups), 0.25)
    links = {linked_with(graph.links, group): share for group, share in enumerate(shares)}
    return _narrowed(graph, links)


def _narrowed(graph: DependencyGraph, shares: Mapping[tuple[int, ...], float]) -> Ids:
    """Widths of all groups, those of linked elastic groups at about their share of full width."""
    widths = np.array([g.channels for g in graph.groups], dtype=np.int64)
    for link, share in shares.items():
        if all(graph.groups[g].pinned is None for g in link):
            step = step_at(graph.groups, link, share)
            for group, width in widths_at(graph.groups, link, step).items():
                widths[group] = width
    return widths


def _only(graph: DependencyGraph, link: tuple[int, ...], widths: Ids) -> Ids:
    """``widths`` of the groups in ``link``, and full width of all others."""
    alone = np.array([g.channels for g in graph.groups], dtype=np.int64)
    alone[list(link)] = widths[list(link)]
    return alone


def _without(graph: DependencyGraph, reasons: Mapping[int, Reason]) -> DependencyGraph:
    """``graph`` with groups pinned, and what was guessed about them withdrawn."""
    kept = [g for g in graph.guesses if not any(g.involves(group) for group in reasons)]
    return pinned(with_guesses(graph, kept), reasons)


def take_hint(difference: Difference, hints: dict[Site, int]) -> bool:
    """Where an ambiguous reshape went another way than assumed, note which."""
    call, then, now = difference.call, difference.expected, difference.actual
    if call is None or call.site is None or then is None or now is None:
        return False
    if call.site in hints or len(now) != len(then):
        return False
    full = call.outputs[0].shape
    shrunk = [d for d, size in enumerate(now) if size != then[d] and size < full[d]]
    if len(shrunk) != 1:
        return False
    hints[call.site] = shrunk[0]
    return True


def _involved(graph: DependencyGraph, call: Call | None, widths: Ids) -> list[int]:
    """The narrowed groups that meet in an operator; every narrowed group where none does."""
    most = np.array([g.channels for g in graph.groups], dtype=np.int64)
    narrowed = set(np.flatnonzero(widths < most).tolist())
    met: set[int] = set()
    for value in (*call.inputs, *call.outputs) if call else ():
        for ids in value.dims:
            if ids is not None:
                met.update(graph.grouping.axis(ids).members.tolist())
    return sorted(met & narrowed) or sorted(narrowed)
