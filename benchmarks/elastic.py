"""What elasticity costs: a subnet's training step, conversion, a million costs, memory.

    python -m benchmarks.elastic [step] [conversion] [costs] [memory]

Targets: a step of a half-width subnet at most 1.10 times one of the same-sized plain module,
conversion of any network at most 15 s, a million costs at most 1 s, no memory beyond the module's.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from benchmarks.record import record
from benchmarks.start import arguments_of, is_quick, parser_of
from gancompress.batch import Batch, example_inputs
from gancompress.generators.build import build
from gancompress.supernet import Supernet

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.zoo.networks import ZOO

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# Network, samples, repeats.
STEPS = {
    "distylegan 32×32, batch 64": ("distylegan", 64, 21),
    "resnet 256×256, batch 1": ("resnet", 1, 5),
}


def step() -> None:
    """Training steps of a half-width subnet and of the same module extracted, in turns."""
    rows = []
    for name, (factory, samples, repeats) in STEPS.items():
        torch.manual_seed(0)
        module = build(factory).to(DEVICE)
        batch = {k: v.to(DEVICE) for k, v in example_inputs(module.inputs, samples).items()}
        supernet = Supernet(module, batch)
        subnet = supernet.space.uniform(0.5)
        plain = supernet.extract(subnet).train()
        supernet.train()
        timed = interleaved(
            {
                "plain": passing(plain, batch, {}),
                "subnet": passing(supernet, batch, {"subnet": subnet}),
                "plain, Adam": training(plain, batch, {}),
                "subnet, Adam": training(supernet, batch, {"subnet": subnet}),
            },
            repeats,
        )
        for kind in ("", ", Adam"):
            ratio = timed[f"subnet{kind}"] / timed[f"plain{kind}"]
            what = "forward, backward" + kind
            row = {
                "network": name,
                "what": what,
                "repeats": repeats,
                "plain ms": 1e3 * timed[f"plain{kind}"],
            }
            rows.append({**row, "subnet ms": 1e3 * timed[f"subnet{kind}"], "ratio": ratio})
    record("elastic_step", rows, device=str(DEVICE), target=1.10)


def passing(net: nn.Module, batch: Batch, options: dict[str, Any]) -> Callable[[], None]:
    """Forward and backward; the gradients are dropped."""

    def run() -> None:
        net(**batch, **options).square().mean().backward()
        net.zero_grad(set_to_none=True)

    return run


def training(net: nn.Module, batch: Batch, options: dict[str, Any]) -> Callable[[], None]:
    """Forward, backward and a step of Adam over all parameters.

    Fused, because the optimiser also visits the channels that the subnet did not touch: the plain
    Adam makes 73 ms of the 11.4 M parameters of the ResNet, the fused one 15 ms.
    """
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-9, fused=True)

    def run() -> None:
        net(**batch, **options).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return run


def interleaved(runs: dict[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Median seconds of each; taken in turns, so that a busy machine slows all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            start = clock()
            run()
            if repeat:  # the first warms up
                seconds[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def clock() -> float:
    """Seconds: of the accelerator's work, or of the processor's (the machine may be shared)."""
    if DEVICE.type != "cuda":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def conversion() -> None:
    """Seconds to convert each network of the zoo."""
    rows = []
    for name, network in ZOO.items():
        module = network.make()
        batch = network.batch(module)
        start = clock()
        supernet = Supernet(module, batch)
        seconds = clock() - start
        parameters = sum(p.numel() for p in module.parameters())
        groups = len(supernet.space.groups)
        rows.append({"network": name, "parameters": parameters, "groups": groups, "s": seconds})
    record("elastic_conversion", rows, target=15.0)


def costs() -> None:
    """Seconds for the costs of a million subnets in one call."""
    rows = []
    for name in ("resnet", "distylegan", "unet", "spade"):
        module = build(name)
        supernet = Supernet(module, example_inputs(module.inputs, 1))
        rng = np.random.default_rng(0)
        columns = [rng.choice(widths, 1_000_000) for widths in supernet.space.choices]
        matrix = np.stack(columns, axis=1)
        start = clock()
        supernet.cost_model.costs(matrix)
        rows.append({"network": name, "groups": len(columns), "s": clock() - start})
    record("elastic_costs", rows, subnets=1_000_000, target=1.0)


def memory() -> None:
    """Bytes of the tensors of a module, and of all that are alive after its conversion."""
    rows = []
    for name in ("resnet", "distylegan", "unet"):
        inputs = build(name).inputs
        batch = example_inputs(inputs, 1)
        before = alive()
        module = build(name)
        alone = alive() - before
        supernet = Supernet(module, batch)
        converted = alive() - before
        rows.append({"network": name, "module MB": alone / 1e6, "supernet MB": converted / 1e6})
        del module, supernet
    record("elastic_memory", rows, target="equal")


def alive() -> int:
    """Bytes in the storages of all tensors that Python knows of."""
    gc.collect()
    found = [o for o in gc.get_objects() if isinstance(o, Tensor) and not isinstance(o, FakeTensor)]
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in found}
    return sum(storages.values())


PARTS = {"step": step, "conversion": conversion, "costs": costs, "memory": memory}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    for part in arguments_of(parser).parts or (["memory"] if is_quick() else PARTS):
        PARTS[part]()


if __name__ == "__main__":
    main()
