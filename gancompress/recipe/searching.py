"""What a recipe says about the search."""

from dataclasses import dataclass
from typing import Literal

from gancompress.recipe.keys import key


@dataclass(frozen=True)
class Evaluator:
    """What every candidate is scored by."""

    function: str = key(
        "", "'module:attr' or 'file.py:attr' of f(outputs, inputs, targets); empty: the distance"
    )
    better: Literal["lower", "higher"] = key("lower", "which scores are better")


@dataclass(frozen=True)
class Search:
    """Looking for the best subnets."""

    trials: int = key(300, "subnets to score", low=1)
    mac_budget: str = key("", "exact MACs of one sample: 4M, 1.2G, or 1/8 of the teacher's")
    param_budget: str = key("", "parameters: 500K, or 1/8 of the teacher's")
    size_budget: str = key("", "bytes of the weights: 4M, or 1/8 of the teacher's")
    latency_budget: str = key("", "of one batch on the runtime: 2ms")
    runtime: Literal["torch", "onnxruntime", "openvino"] = key("torch", "for the latency budget")
    storage: str = key("", "database URL of the trials, to share a search; empty: in the run")
    timed_subnets: int = key(16, "subnets to time for a latency budget", low=8)
    score_samples: int = key(256, "held-out pairs that every candidate is scored on", low=2)
    evaluators: dict[str, Evaluator] = key(
        {}, "your own scores of candidates by name, the first one decides; empty: the distance"
    )
    screened: int = key(
        40, "best candidates that go on to a Fréchet distance on few samples; 0: straight on", low=0
    )
    screen_samples: int = key(500, "samples of that Fréchet distance", low=2)
    finalists: int = key(
        8, "best of them, scored on many samples; 0: the candidates' own score decides", low=0
    )
    finalist_samples: int = key(2_000, "samples of that Fréchet distance", low=2)
    seeds: int = key(3, "sets of samples for it; mean and standard deviation are told", low=1)
    calibration_batches: int = key(8, "training batches for BatchNorm statistics", low=0)
