"""`search` on a distilled run: shared storages, users' evaluators, stages, further trials."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from gancompress.architecture_search.front import Front
from gancompress.cli import main
from gancompress.run import RunDir
from gancompress.workflows.opening import trust_run

TINY = Path(__file__).with_name("tiny.yaml")


@pytest.fixture(scope="module")
def distilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose supernet is trained and not searched."""
    run = tmp_path_factory.mktemp("distilled") / "tiny"
    steps = ["teach.steps=2", "distill.steps=2"]
    assert main(["distill", str(TINY), *steps, "--run", str(run)]) == 0
    return run


@pytest.fixture
def copy(distilled: Path, tmp_path: Path) -> Callable[..., RunDir]:
    """Copies of the run, ``search`` keys changed."""

    def make(name: str = "run", **keys: Any) -> RunDir:
        run = shutil.copytree(distilled, tmp_path / name)
        recipe = yaml.safe_load((run / "recipe.yaml").read_text())
        recipe["search"].update(keys)
        (run / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False, explicit_end=True))
        trust_run(run)
        return RunDir.open(run)

    return make


def scored(storage: str, stage: str) -> Counter[str]:
    """How often each subnet was scored in a stage, all studies of the storage together."""
    return Counter(
        "_".join(map(str, trial.params.values()))
        for name in optuna.get_all_study_names(storage)
        if name.endswith(stage)
        for trial in optuna.load_study(study_name=name, storage=storage).trials
        if trial.state == optuna.trial.TrialState.COMPLETE
    )


@pytest.mark.slow
def test_copies_of_a_run_searched_at_once_share_the_trials(copy, tmp_path):
    storage = f"sqlite:///{tmp_path}/trials.db"
    runs = [copy("here"), copy("there")]
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "gancompress", "search", run.path, "--storage", storage],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for run in runs
    ]
    errors = [worker.communicate()[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    assert sorted(scored(storage, "paired").values()) == [1] * 6
    assert set(scored(storage, "frechet").values()) == {1}
    fronts = [(run.path / "front.csv").read_bytes() for run in runs]
    assert fronts[0] == fronts[1]
    students = [(run.path / "student.safetensors").read_bytes() for run in runs]
    assert students[0] == students[1]


def test_a_run_that_is_in_use_is_helped_where_the_storage_is_shared(copy, tmp_path, capsys):
    run, storage = copy(), f"sqlite:///{tmp_path}/trials.db"
    command = ["search", str(run.path), "--storage", storage]
    with run.lock():
        assert main(["search", str(run.path)]) == 2
        assert "in use by process" in capsys.readouterr().err
        assert main(command) == 0
    told = capsys.readouterr()
    assert f"in use by process {os.getpid()}" in told.err
    assert "subnets scored here; that process makes the student" in told.out
    assert not (run.path / "front.csv").exists()
    before = scored(storage, "paired")
    assert len(before) == 6
    assert main(command) == 0
    assert scored(storage, "paired") == before
    assert (run.path / "student.safetensors").is_file()


def test_the_best_are_screened_on_few_samples_before_finalists_are_chosen(copy):
    run = copy()
    assert main(["search", str(run.path)]) == 0
    front = Front.from_csv(run.path / "front.csv")
    assert list(front.stages) == ["paired", "screen", "frechet"]
    by_stage = {
        stage: {c.subnet for c in front.candidates if front.quality(c, stage) < float("inf")}
        for stage in front.stages
    }
    assert len(by_stage["paired"]) == 6
    assert 4 <= len(by_stage["screen"]) <= 5
    assert 2 <= len(by_stage["frechet"]) <= 3
    assert by_stage["frechet"] <= by_stage["screen"] <= by_stage["paired"]


def test_users_evaluators_take_the_place_of_the_distance(copy, tmp_path):
    (tmp_path / "mine.py").write_text(
        "def brightness(outputs, inputs, targets):\n    return outputs.mean()\n"
    )
    bright = {"function": f"{tmp_path}/mine.py:brightness", "better": "higher"}
    run = copy(evaluators={"bright": bright, "l1": {}}, finalists=0)
    assert main(["search", str(run.path)]) == 0
    front = Front.from_csv(run.path / "front.csv")
    assert front.stages == {"paired": {"bright": "maximize", "l1": "minimize"}}
    best = max(front.candidates, key=lambda c: c.scores["paired", "bright"])
    assert run.facts("search")["subnet"] == best.subnet.text


def test_an_evaluator_that_cannot_be_had_is_told_before_anything_begins(tmp_path, capsys):
    evaluators = "search.evaluators={mine: {function: no_such_module:f}}"
    assert main(["teach", str(TINY), evaluators, "--run", str(tmp_path / "run")]) == 2
    assert "cannot import no_such_module" in capsys.readouterr().err
    assert not (tmp_path / "run" / "teacher.safetensors").exists()


def test_a_wider_budget_is_told_to_need_more_trials_and_gets_them(copy, capsys):
    run = copy(mac_budget="1/5")
    assert main(["search", str(run.path)]) == 0
    capsys.readouterr()
    wider = ["search", str(run.path), "--mac-budget", "1/2"]
    assert main(wider) == 0
    assert "an earlier search had a tighter one" in capsys.readouterr().out
    before = run.facts("search")["scored"]
    assert main([*wider, "--trials", "9"]) == 0
    told = capsys.readouterr().out
    assert "earlier search" not in told
    assert run.facts("search")["scored"] > before


def test_without_a_budget_the_best_of_all_is_taken_and_that_is_told(copy, capsys):
    run = copy(mac_budget="")
    assert main(["search", str(run.path)]) == 0
    assert "No budget was asked for: the best of all" in capsys.readouterr().out
    assert main(["search", str(run.path), "--mac-budget", "1/2"]) == 0
    assert "scored subnets within the budget" in capsys.readouterr().out
