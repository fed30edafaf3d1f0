"""Verbs in launched processes: what several leave is what one leaves."""

import json
import shutil
import time
from pathlib import Path

import psutil
import pytest
import torch

import gancompress
from gancompress.cli import main
from gancompress.run import RunDir
from tests.launched import ACCELERATE, TORCHRUN, ended_well, launch

TINY = Path(__file__).with_name("tiny.yaml")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_processes_that_were_killed_and_came_back_as_more_record_what_one_does(
    tmp_path: Path,
) -> None:
    keys = ["teach.steps=1", "collect.count=3000", "collect.shard=10"]
    assert main(["teach", str(TINY), *keys, "--run", str(tmp_path / "one")]) == 0
    shutil.copytree(tmp_path / "one", tmp_path / "more")
    assert main(["collect", str(TINY), *keys, "--run", str(tmp_path / "one")]) == 0

    program = ["-m", "gancompress", "collect", TINY, *keys, "--run", tmp_path / "more"]
    pairs = tmp_path / "more" / "pairs"
    process = launch(ACCELERATE, 2, *program)
    while process.poll() is None and len(list(pairs.glob("shard-*"))) < 5:
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children(recursive=True)
    for worker in workers:
        worker.kill()
    told, _ = process.communicate(timeout=300)
    assert len(workers) == 2, told
    assert process.returncode != 0
    assert json.loads((pairs / "pairs.json").read_text())["shards"] is None

    ended_well(launch(ACCELERATE, 3, *program))
    assert files(pairs) == files(tmp_path / "one" / "pairs")
    one, more = (RunDir(tmp_path / name).facts("collect") for name in ("one", "more"))
    assert one == more


@pytest.mark.slow
def test_two_launched_processes_distil_what_one_does_with_twice_the_batch(tmp_path: Path) -> None:
    # Three subnets have even shares of the fresh images of each process.
    one, two = (["distill.steps=4", f"distill.batch_size={size}"] for size in (24, 12))
    for name, keys in (("one", one), ("two", two)):
        assert main(["teach", str(TINY), *keys, "--run", str(tmp_path / name)]) == 0
    assert main(["distill", str(TINY), *one, "--run", str(tmp_path / "one")]) == 0
    # What follows "--" are no options of torchrun, which would take "--run" for its own.
    program = ["-m", "--", "gancompress", "distill", TINY, *two, "--run", tmp_path / "two"]
    ended_well(launch(TORCHRUN, 2, *program))
    alone, shared = (
        gancompress.load_student(tmp_path / name / "supernet.safetensors").module.state_dict()
        for name in ("one", "two")
    )
    for name, value in alone.items():
        torch.testing.assert_close(value, shared[name], rtol=0, atol=5e-6)
