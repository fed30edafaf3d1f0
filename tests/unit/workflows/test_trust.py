"""Code that a run names is run where the user named it, and nowhere else."""

import shutil
from pathlib import Path

import pytest

from gancompress.assemble.trust import code_of
from gancompress.cli import main
from gancompress.errors import UnsafeFileError
from gancompress.recipe.load import load_recipe
from gancompress.workflows.opening import find_run, make_run, stored, trust_run

CODE = "import pathlib\npathlib.Path(__file__).with_name('canary').touch()\ndef build(): ...\n"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANCOMPRESS_CACHE", str(tmp_path / "mine"))
    (tmp_path / "evil.py").write_text(CODE)
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "data: {source: digits}\n"
        f"search: {{evaluators: {{mine: {{function: '{tmp_path}/evil.py:build'}}}}}}\n"
    )
    return path


def test_names_of_code_are_found_wherever_they_stand(recipe: Path) -> None:
    changes = ["student.factory=a.b:c", "distill.terms={m.n:o: {weight: 1}, l1: {}}"]
    names = code_of(load_recipe(recipe, [*changes, "evaluate.extractor=squeezenet:w.safetensors"]))
    assert names == [f"{recipe.parent}/evil.py:build", "a.b:c", "m.n:o"]


def test_a_run_made_here_goes_on_and_one_from_elsewhere_does_not(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(load_recipe(recipe), tmp_path / "run", tmp_path)
    assert stored(run) == load_recipe(recipe)
    monkeypatch.setenv("GANCOMPRESS_CACHE", str(tmp_path / "another_user"))
    with pytest.raises(UnsafeFileError, match=r"evil\.py:build.*gancompress runs --trust"):
        stored(run)
    # A verb refuses it before anything is imported.
    assert main(["search", str(run.path), "--list"]) == 2
    assert main(["sample", str(run.path), str(tmp_path / "a.png")]) == 2
    assert not (tmp_path / "canary").exists()
    # Named by the user: by the run, or by the recipe.
    assert trust_run(run.path) == [f"{tmp_path}/evil.py:build"]
    assert stored(run) == load_recipe(recipe)


def test_who_gives_the_recipe_has_named_its_code(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(load_recipe(recipe), tmp_path / "run", tmp_path)
    monkeypatch.setenv("GANCOMPRESS_CACHE", str(tmp_path / "another_user"))
    found = find_run(recipe, (), run.path, fresh=False, root=tmp_path)
    assert found.run is not None and stored(found.run) == found.recipe


def test_a_mark_does_not_hold_for_other_code(recipe: Path, tmp_path: Path) -> None:
    run = make_run(load_recipe(recipe), tmp_path / "run", tmp_path)
    text = (run.path / "recipe.yaml").read_text()
    (run.path / "recipe.yaml").write_text(text.replace("evil.py", "worse.py"))
    with pytest.raises(UnsafeFileError, match=r"worse\.py"):
        stored(run)


def test_a_run_without_code_needs_no_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {source: digits}\n")
    run = make_run(load_recipe(path), tmp_path / "run", tmp_path)
    shutil.copytree(run.path, tmp_path / "copy")
    monkeypatch.setenv("GANCOMPRESS_CACHE", str(tmp_path / "another_user"))
    assert stored(run).name == "run"
