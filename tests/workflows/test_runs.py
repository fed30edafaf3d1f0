"""`runs`, several students in one run, and verbs that take a run in the place of a recipe."""

import json
import shutil
from pathlib import Path

import pytest

from gancompress.cli import main
from gancompress.run import RunDir


def listed(root: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["runs", "--root", str(root), "--json"]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_runs_tell_how_far_each_stage_is_and_what_came_out(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = listed(run.path.parent, capsys)
    assert one["name"] == "tiny-1"
    assert one["stages"] == {
        "teach": "done", "collect": "done", "distill": "done", "search": "done",
        "finetune": "none", "export": "done", "report": "done",
    }  # fmt: skip
    assert one["student"] == "macs-1of2"
    assert "fewer MACs" in str(one["headline"])
    assert main(["runs", "--root", str(run.path.parent)]) == 0
    told = capsys.readouterr().out
    for text in ("tiny-1", "finetune", "macs-1of2", "fewer MACs", "next      gancompress"):
        assert text in told


def test_a_run_of_another_version_is_listed_with_why_it_cannot_be_read(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.path / "run.json").write_text('{"format": 1}')
    (one,) = listed(run.path.parent, capsys)
    assert "run format 1, this version reads 2" in str(one["problem"])


def test_a_student_for_another_budget_overwrites_none_and_marks_what_is_not_of_it(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    first = (run.path / "student.safetensors").read_bytes()
    assert main(["search", str(run.path), "--mac-budget", "600K"]) == 0
    told = capsys.readouterr().out
    assert "macs-600K: subnet" in told
    assert f"next      gancompress export {run.path}" in told
    assert (run.path / "students" / "macs-1of2.safetensors").read_bytes() == first
    assert (run.path / "students" / "macs-600K.safetensors").read_bytes() == (
        run.path / "student.safetensors"
    ).read_bytes()
    for folder, verb in (("export", "export"), ("report", "report")):
        mark = (run.path / folder / "STALE.txt").read_text()
        assert "This is of the student macs-1of2. The run's student is now macs-600K" in mark
        assert f"gancompress {verb} {run.path}" in mark
    (one,) = listed(run.path.parent, capsys)
    assert (one["student"], one["students"]) == ("macs-600K", ["macs-1of2", "macs-600K"])
    assert isinstance(one["stages"], dict)
    assert (one["stages"]["search"], one["stages"]["export"]) == ("done", "stale")


def test_a_run_in_the_place_of_a_recipe_needs_no_overrides_again(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", str(run.path), "--mac-budget", "600K"]) == 0
    capsys.readouterr()
    assert main(["export", str(run.path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["facts"]["student"] == "macs-600K"
    assert json.loads((run.path / "export" / "student.json").read_text())["student"] == "macs-600K"
    assert not (run.path / "export" / "STALE.txt").exists()
    assert (run.path / "report" / "STALE.txt").exists()


def test_a_verb_ends_with_what_it_made_its_headline_and_the_next_command(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["collect", str(run.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"made      {run.path / 'pairs' / 'pairs.json'}",
        "result    80 pairs, 20 of them held out",
        f"next      gancompress distill {run.path}",
    ]


def test_the_newest_run_is_the_newest_that_has_what_the_verb_needs(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    root = run.path.parent
    RunDir.create(root / "newer-1", version="0", recipe=(run.path / "recipe.yaml").read_text())
    assert main(["search", "--list", "--json", "--root", str(root)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["costs"]["macs"] > 0
    shutil.rmtree(run.path)
    assert main(["search", "--root", str(root)]) == 2
    assert "no run in it whose stage distill is complete" in capsys.readouterr().err


def test_a_dry_run_can_be_read_by_a_program(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", str(run.path), "evaluate.samples=50", "--dry-run", "--json"]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["run"] == str(run.path)
    assert [step["stage"] for step in told["plan"] if step["todo"]] == ["report"]


def test_nothing_in_the_folder_of_runs_is_no_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "--root", str(tmp_path)]) == 0
    assert "no runs in it" in capsys.readouterr().out
