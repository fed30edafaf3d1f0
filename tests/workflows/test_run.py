"""`run` from data to report: what it leaves, what it refuses, and that it survives being killed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

import gancompress
from gancompress.batch import draw_inputs
from gancompress.cli import main
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.workflows import search

TINY = Path(__file__).with_name("tiny.yaml")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one finished run in it."""
    root = tmp_path_factory.mktemp("runs")
    assert main(["run", str(TINY), "--root", str(root)]) == 0
    # Later tests choose other students from the run.
    shutil.copy(root / "tiny-1" / "student.safetensors", root / "first.safetensors")
    return root


@pytest.fixture
def run(root: Path) -> RunDir:
    return RunDir.open(root / "tiny-1")


def test_a_run_leaves_a_student_that_its_export_equals(run: RunDir) -> None:
    student = gancompress.load_student(run.path / "student.safetensors")
    batch = draw_inputs(student.inputs, range(7), seed=9)
    with torch.no_grad():
        images = student.module(**batch)
    assert images.shape == (7, 1, 16, 16)
    session = onnxruntime.InferenceSession(run.path / "export" / "student.onnx")
    (exported,) = session.run(None, {name: value.numpy() for name, value in batch.items()})
    assert np.abs(exported - images.numpy()).max() < 1e-4


def test_the_student_keeps_the_budget(run: RunDir) -> None:
    report = json.loads((run.path / "report" / "report.json").read_text())
    macs = {row["name"]: row["macs"] for row in report["networks"]}
    assert macs["student"] <= macs["teacher"] / 2
    assert macs["student"] == run.facts("search")["costs"]["macs"]
    assert (run.path / "report" / "samples.png").stat().st_size > 1000


def test_the_report_shows_every_column(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    # All stages are complete: the same command only shows the report again.
    assert main(["run", str(TINY), "--root", str(run.path.parent)]) == 0
    shown = capsys.readouterr().out
    for text in ("MACs", "parameters", "PyTorch", "ONNX Runtime", "fd_classifier", "right class"):
        assert text in shown
    for row in ("teacher", "largest subnet", "student"):
        assert f"\n{row}" in shown
    assert str(run.path / "student.safetensors") in shown


def test_search_picks_another_student_from_the_newest_run(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run.facts("search")["costs"]["macs"]
    arguments = ["search", "--mac-budget", str(before), "--root", str(run.path.parent)]
    assert main(arguments) == 0
    assert run.facts("search")["costs"]["macs"] <= before
    assert "student.safetensors" in capsys.readouterr().out


def test_a_latency_budget_is_predicted_and_then_measured(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["search", str(run.path), "--runtime", "torch", "--latency-budget"]
    assert main([*where, "10s"]) == 0
    told = capsys.readouterr().out
    assert "Latency (torch, 1 threads) predicted from" in told
    assert "ms measured" in told
    assert main([*where, "1us"]) == 2
    assert "search.latency_budget: 0.001ms is below the smallest" in capsys.readouterr().err


def test_a_memory_budget_limits_what_is_alive_at_one_time(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["search", str(run.path), "--memory-budget"]
    assert main([*where, "10B"]) == 2
    assert "search.memory_budget: 10B is below the smallest" in capsys.readouterr().err
    assert main([*where, "1/1"]) == 0
    facts = run.facts("search")
    assert facts["student"] == "students/memory-1of1.safetensors"
    assert 0 < facts["costs"]["activation_bytes"] <= facts["limits"]["memory"]


def test_the_front_can_be_listed_and_looked_at(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", str(run.path), "--list"]) == 0
    listed = capsys.readouterr().out
    assert "paired l1" in listed
    assert "frechet fd_classifier" in listed
    for picture in ("front.png", "widths.png"):
        assert (run.path / picture).stat().st_size > 5000


def test_finetuning_is_held_against_inherited_weights_and_uniform_width(run: RunDir) -> None:
    table = (run.path / "finetune.txt").read_text()
    for text in ("inherited", "fine-tuned", "\nchosen ", "\nother 1 ", "\nother 2 ", "Spearman"):
        assert text in table
    tuned = run.path / str(run.facts("finetune")["student"])
    assert tuned.name == "macs-1of2-finetuned.safetensors"
    assert (run.path / "students" / "macs-1of2.safetensors").is_file()


def test_an_impossible_budget_is_refused_with_the_feasible_range(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = (run.path / "student.safetensors").read_bytes()
    assert main(["search", str(run.path), "--mac-budget", "10"]) == 2
    told = capsys.readouterr().err
    assert "search.mac_budget: 10 is below the smallest subnet" in told
    assert "Traceback" not in told
    assert (run.path / "student.safetensors").read_bytes() == kept


def test_a_changed_recipe_without_run_begins_another(tmp_path: Path) -> None:
    arguments = ["--root", str(tmp_path), "teach.steps=2"]
    assert main(["teach", str(TINY), *arguments]) == 0
    assert main(["teach", str(TINY), *arguments, "seed=1"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny-1", "tiny-2"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "none.yaml"], "none.yaml: no such recipe"),
        (["run", str(TINY), "distill.step=3"], "did you mean 'steps'?"),
        (["run", str(TINY), "search.mac_budget=lots"], "'lots' is not an amount"),
        (["run", str(TINY), "student.factory=distylgan"], "did you mean 'distylegan'?"),
        (["search", "no/such/run"], "no such run directory"),
        (["run", str(TINY), "teacher.file=none.pkl"], "none.pkl"),
        (["inspect", "dcgan", "widht=3"], "did you mean 'width'?"),
    ],
)
def test_a_users_mistake_is_one_message_and_exit_code_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
) -> None:
    where = [] if arguments[0] == "inspect" else ["--root", str(tmp_path)]
    assert main([*arguments, *where]) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert "Traceback" not in told


def start(root: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "gancompress", "run", str(TINY), "--root", str(root)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_killed_at_any_moment_and_started_again_gives_the_same_student(
    root: Path, tmp_path: Path
) -> None:
    # Moments are counted in lines of the log or completed stages, since machines differ in speed.
    moments = random.Random(int.from_bytes(os.urandom(4), "big")).sample(range(1, 12), 3)
    print("killed at", sorted(moments))
    for moment in sorted(moments):
        process = start(tmp_path)
        while process.poll() is None and progress(tmp_path) < moment:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start(tmp_path)
    _, told = process.communicate()
    assert process.returncode == 0, told
    student = tmp_path / "tiny-1" / "student.safetensors"
    assert student.read_bytes() == (root / "first.safetensors").read_bytes()


def progress(root: Path) -> int:
    """Lines of the log, completed stages and scored subnets of the only run there is."""
    run = root / "tiny-1"
    log, stages = run / "log.jsonl", run / "stages"
    lines = log.read_text().count("\n") if log.is_file() else 0
    return lines + (len(list(stages.iterdir())) if stages.is_dir() else 0)


def test_an_interrupt_exits_with_130_and_the_run_goes_on(tmp_path: Path) -> None:
    process = start(tmp_path)
    while process.poll() is None and progress(tmp_path) < 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 130
    assert "interrupted; the same command goes on from here" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("limit", [3_000, 400_000])
def test_a_disk_that_takes_no_more_is_one_message_and_nothing_is_half_written(
    tmp_path: Path, limit: int
) -> None:
    # A limit on the size of files stands for a full disk: the system refuses in the same way.
    code = (
        "import resource, sys; from gancompress.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))\n"
        "sys.exit(main(sys.argv[2:]))"
    )
    command = [sys.executable, "-c", code, str(limit), "teach", str(TINY), "--root", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "File too large" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.rglob("*.tmp"))
    assert main(["teach", str(TINY), "--root", str(tmp_path)]) == 0


@contextmanager
def held(run: RunDir) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on the run."""
    code = (
        "import sys, time; from pathlib import Path; from gancompress.run import RunDir\n"
        "with RunDir.open(Path(sys.argv[1])).lock():\n    print('held', flush=True)\n"
        "    time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.kill()
        holder.communicate()


def test_two_processes_cannot_use_one_run(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    with held(run) as holder:
        assert main(["search", str(run.path)]) == 2
        assert f"in use by process {holder.pid}" in capsys.readouterr().err


def test_a_helper_whose_leader_is_killed_makes_the_student(
    run: RunDir,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = RunDir.open(Path(shutil.copytree(run.path, tmp_path / "copy")))
    copy.reopen("search")
    (copy.path / "student.safetensors").unlink()
    helping = search.contribute

    with held(copy) as leader:

        def contribute(recipe: Recipe, run: RunDir) -> int:
            leader.kill()
            leader.wait()
            return helping(recipe, run)

        monkeypatch.setattr(search, "contribute", contribute)
        storage = f"sqlite:///{tmp_path}/shared.db"
        assert main(["search", str(copy.path), "--trials", "9", "--storage", storage]) == 0
    assert "subnets scored here; that process has ended" in capsys.readouterr().err
    assert copy.is_complete("search")
    assert (copy.path / "student.safetensors").is_file()


def test_a_helper_leaves_the_student_to_a_leader_that_lives(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = RunDir.open(Path(shutil.copytree(run.path, tmp_path / "copy")))
    copy.reopen("search")
    storage = f"sqlite:///{tmp_path}/shared.db"
    with held(copy):
        assert main(["search", str(copy.path), "--trials", "2", "--storage", storage]) == 0
    assert "subnets scored here; that process makes the student" in capsys.readouterr().out
    assert not copy.is_complete("search")
