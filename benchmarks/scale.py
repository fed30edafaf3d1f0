"""How tracing, costs and proposals grow with a network.

    python -m benchmarks.scale [--blocks 6 23 33 46] [--depth] [--quick]

Real-ESRGAN's RRDB generator of 64 features with more and more blocks, each of 15 convolutions. Of
each: CPU seconds to make the supernet (the first of a process also loads parts of PyTorch), for
100,000 costs, for a starting population at 1/8 of the MACs, and for a round of eight proposals from
20 scores; and how much the process's largest memory grew by in all of it.
"""

import resource
import time
from typing import Any

import numpy as np
import torch

import gancompress as gc
from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.architecture_search.feasible import Feasible
from gancompress.architecture_search.proposals import next_round, starting_population
from gancompress.architecture_search.study import cost_function
from gancompress.generators.build import build


def measured(blocks: int, depth: bool) -> dict[str, Any]:
    """The row of one network."""
    torch.manual_seed(0)
    network = build("rrdb", blocks=blocks)
    before = _memory()
    row: dict[str, Any] = {"blocks": blocks, "convolutions": _convolutions(network)}
    start = time.process_time()
    supernet = gc.Supernet(network, {"image": torch.randn(2, 3, 16, 16)}, depth=depth)
    row |= {"supernet_s": _since(start), "groups": len(supernet.space.groups)}
    rng = np.random.default_rng(0)
    costs = cost_function(supernet.cost_model)
    widths = np.array([supernet.space.sample(rng) for _ in range(500)]).repeat(200, axis=0)
    start = time.process_time()
    costs(widths)
    row["100000_costs_s"] = _since(start)
    most = supernet.cost_model.cost(supernet.space.largest).macs
    feasible = Feasible(supernet.space, costs, {"macs": most / 8}, "macs")
    start = time.process_time()
    known = starting_population(feasible, 20, rng)
    row["population_s"] = _since(start)
    scores = np.array([[-float(np.log(subnet).mean())] for subnet in known])
    start = time.process_time()
    next_round(feasible, known, scores, known, 8, rng)
    return row | {"round_s": _since(start), "memory_mb": round(_memory() - before)}


def _convolutions(network: torch.nn.Module) -> int:
    return sum(isinstance(child, torch.nn.Conv2d) for child in network.modules())


def _since(start: float) -> float:
    return round(time.process_time() - start, 2)


def _memory() -> float:
    """The most that the process has held so far, in megabytes (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--blocks", type=int, nargs="*", default=[6, 23, 33, 46])
    parser.add_argument("--depth", action="store_true", help="residual branches may be dropped")
    parser.add_argument("--note", default="", help="circumstances")
    options = arguments_of(parser, blocks=[1])
    rows = [measured(blocks, options.depth) for blocks in options.blocks]
    record("scale", rows, depth=options.depth, note=options.note)


if __name__ == "__main__":
    main()
