"""How long subnets take on a runtime: some are timed, the others predicted from them."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from gancompress.architecture_search.budget import Budget
from gancompress.architecture_search.front import Candidate, Front, spearman
from gancompress.architecture_search.latency_predictor import (
    LatencyPredictor,
    fit_latency,
    subnets_to_time,
    time_subnets,
)
from gancompress.atomic import write_json
from gancompress.batch import InputSpec, example_inputs
from gancompress.exporters.onnx import export_onnx
from gancompress.exporters.program import Job
from gancompress.metrics.latency import Run, eager_run, onnx_run, openvino_run, time_run
from gancompress.metrics.threads import pinned_threads
from gancompress.progress import progress_bar
from gancompress.supernet import Subnet, Supernet
from gancompress.supernet.cost import CostModel

WARMUP = 3


@dataclass(frozen=True)
class Stopwatch:
    """Times subnets of one supernet on one runtime.

    Attributes:
        supernet: what they are cut from.
        inputs: its input specification; one sample is timed.
        runtime: ``torch``, ``onnxruntime`` or ``openvino``.
        threads: CPU threads.
        runs: timed calls of each; the median counts.
    """

    supernet: Supernet
    inputs: InputSpec
    runtime: str
    threads: int
    runs: int

    def time(self, subnets: Sequence[Subnet]) -> dict[Subnet, float]:
        """Seconds of one sample through each subnet."""
        with TemporaryDirectory() as folder, pinned_threads(self.threads):
            prepared = {
                subnet: self._prepared(subnet, Path(folder) / f"{index}.onnx")
                for index, subnet in enumerate(
                    progress_bar(subnets, desc=f"latency ({self.runtime})")
                )
            }
            return time_subnets(list(subnets), lambda subnet: self._median(prepared[subnet]))

    def _median(self, run: Run) -> float:
        return time_run(run, warmup=WARMUP, repeats=self.runs).median

    def _prepared(self, subnet: Subnet, path: Path) -> Run:
        module, batch = self.supernet.extract(subnet).eval(), example_inputs(self.inputs, 1)
        if self.runtime == "torch":
            return eager_run(module, batch)
        export_onnx(Job(module, self.inputs, path))
        load = onnx_run if self.runtime == "onnxruntime" else openvino_run
        return load(path, batch, threads=self.threads)


@dataclass(frozen=True)
class Clock:
    """A stopwatch and the predictor fitted to what it measured."""

    watch: Stopwatch
    fitted: LatencyPredictor

    def best(
        self, front: Front, budget: Budget, reference: Mapping[str, float]
    ) -> tuple[Front, Candidate, list[str]]:
        """Time the finalists, and choose the best that keeps the budget when it is measured.

        Returns:
            The front with measured latencies where there are any, the choice, what to tell of it.

        Raises:
            BudgetError: none of the candidates keeps the budget.
        """
        front = front.with_latency(self.watch.time([c.subnet for c in front.finalists()]))
        while "predicted_latency" not in (chosen := front.best(budget, reference)).costs:
            # Nobody's finalist, and so predicted only: if it is too slow, the next best.
            front = front.with_latency(self.watch.time([chosen.subnet]))
        milliseconds = {
            name: f"{chosen.costs[name] * 1e3:.3g}" for name in ("latency", "predicted_latency")
        }
        how = f"{self.watch.runtime}, {self.watch.threads} threads"
        told = describe(self.fitted, how, self.watch.supernet.cost_model)
        told.append(
            f"Subnet {chosen.subnet.brief}: {milliseconds['latency']} ms measured, "
            f"{milliseconds['predicted_latency']} predicted."
        )
        return front, chosen, told


def predictor(
    watch: Stopwatch, supernet_hash: str, count: int, seed: int, kept: Path
) -> LatencyPredictor:
    """A predictor for the watch's runtime; what was timed is kept in the file ``kept``.

    Args:
        supernet_hash: measurements of other supernets are not used.
        count: subnets to time.
    """
    space, costs = watch.supernet.space, watch.supernet.cost_model
    # A copy of the run on another machine has other times.
    key = f"{platform.node()}:{watch.runtime}:{watch.threads}:{supernet_hash}"
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    if key not in known:
        timed = watch.time(subnets_to_time(space, costs, count, seed))
        known[key] = {subnet.text: seconds for subnet, seconds in timed.items()}
        write_json(kept, known)
    return fit_latency(costs, {space.parse(text): s for text, s in known[key].items()})


def describe(fitted: LatencyPredictor, where: str, cost_model: CostModel) -> list[str]:
    """How far predictions can be trusted, and whether MACs tell the same."""
    measured = fitted.measured
    macs = [float(cost_model.cost(subnet).macs) for subnet in measured]
    rank = spearman(np.array([macs, list(measured.values())]).T)
    told = [
        f"Latency ({where}) predicted from {len(measured)} timed subnets: median error of one "
        f"that is left out {fitted.median_error:.1%}, worst {fitted.worst_error:.1%}."
    ]
    if rank < 0.9:
        told.append(
            f"MACs and latency disagree in rank (Spearman {rank:+.2f}): fewer MACs are not always "
            "faster there."
        )
    return told


def threads_of(threads: int) -> int:
    """The recipe's threads, or PyTorch's choice."""
    return threads or torch.get_num_threads()
