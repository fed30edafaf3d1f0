"""A changed recipe on a finished run: what depends on the change is done again, and no more."""

from pathlib import Path

import pytest

import gancompress
from gancompress.cli import main
from gancompress.run import RunDir
from tests.workflows.tiny_run import KEYS, TINY


def planned(run: RunDir, capsys: pytest.CaptureFixture[str], *changes: str) -> dict[str, str]:
    """What a dry run says of each stage."""
    capsys.readouterr()
    assert main(["run", str(TINY), *KEYS, *changes, "--run", str(run.path), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}


@pytest.mark.parametrize("change", ["log_every=3", "checkpoint_seconds=9", "distill.keep_every=4"])
def test_what_changes_no_result_redoes_nothing(
    run: RunDir, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    told = planned(run, capsys, change)
    assert {stage for stage, text in told.items() if text.startswith("to do")} == set()


@pytest.mark.parametrize(
    ("change", "redone", "reason"),
    [
        ("export.formats=[onnx, pt2]", ["export"], "export.formats: ['onnx'] → ['onnx', 'pt2']"),
        ("evaluate.samples=50", ["report"], "evaluate.samples: 40 → 50"),
        ("threads=2", ["report"], "threads: 1 → 2"),
        (
            "distill.terms.l1.weight=0.5",
            ["distill", "search", "export", "report"],
            "distill.terms.l1.weight: 0.2 → 0.5",
        ),
        (
            "collect.half=false",
            ["collect", "distill", "search", "export", "report"],
            "collect.half: True → False",
        ),
    ],
)
def test_a_change_redoes_what_depends_on_it_and_the_plan_says_why(
    run: RunDir, capsys: pytest.CaptureFixture[str], change: str, redone: list[str], reason: str
) -> None:
    told = planned(run, capsys, change)
    assert [stage for stage, text in told.items() if text.startswith("to do")] == redone
    assert reason in told[redone[0]]


def test_a_term_that_is_left_out_is_noticed(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    # l1 is among the terms of a recipe that names none.
    told = planned(run, capsys, "distill.terms={discriminator_features: {}}")
    assert "distill.terms.l1.weight: 0.2 → nothing" in told["distill"]


def test_a_dry_run_makes_and_changes_nothing(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.stat().st_mtime_ns for file in run.path.rglob("*")}
    planned(run, capsys, "distill.steps=9")
    assert {file: file.stat().st_mtime_ns for file in run.path.rglob("*")} == before
    assert main(["run", str(TINY), "--root", str(tmp_path / "none"), "--dry-run"]) == 0
    assert "teach       to do: not done yet" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_more_formats_of_a_finished_run_train_nothing(run: RunDir) -> None:
    steps = sum(1 for stage in ("teach", "distill") for _ in run.events(stage))
    student = (run.path / "student.safetensors").read_bytes()
    assert main(["export", str(run.path), "--formats", "onnx", "pt2"]) == 0
    assert (run.path / "export" / "student.pt2").is_file()
    assert (run.path / "student.safetensors").read_bytes() == student
    assert sum(1 for stage in ("teach", "distill") for _ in run.events(stage)) == steps


def test_a_recipe_that_was_done_before_is_taken_back_and_not_done_again(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    first = (run.path / "supernet.safetensors").read_bytes()
    weight = "distill.terms.l1.weight=0.5"
    assert main(["distill", str(TINY), *KEYS, weight, "--run", str(run.path)]) == 0
    other = (run.path / "supernet.safetensors").read_bytes()
    assert other != first
    capsys.readouterr()
    assert main(["run", str(TINY), *KEYS, "--run", str(run.path)]) == 0
    assert "distill: done before under this recipe, taken back" in capsys.readouterr().err
    assert (run.path / "supernet.safetensors").read_bytes() == first
    assert main(["distill", str(TINY), *KEYS, weight, "--run", str(run.path)]) == 0
    assert (run.path / "supernet.safetensors").read_bytes() == other


STEADY = ["distill.terms={l1: {}}", "search.finalists=0", "collect.count=60"]


def test_more_steps_of_a_steady_training_go_on_and_end_as_one_long_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short, long = (["distill", str(TINY), *STEADY, f"distill.steps={n}"] for n in (3, 6))
    for command in (short, long):
        assert main([*command, "--run", str(tmp_path / "grown")]) == 0
    assert "distill.steps: 3 → 6 (goes on from where it ended)" in capsys.readouterr().err
    assert main([*long, "--run", str(tmp_path / "once")]) == 0
    grown, once = (
        gancompress.load_student(tmp_path / name / "supernet.safetensors").fingerprint
        for name in ("grown", "once")
    )
    assert grown == once
    steps = [event["step"] for event in RunDir.open(tmp_path / "grown").events("distill")
             if event.get("step")]  # fmt: skip
    assert steps == sorted(steps)


def test_more_steps_of_a_schedule_begin_anew_and_it_says_why(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    told = planned(run, capsys, "distill.steps=20")
    assert "distill.terms.l1.decay is drawn out over all steps" in told["distill"]


def test_more_pairs_are_added_to_those_that_there_are(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run.path / "pairs" / "shard-00000.safetensors"
    assert first.is_file(), sorted(file.name for file in first.parent.iterdir())
    before = first.stat().st_mtime_ns
    assert main(["collect", str(run.path), "collect.count=90"]) == 0
    assert "collect.count: 60 → 90 (goes on from where it ended)" in capsys.readouterr().err
    assert first.stat().st_mtime_ns == before
    assert run.facts("collect")["pairs"] == 110


def test_a_changed_recipe_goes_on_with_the_run_that_has_something_to_keep(
    finished: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(finished.path.parent), "--dry-run"]
    assert main(["run", str(TINY), *KEYS, "evaluate.samples=50", *root]) == 0
    assert str(finished.path) in capsys.readouterr().out
    assert main(["run", str(TINY), *KEYS, "seed=1", *root]) == 0
    assert "a new run" in capsys.readouterr().out
