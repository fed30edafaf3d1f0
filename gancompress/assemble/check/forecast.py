"""What a run will take: seconds of every stage and memory, from a few timed passes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor, nn

from gancompress.architecture_search.budget import budget_of, columns_of
from gancompress.architecture_search.study import cost_function
from gancompress.assemble.check.network import Network, device_of
from gancompress.batch import InputSpec, example_inputs
from gancompress.recipe.schema import Recipe
from gancompress.reconstruction.solver import samples_at_once
from gancompress.supernet import Supernet

# Multiply-adds of the passes that are timed; larger networks are timed on a sample, or not at all.
TIMED_MACS, MOST_MACS = 4e9, 5e10

# A step's passes: what goes backward costs twice what goes forward.
BACKWARD = 2.0

# Copies of the weights: parameters, gradients, two moments, the average.
COPIES = 5


@dataclass(frozen=True)
class Forecast:
    """What a run will take, about.

    Attributes:
        seconds: by stage.
        step: seconds of a step of the training: of the distillation, or of the fine-tuning where
            weights are solved for; 0 where the network is too large to be timed.
        memory: bytes of a step.
        measured_on: device of the timing.
    """

    seconds: dict[str, float]
    step: float
    memory: float
    measured_on: str


def forecast(
    recipe: Recipe, supernet: Supernet, student: Network, teacher: Network | None, inputs: InputSpec
) -> Forecast:
    """Time a few passes of student and teacher as they are, and multiply.

    Loss terms, the discriminator and reading data are not in it.

    Args:
        recipe: says how many passes there are.
        supernet: of the student, for its costs and smallest subnet.
        student, teacher: the networks; None for a black box, whose answers take as long as they do.
        inputs: of both.
    """
    device = _device(recipe.device)
    costs = columns_of(
        cost_function(supernet.cost_model), [supernet.space.largest, supernet.space.smallest]
    )
    macs, activations = costs["macs"], costs["activation_bytes"]
    keys = recipe.distill
    size = samples_at_once(float(macs[0])) if recipe.solves else keys.batch_size
    memory = COPIES * float(costs["weight_bytes"][0]) + size * float(activations[0]) * 3
    if macs[0] > MOST_MACS:
        return Forecast({}, 0.0, memory, str(device))
    one = _seconds_a_sample(student.whole, inputs, device, float(macs[0]))
    smallest = float(macs[1] / macs[0])
    limits = budget_of(recipe.search).limits({name: float(c[0]) for name, c in costs.items()})
    largest = min(1.0, limits.get("macs", inf) / float(macs[0])) if recipe.solves else 1.0
    between = (largest + smallest) / 2
    share = {"largest": 1.0, "uniform": keys.random_subnets * between}.get(
        "largest" if keys.fixed else keys.subnets, 1 + smallest + keys.random_subnets * between
    )
    answer = 0.0
    if teacher is not None:
        answer = _seconds_a_sample(teacher.whole, inputs, device, float(macs[0]))
    found = {}
    if recipe.records:
        found["collect"] = answer * (recipe.collect.count + recipe.collect.held_out)
    if recipe.solves:
        step = one * (1 + BACKWARD) * size * between
        return Forecast(
            {**found, **_solving(recipe, one, between, size)}, step, memory, str(device)
        )
    step = one * (1 + BACKWARD) * size * share
    found["distill"] = step * keys.steps
    search, batches = recipe.search, recipe.search.calibration_batches * keys.batch_size
    found["search"] = search.trials * (search.score_samples + batches) * one * between
    if recipe.finetune.steps:
        subnets = 2 + recipe.finetune.compare
        found["finetune"] = subnets * recipe.finetune.steps * step / 3
    return Forecast(found, step, memory, str(device))


def _solving(recipe: Recipe, one: float, between: float, size: int) -> dict[str, float]:
    """Seconds of the stages that need no supernet to be trained, without the systems of equations.

    Args:
        recipe: says how many passes there are.
        one: seconds of a sample at full width; ``between``: share of it of a subnet.
        size: samples of a batch.
    """
    keys, search = recipe.reconstruct, recipe.search
    gathered, scored = keys.samples * one, search.score_samples + 2 * size
    found = {
        "order": gathered * (1 + BACKWARD),
        "search": gathered + search.trials * scored * one * between,
        "reconstruct": gathered + keys.finalists * gathered * (1 + between),
    }
    if recipe.finetune.steps:
        found["finetune"] = recipe.finetune.steps * size * one * (1 + BACKWARD) * between
    return found


def _device(text: str) -> torch.device:
    if text in ("auto", "cuda") and torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu" if text == "auto" else text)


def _seconds_a_sample(
    module: nn.Module, inputs: InputSpec, device: torch.device, macs: float
) -> float:
    """Of one pass forward in evaluation mode: the shorter of two, after one that is not counted."""
    count = max(1, min(8, int(TIMED_MACS / max(macs, 1.0))))
    before = device_of(module)
    batch = {name: value.to(device) for name, value in example_inputs(inputs, count).items()}
    module = module.to(device).eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            times = [_timed(lambda: module(**batch), device) for _ in range(3)]
    finally:
        module.to(before)
    return min(times[1:]) / count


def _timed(run: Callable[[], Tensor], device: torch.device) -> float:
    started = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
