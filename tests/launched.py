"""Starting several processes that work together, by the launchers that users have."""

import os
import subprocess
import sys

# `accelerate launch --cpu` starts one process only; this starts as many as asked, GPU or not.
ACCELERATE = (
    "accelerate.commands.launch", "--multi_gpu", "--num_machines=1", "--main_process_port=0",
    "--mixed_precision=no", "--dynamo_backend=no", "--num_processes",
)  # fmt: skip
TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node")


def launch(launcher: tuple[str, ...], processes: int, *program: object) -> "subprocess.Popen[str]":
    """Start ``program``, a script or ``-m`` and a module, with its arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", *launcher, str(processes), *map(str, program)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended_well(process: "subprocess.Popen[str]") -> str:
    """What it said, once it has ended without a mistake."""
    told, _ = process.communicate(timeout=300)
    assert process.returncode == 0, told[-3000:]
    return told
