"""The formula of peak memory, beside what two runtimes take for the same subnets.

    python -m benchmarks.memory [--quick]

``formula``: bytes of inputs and intermediate results at one time, each freed after its last use.
``ExecuTorch``: the memory that its planner lays out for the portable operators, without delegates.
``ONNX Runtime``: growth of its process during one call without an arena, and the inputs; scratch
space of its kernels is in it. Batch 1, one thread. Writes ``benchmarks/results/memory.json``.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.batch import Batch, InputSpec, example_inputs
from gancompress.exporters.onnx import export_onnx
from gancompress.exporters.packages import require
from gancompress.exporters.program import Job, quiet
from gancompress.generators.build import build
from gancompress.supernet import Supernet

NETWORKS: dict[str, dict[str, Any]] = {
    "sngan": {},
    "rrdb": {"blocks": 3},
    "srvgg": {},
    "unet": {"width": 16, "downs": 6, "resolution": 256},
    "resnet": {"width": 16, "blocks": 3, "resolution": 256},
}

# What the allocator keeps for later would hide what a call takes.
RETURNED = {"MALLOC_MMAP_THRESHOLD_": "16384", "MALLOC_TRIM_THRESHOLD_": "16384"}

CHILD = """
import sys
import numpy as np, onnxruntime

def resident(key):
    for line in open("/proc/self/status"):
        if line.startswith(key):
            return int(line.split()[1]) * 1024

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.enable_cpu_mem_arena = options.enable_mem_pattern = False
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
feed = dict(np.load(sys.argv[2]))
session.run(None, feed)
taken = []
for _ in range(5):
    open("/proc/self/clear_refs", "w").write("5")
    before = resident("VmRSS")
    output = session.run(None, feed)
    taken.append(resident("VmHWM") - before)
    del output
print(sorted(taken)[2])
"""


def main() -> None:
    options = arguments_of(parser_of(__doc__))
    torch.set_num_threads(1)
    names = list(NETWORKS)[:1] if options.quick else list(NETWORKS)
    record("memory", [row for name in names for row in _measured(name)])


def _measured(name: str) -> list[dict[str, Any]]:
    module = build(name, **NETWORKS[name]).eval()
    inputs: InputSpec = module.inputs  # type: ignore[assignment]
    supernet = Supernet(module, example_inputs(inputs, 2))
    batch = example_inputs(inputs, 1)
    rows = []
    for ratio in (1.0, 0.5):
        subnet = supernet.space.uniform(ratio)
        formula = supernet.cost_model.cost(subnet).activation_bytes
        student = supernet.extract(subnet).eval()
        planned, taken = _planned(student, batch), _taken(student, inputs, batch)
        rows.append(
            {
                "network": name,
                "widths": ratio,
                "formula": formula,
                "ExecuTorch": planned / formula,
                "ONNX Runtime": taken / formula,
            }
        )
    return rows


def _planned(module: nn.Module, batch: Batch) -> int:
    exir = require("executorch.exir", "executorch")
    with quiet(), torch.no_grad():
        program = torch.export.export(module, (), batch, strict=False)
        lowered = exir.to_edge_transform_and_lower(program).to_executorch()
    (plan,) = lowered.executorch_program.execution_plan
    return int(sum(plan.non_const_buffer_sizes))


def _taken(module: nn.Module, inputs: InputSpec, batch: Batch) -> int:
    import numpy as np

    arrays: dict[str, Any] = {name: value.numpy() for name, value in batch.items()}
    with tempfile.TemporaryDirectory() as folder:
        model, feed = Path(folder) / "m.onnx", Path(folder) / "inputs.npz"
        export_onnx(Job(module, inputs, model))
        np.savez(feed, **arrays)
        command = [sys.executable, "-c", CHILD, str(model), str(feed)]
        environment = {**os.environ, **RETURNED}
        told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return int(json.loads(told.stdout)) + sum(array.nbytes for array in arrays.values())


if __name__ == "__main__":
    main()
