"""What a search scores subnets by, in stages: cheap scores for many, expensive ones for few."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gancompress.api.evaluate import Extract, extractor_from
from gancompress.api.inputs import real_images
from gancompress.architecture_search.evaluator import (
    GeneratorAt,
    ScoreFunction,
    Stage,
    distribution_score,
    load_score_function,
    paired_score,
)
from gancompress.architecture_search.evaluator import Score as SubnetScore
from gancompress.architecture_search.options import SearchOptions
from gancompress.architecture_search.study import Predict, Progress
from gancompress.batch import DRAWN, Batch, draw_inputs, rows
from gancompress.data.answers import teacher_images
from gancompress.data.encoding import decode_output
from gancompress.data.images import Images
from gancompress.data.live import Pairs
from gancompress.data.outputs import output_kind
from gancompress.distillation.terms import TERMS, find_term
from gancompress.distillation.terms.audio import stft
from gancompress.distillation.terms.output import l1
from gancompress.distillation.terms.term import LossTerm
from gancompress.errors import RecipeError
from gancompress.metrics.collect import collect
from gancompress.metrics.features import Extractor
from gancompress.metrics.frechet import frechet_distance, statistics_of
from gancompress.metrics.images import as_uint8
from gancompress.supernet import Subnet, Supernet
from gancompress.supernet.calibrate import calibrated

#: A score of the user's: an extracted subnet in evaluation mode to one number, or to several by
#: name, the first of which decides.
Score = Callable[[nn.Module], float | Tensor | Mapping[str, float]]

# Samples run at once.
BATCH = 64


@dataclass(frozen=True)
class SearchSettings:
    """How :func:`gancompress.search` goes on.

    Attributes:
        options: budgets, numbers of samples, stages; its ``trials`` and ``mac_budget`` are
            replaced.
        better: whether low or high scores of your own are the good ones.
        reference: costs that shares of a budget are taken of, by column (``macs``, ``params``,
            ``weight_bytes``, ``activation_bytes``); empty: those of the largest subnet.
        terms: the loss terms of the training. Scores are compared with the teacher's as one of
            these does; waves by the term ``stft``, everything else by the mean of absolute
            differences (L1).
        real: real images: a folder or zip, or a tensor (N, C, H, W). With an extractor, the best
            subnets are scored again by their Fréchet distance to these; None: to the teacher's
            images of the pairs.
        extractor: the network for that: a name as in ``docs/metrics.md``, an extractor, or a
            function of uint8 images (N, C, H, W) that gives features (N, D); empty: none.
        module_at: a subnet as a module in evaluation mode; None: with the supernet's weights, and
            batch-norm statistics of its own. :meth:`Solver.one_shot` gives solved weights.
        calibration: batches of inputs for the statistics of batch norms; empty: taken from the
            pairs, where there are any.
        batch_size: samples of each batch that is taken from the pairs.
        latency: widths (n, groups) to predicted seconds (n,), for a budget of latency.
        name: of the search within its storage.
        conditions: what scores depend on, as text; they are compared under the same conditions
            only. Empty: made of the supernet, the pairs and the options.
        scored: is called after each subnet that this process has scored.
        seed: of the proposals.
        progress: show a bar.
    """

    options: SearchOptions = field(default_factory=SearchOptions)
    better: Literal["lower", "higher"] = "lower"
    reference: Mapping[str, float] = field(default_factory=dict)
    terms: Sequence[str | LossTerm | Callable[..., Any]] = ()
    real: str | Path | Tensor | Images | None = None
    extractor: str | Extractor | Extract = ""
    module_at: Callable[[Subnet], nn.Module] | None = None
    calibration: Sequence[Batch] = ()
    batch_size: int = BATCH
    latency: Predict | None = None
    name: str = "search"
    conditions: str = ""
    scored: Callable[[Progress], None] = lambda progress: None
    seed: int = 0
    progress: bool = True


def stages_of(
    supernet: Supernet, score: Score | None, pairs: Pairs | None, how: SearchSettings
) -> list[Stage]:
    """The user's score, the evaluators of the options or the distance to the teacher, for all.

    With an extractor and images to compare with the best go on to a Fréchet distance on few
    samples, where fresh ones can be drawn, and the best of those to one on many.
    """
    extract = extracting(supernet, pairs, how)

    def generator_at(subnet: Subnet) -> Callable[[Batch], Tensor]:
        module = extract(subnet)
        return lambda batch: _call(module, batch)

    if score is not None:
        stages = [_own(score, extract, supernet.space.smallest, how)]
    elif pairs is not None:
        stages = [_paired(generator_at, pairs, how)]
    else:
        raise RecipeError("gc.search: give score=, a function of a module, or pairs= of gc.collect")
    wanted = how.options.finalists and how.extractor
    if pairs is None or not wanted:
        return stages
    reference = real_images(how.real, pairs) or teacher_images(pairs, pairs.train)
    return stages + _frechet(generator_at, pairs, reference, how) if reference else stages


def extracting(
    supernet: Supernet, pairs: Pairs | None, how: SearchSettings
) -> Callable[[Subnet], nn.Module]:
    """What gives the modules that are scored."""
    if how.module_at is not None:
        return how.module_at
    batches = how.calibration or calibration_batches(pairs, how.options, how.batch_size)
    return lambda subnet: calibrated(supernet, subnet, batches)


def _own(
    judge: Score, extract: Callable[[Subnet], nn.Module], smallest: Subnet, how: SearchSettings
) -> Stage:
    """The user's score of a module."""

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
    first = values(smallest)
    known = {smallest: first}

    def score(subnet: Subnet, seed: int) -> Mapping[str, float]:
        return known[subnet] if subnet in known else values(subnet)

    direction = "minimize" if how.better == "lower" else "maximize"
    return Stage("score", dict.fromkeys(first, direction), score, how.options.trials)


def _paired(generator_at: GeneratorAt, pairs: Pairs, how: SearchSettings) -> Stage:
    """The distance to the teacher on held-out pairs, or evaluators of outputs."""
    keys = how.options
    indices = list(pairs.held_out)[: keys.score_samples]
    if not indices:
        raise RecipeError("gc.search: pairs: none is held out; collect some, or give score=")
    inputs, outputs = pairs.batch(indices)
    targets = decode_output(outputs)
    name, distance = paired_metric(how.terms, targets)
    functions, directions = {name: distance}, {name: "minimize"}
    if keys.evaluators:
        own = keys.evaluators
        functions = {
            n: load_score_function(e.function) if e.function else distance for n, e in own.items()
        }
        directions = {n: "minimize" if e.better == "lower" else "maximize" for n, e in own.items()}
    score = paired_score(generator_at, lambda seed: (inputs, targets), functions, batch=BATCH)
    return Stage("paired", directions, score, keys.trials)


def _frechet(
    generator_at: GeneratorAt, pairs: Pairs, real: Images, how: SearchSettings
) -> list[Stage]:
    """Fréchet distances to images ``real``, on few samples and on many."""
    keys, extractor = how.options, extractor_from(how.extractor)
    reference = collect(real, extractor).statistics

    def features(images: Tensor) -> NDArray[np.float32]:
        found: NDArray[np.float32] = extractor(as_uint8(images)).features.numpy()
        return found

    def distance(features: NDArray[np.float32]) -> float:
        return frechet_distance(statistics_of(torch.from_numpy(features)), reference)

    name = f"fd_{extractor.name}"

    def score(inputs: Callable[[int], Batch]) -> SubnetScore:
        return distribution_score(generator_at, inputs, features, {name: distance}, batch=BATCH)

    stages, drawn = [], can_be_drawn(pairs)
    if drawn and keys.screened > keys.finalists and keys.screen_samples < keys.finalist_samples:
        screen = score(lambda seed: screen_inputs(keys, pairs, how.seed))
        stages.append(Stage("screen", {name: "minimize"}, screen, keys.screened))
    final = score(lambda number: search_inputs(keys, pairs, how.seed, number))
    seeds = keys.seeds if drawn else 1
    return [
        *stages,
        Stage(
            name="frechet",
            directions={name: "minimize"},
            score=final,
            subnets=keys.finalists,
            seeds=seeds,
        ),
    ]


def paired_distance(
    pairs: Pairs, indices: Sequence[int], terms: Iterable[str | LossTerm | Callable[..., Any]]
) -> Callable[[nn.Module], float]:
    """How far a module is from the teacher on the pairs at ``indices``."""
    inputs, outputs = pairs.batch(list(indices))
    targets = decode_output(outputs)
    distance = paired_metric(terms, targets)[1]

    def of(module: nn.Module) -> float:
        starts = range(0, len(targets), BATCH)
        with torch.no_grad():
            made = [module(**rows(inputs, slice(s, s + BATCH))) for s in starts]
        return distance(torch.cat(made), inputs, targets)

    return of


def paired_metric(
    terms: Iterable[str | LossTerm | Callable[..., Any]], targets: Tensor
) -> tuple[str, ScoreFunction]:
    """How far outputs are from the teacher's, with a name.

    Scores by the score term, waves by their spectra (:func:`stft_distance`), everything else by L1.
    Scores of teacher and student are not of one kind (probabilities, logits): only the term that
    the student learned by can compare them.
    """
    kind = output_kind(targets.shape)
    named: str = "l1"
    compare: Callable[[Tensor, Tensor], Tensor] = l1
    if kind == "audio":
        named, compare = "stft", stft
    elif kind == "scores":
        found = (term for term in map(find_term, terms) if term.distance is not None)
        term = next(found, TERMS["l1"])
        named, compare = term.name, term.distance or l1
    return named, lambda outputs, inputs, answers: float(compare(outputs, answers))


def calibration_batches(pairs: Pairs | None, options: SearchOptions, size: int) -> list[Batch]:
    """Training inputs for BatchNorm statistics, ``size`` samples each; none without pairs."""
    if pairs is None:
        return []
    count = len(pairs.train)
    starts = range(0, options.calibration_batches * size, size)
    return [pairs.batch([i % count for i in range(start, start + size)])[0] for start in starts]


def can_be_drawn(pairs: Pairs) -> bool:
    """Whether fresh inputs come from a seed, as many as are wanted."""
    return all(entry.kind in DRAWN for entry in pairs.inputs.values())


def search_inputs(options: SearchOptions, pairs: Pairs, seed: int, number: int) -> Batch:
    """Inputs that finalists of the search are scored on: fresh ones, or its share of held-out.

    Fresh inputs are others for every evaluation ``number``, and the same for all finalists.
    """
    if can_be_drawn(pairs):
        count = options.finalist_samples
        return draw_inputs(pairs.inputs, range(number * count, (number + 1) * count), seed + 2)
    return pairs.batch(pairs.held_out[: options.score_samples])[0]


def screen_inputs(options: SearchOptions, pairs: Pairs, seed: int) -> Batch:
    """Fresh inputs that finalists are chosen on: others than they are scored on afterwards."""
    first = options.seeds * options.finalist_samples
    return draw_inputs(pairs.inputs, range(first, first + options.screen_samples), seed + 2)


def unseen_pairs(options: SearchOptions, pairs: Pairs) -> range:
    """Held-out pairs that the search did not score on; all of them where it left none."""
    return pairs.held_out[options.score_samples :] or pairs.held_out


def _call(module: nn.Module, batch: Batch) -> Tensor:
    output: Tensor = module(**batch)
    return output
