"""The options of a search; the section ``search`` of a recipe is made of them."""

from dataclasses import dataclass
from typing import Literal

from gancompress.options import option


@dataclass(frozen=True)
class EvaluatorOptions:
    """What every candidate is scored by."""

    function: str = option(
        "", "'module:attr' or 'file.py:attr' of f(outputs, inputs, targets); empty: the distance"
    )
    better: Literal["lower", "higher"] = option("lower", "which scores are better")


@dataclass(frozen=True)
class SearchOptions:
    """Looking for the best subnets."""

    trials: int = option(300, "subnets to score", low=1)
    mac_budget: str = option("", "exact MACs of one sample: 4M, 1.2G, or 1/8 of the teacher's")
    param_budget: str = option("", "parameters: 500K, or 1/8 of the teacher's")
    size_budget: str = option("", "bytes of the weights: 4M, or 1/8 of the teacher's")
    memory_budget: str = option(
        "", "bytes of inputs and intermediate results at one time: 4M, or 1/8 of the teacher's"
    )
    latency_budget: str = option("", "of one batch on the runtime: 2ms")
    runtime: Literal["torch", "onnxruntime", "openvino"] = option("torch", "for the latency budget")
    device: str = option(
        "", "of `gancompress device add`, whose latency is limited in place of this machine's"
    )
    storage: str = option("", "database URL of the trials, to share a search; empty: in the run")
    timed_subnets: int = option(16, "subnets to time for a latency budget", low=8)
    score_samples: int = option(256, "held-out pairs that every candidate is scored on", low=2)
    evaluators: dict[str, EvaluatorOptions] = option(
        {}, "your own scores of candidates by name, the first one decides; empty: the distance"
    )
    screened: int = option(
        40, "best candidates that go on to a Fréchet distance on few samples; 0: straight on", low=0
    )
    screen_samples: int = option(500, "samples of that Fréchet distance", low=2)
    finalists: int = option(
        8, "best of them, scored on many samples; 0: the candidates' own score decides", low=0
    )
    finalist_samples: int = option(2_000, "samples of that Fréchet distance", low=2)
    seeds: int = option(
        3, "sets of samples for it; mean and standard deviation are told", low=1, high=1_000
    )
    calibration_batches: int = option(8, "training batches for BatchNorm statistics", low=0)
