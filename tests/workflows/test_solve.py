"""A recipe that trains no supernet: the weights of subnets of the teacher are solved for."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import gancompress
from gancompress.cli import main
from gancompress.demo.gallery import Choice
from gancompress.errors import RecipeError
from gancompress.generators.build import build
from gancompress.recipe.load import load_recipe
from gancompress.run import RunDir
from gancompress.workflows.demo import open_gallery
from gancompress.workflows.plan import plan

SOLVE = Path(__file__).with_name("solve.yaml")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of the teacher's weights."""
    file = tmp_path_factory.mktemp("weights") / "teacher.safetensors"
    torch.manual_seed(0)
    module = build("dcgan", z_dim=8, width=16, resolution=16, channels=1)
    # As it is initialised it answers next to nothing.
    strong = {n: v * 8 if v.dim() == 4 else v for n, v in module.state_dict().items()}
    save_file(strong, file)
    return f"teacher.weights={file}"


@pytest.fixture(scope="module")
def solved(weights: str, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A finished run, not to be changed."""
    path = tmp_path_factory.mktemp("runs") / "solve"
    assert main(["run", str(SOLVE), weights, "--run", str(path)]) == 0
    return RunDir.open(path)


@pytest.fixture
def run(solved: RunDir, tmp_path: Path) -> RunDir:
    """A copy of it."""
    return RunDir.open(Path(shutil.copytree(solved.path, tmp_path / "solve")))


def test_a_recipe_without_distill_trains_no_supernet(weights: str) -> None:
    assert load_recipe(SOLVE, [weights]).distill.steps == 0
    assert load_recipe(SOLVE, [weights, "distill.batch_size=4"]).distill.steps > 0


def test_the_run_ends_in_an_exported_student_and_a_report(solved: RunDir) -> None:
    assert (solved.path / "export" / "student.onnx").is_file()
    assert "Solved layer by layer" in (solved.path / "report" / "report.txt").read_text()
    (film,) = (solved.path / "samples").glob("finetune-*.webp")
    assert film.stem in (solved.path / "report" / "report.html").read_text()
    student = gancompress.load_student(solved.path / "student.safetensors")
    assert student.provenance["subnet"] == solved.facts("reconstruct")["subnet"]


def test_without_real_images_distances_are_to_those_of_the_teacher(solved: RunDir) -> None:
    assert "fd_tiny" in (solved.path / "front.csv").read_text().partition("\n")[0]
    networks = json.loads((solved.path / "report" / "report.json").read_text())["networks"]
    teacher, student = (network["scores"]["frechet"] for network in networks)
    assert teacher < student
    told = (solved.path / "report" / "report.txt").read_text()
    assert "fd_tiny: to the teacher's own images" in told


def test_a_solved_run_is_measured_and_shown_as_any_other(solved: RunDir) -> None:
    how = ["--extractor=tests.unit.metrics.networks:tiny", "--samples=32", "--metrics=frechet"]
    assert main(["evaluate", str(solved.path), "--against=digits", *how]) == 0
    gallery = open_gallery(solved.path)
    made = [
        gallery.generate(Choice(number), seeds=[0], label=-1, truncation=1.0, walk=0.0)[1]
        for number in range(len(gallery.sizes))
    ]
    assert len(made) > 1
    assert any(size.chosen for size in gallery.sizes)
    assert all(one.images.shape == (1, 1, 16, 16) for one in made)


def test_a_check_tells_of_the_stages_that_there_are(
    weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(SOLVE), weights, "--json"]) == 0
    seconds = json.loads(capsys.readouterr().out)["seconds"]
    stages = ["collect", "order", "search", "reconstruct", "finetune"]
    assert list(seconds) == ["step", *stages] and all(seconds[stage] > 0 for stage in stages)


def nearest(finalist: dict[str, Any]) -> float:
    return min(float(finalist[way]) for way in ("cut", "one-shot", "solved"))


def test_solved_weights_are_nearer_to_the_teacher_than_cut_ones(solved: RunDir) -> None:
    best, other = solved.facts("reconstruct")["finalists"]
    assert best["solved"] < best["cut"]
    assert nearest(best) <= nearest(other)


def test_fine_tuning_never_makes_it_worse(solved: RunDir) -> None:
    chosen = solved.facts("finetune")["chosen"]
    # Chosen by other pairs than these.
    assert chosen["fine-tuned"] < chosen["inherited"] * 1.05


def test_a_finished_run_has_nothing_to_do(solved: RunDir) -> None:
    recipe = load_recipe(solved.path / "recipe.yaml")
    assert not any(step.todo for step in plan(recipe, solved, "report"))


def test_another_budget_gives_another_solved_student(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", str(run.path), "--mac-budget", "1/40"]) == 0
    assert main(["reconstruct", str(run.path)]) == 0
    assert run.facts("reconstruct")["student"] == "students/macs-1of40-solved.safetensors"
    capsys.readouterr()
    assert main(["run", str(run.path), "--dry-run", "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)["plan"]
    assert [s["stage"] for s in steps if s["todo"]] == ["finetune", "export", "report"]


@pytest.mark.parametrize("stage", ["order", "search", "reconstruct", "finetune"])
def test_a_stage_that_was_stopped_ends_as_one_that_was_not(stage: str, run: RunDir) -> None:
    expected = gancompress.load_student(run.path / "student.safetensors").fingerprint
    run.reopen(stage)
    assert main(["run", str(run.path)]) == 0
    assert gancompress.load_student(run.path / "student.safetensors").fingerprint == expected


def test_a_training_begins_with_the_channels_in_order(weights: str, tmp_path: Path) -> None:
    keys = ["distill={steps: 1, batch_size: 8, terms: {l1: {}}, discriminator: {factory: ''}}"]
    path = tmp_path / "both"
    assert main(["distill", str(SOLVE), weights, *keys, "--run", str(path)]) == 0
    ordered = gancompress.load_student(path / "ordered.safetensors").module.state_dict()
    trained = gancompress.load_student(path / "supernet.safetensors").module.state_dict()
    for name, value in ordered.items():
        if name.endswith("weight"):
            assert torch.allclose(value, trained[name], atol=0.01)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (["student.factory=dcgan"], "student.factory: dcgan, but reconstruct.samples"),
        (["reconstruct.samples=1000"], "is more than collect.count"),
        (["finetune.compare=2"], "finetune.compare"),
        (["reconstruct.samples=0", "distill.steps=0"], "give one of them"),
    ],
)
def test_what_does_not_fit_is_said(keys: list[str], told: str, weights: str) -> None:
    with pytest.raises(RecipeError, match=told):
        load_recipe(SOLVE, [weights, *keys])


def test_solved_weights_go_on_by_the_terms_of_distill(
    run: RunDir, weights: str, tmp_path: Path
) -> None:
    file = tmp_path / "terms.yaml"
    file.write_text(
        SOLVE.read_text()
        + """
distill:
  steps: 0
  batch_size: 8
  real_weight: 0
  validate_every: 0
  terms: {l1: {}, discriminator_features: {}, adversarial: {weight: 0.02}}
  discriminator: {kwargs: {classes: 0, channels: 1, resolution: 16, width: 4}}
"""
    )
    given = [weights, "finetune.objective=distill", "finetune.learning_rate=1e-3"]
    before = run.facts("finetune")["student"]
    assert main(["finetune", str(file), *given, "--run", str(run.path)]) == 0
    facts = run.facts("finetune")
    assert facts["student"] != before and "steps by l1, " in facts["remarks"][0]
    assert facts["chosen"]["fine-tuned"] != facts["chosen"]["inherited"]


def test_what_the_terms_of_a_finetuning_lack_is_found_before_anything_is_computed(
    weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        weights,
        "finetune.objective=distill",
        "distill.steps=0",
        "distill.terms={nonsense: {}}",
    ]
    assert main(["check", str(SOLVE), *given]) == 2
    assert "nonsense" in capsys.readouterr().err
