"""How good is a subnet: scores in stages, cheap ones for many subnets, expensive ones for few."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gancompress.batch import Batch, batch_size, rows
from gancompress.errors import RecipeError
from gancompress.resolve import resolve
from gancompress.supernet.space import Subnet

#: A subnet made ready to run: inherited weights, statistics recalibrated.
GeneratorAt = Callable[[Subnet], Callable[[Batch], Tensor]]

#: Seed of the evaluation to its fixed inputs and the teacher's outputs for them.
Samples = Callable[[int], tuple[Batch, Tensor]]

#: Outputs, inputs and the teacher's outputs (all samples at once) to one number.
ScoreFunction = Callable[[Tensor, Batch, Tensor], float]

#: Subnet and evaluation seed to one number per objective.
Score = Callable[[Subnet, int], Mapping[str, float]]


@dataclass(frozen=True)
class Stage:
    """One round of scoring; the best of it go on to the next.

    Attributes:
        name: letters, digits, ``-`` and ``_``.
        directions: ``minimize`` or ``maximize`` by objective; the first objective decides between
            subnets that the budget allows.
        score: gives every objective. The same seed must mean the same inputs for every subnet, so
            that differences are those of the subnets (common random numbers).
        subnets: how many subnets are scored.
        seeds: how often each is scored, with seeds 0, 1, …; the mean counts.
    """

    name: str
    directions: Mapping[str, str]
    score: Score
    subnets: int
    seeds: int = 1

    def __post_init__(self) -> None:
        names = [self.name, *self.directions]
        if not all(name.replace("-", "").replace("_", "").isalnum() for name in names):
            raise ValueError(f"stage and objective names {names}: letters, digits, - and _ only")
        if set(self.directions.values()) - {"minimize", "maximize"} or not self.directions:
            raise ValueError(f"directions of stage {self.name}: minimize or maximize each")
        if self.subnets < 1 or self.seeds < 1:
            raise ValueError(f"stage {self.name}: at least one subnet and one seed")


def score_all(stage: Stage, subnet: Subnet) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each objective over the stage's seeds.

    A number that is not finite becomes the worst there is, so that a collapsed subnet neither stops
    the search nor is tried again.
    """
    runs = [stage.score(subnet, seed) for seed in range(stage.seeds)]
    means, spreads = [], []
    for name, direction in stage.directions.items():
        values = np.array([float(run[name]) for run in runs])
        finite = bool(np.isfinite(values).all())
        worst = np.inf if direction == "minimize" else -np.inf
        means.append(float(values.mean()) if finite else worst)
        spreads.append(float(values.std(ddof=1)) if finite and len(values) > 1 else 0.0)
    return means, spreads


def paired_score(
    generator_at: GeneratorAt,
    samples: Samples,
    functions: Mapping[str, ScoreFunction],
    *,
    batch: int,
) -> Score:
    """Score outputs against the teacher's on the same inputs, ``batch`` samples at a time.

    All outputs of one seed are held in memory at once: meant for hundreds of samples.
    """

    def score(subnet: Subnet, seed: int) -> dict[str, float]:
        inputs, targets = samples(seed)
        outputs = torch.cat(list(_outputs(generator_at(subnet), inputs, batch)))
        return {name: function(outputs, inputs, targets) for name, function in functions.items()}

    return score


def distribution_score(
    generator_at: GeneratorAt,
    inputs: Callable[[int], Batch],
    extract: Callable[[Tensor], NDArray[np.float32]],
    distances: Mapping[str, Callable[[NDArray[np.float32]], float]],
    *,
    batch: int,
) -> Score:
    """Score the distribution of the outputs' features, say by a Fréchet distance.

    Args:
        inputs: evaluation seed to fixed inputs.
        extract: generator outputs (n, C, H, W) to features (n, D).
        distances: features (N, D) to a number, by objective; each holds its reference's statistics.
        batch: samples at a time; only features are kept.
    """

    def score(subnet: Subnet, seed: int) -> dict[str, float]:
        outputs = _outputs(generator_at(subnet), inputs(seed), batch)
        features = np.concatenate([extract(images) for images in outputs])
        return {name: distance(features) for name, distance in distances.items()}

    return score


def mean_absolute_error(outputs: Tensor, inputs: Batch, targets: Tensor) -> float:
    """Mean of |student - teacher| over all samples and pixels."""
    return float((outputs - targets).abs().mean())


def load_score_function(name: str) -> ScoreFunction:
    """The user's function at ``"module:attr"`` or ``"file.py:attr"``.

    A callable ``(outputs, inputs, targets) -> float`` of the student's and the teacher's outputs
    (all samples at once) and the batch that both were given.

    Raises:
        RecipeError: there is no such callable; or, when it is called, it raises, changes its
            arguments in place, or returns no number.
    """
    function = resolve(name, noun="evaluator")
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError as error:
        raise RecipeError(
            f"evaluator {name!r}: must take (outputs, inputs, targets): {error}"
        ) from error
    except ValueError:  # some callables in C have no signature
        pass

    def score_outputs(outputs: Tensor, inputs: Batch, targets: Tensor) -> float:
        # Copies: what it does to them must not reach the next one.
        own = outputs.clone(), {key: x.clone() for key, x in inputs.items()}, targets.clone()
        tensors = (own[0], *own[1].values(), own[2])
        before = [tensor._version for tensor in tensors]
        try:
            score = function(*own)
        except Exception as error:
            raise RecipeError(
                f"evaluator {name!r}: raises {type(error).__name__}: {error}"
            ) from error
        if [tensor._version for tensor in tensors] != before:
            raise RecipeError(
                f"evaluator {name!r}: changes its arguments in place; let it work on copies"
            )
        try:
            return float(score)
        except (TypeError, ValueError, RuntimeError) as error:
            raise RecipeError(
                f"evaluator {name!r}: must return one number, returned {type(score).__name__}"
            ) from error

    return score_outputs


@torch.no_grad()
def _outputs(generator: Callable[[Batch], Tensor], inputs: Batch, batch: int) -> Iterator[Tensor]:
    for start in range(0, batch_size(inputs), batch):
        yield generator(rows(inputs, slice(start, start + batch)))
