"""`teach` from a recipe: what it leaves, and that every recipe of ours can be read."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image

from gancompress.batch import draw_inputs
from gancompress.cli import main
from gancompress.recipe.load import load_recipe
from gancompress.run import RunDir
from gancompress.student.file import load_student
from tests.launched import ACCELERATE, ended_well, launch

RECIPES = Path(__file__).parents[2] / "recipes"

# The recipe's sizes brought down to a few seconds.
SMALL = {
    "teach-digits": ["teach.discriminator.kwargs.width=8", "teacher.kwargs.width=16"],
    "teach-stylegan2-cifar10": [
        "teacher.kwargs={z_dim: 8, w_dim: 8, classes: 2, resolution: 8, channel_base: 64}",
        "teach.discriminator.kwargs={classes: 2, resolution: 8, channel_base: 64}",
        "data.resolution=8",
    ],
}
SHORT = [
    "device=cpu", "threads=1", "log_every=1", "checkpoint_seconds=0", "teach.steps=3",
    "teach.batch_size=4", "teach.evaluate_every=2", "teach.evaluation_samples=40",
    "evaluate.extractor=classifier", "evaluate.classifier_steps=5",
]  # fmt: skip


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_recipe_is_valid(path: Path) -> None:
    assert load_recipe(path).name == path.stem


@pytest.fixture(autouse=True)
def own_accelerator() -> Iterator[None]:
    """Accelerate keeps one precision a process; the recipes have different ones."""
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)


def pictures(folder: Path) -> Path:
    """Forty in two classes."""
    rng = np.random.default_rng(0)
    for number in range(40):
        place = folder / ("dark", "bright")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        values = rng.integers(0, 128, (8, 8, 3)) + 127 * (number % 2)
        Image.fromarray(values.astype(np.uint8)).save(place / f"{number}.png")
    return folder


@pytest.mark.parametrize("name", SMALL)
def test_recipe_teaches_and_leaves_samples_scores_and_a_teacher(name: str, tmp_path: Path) -> None:
    changes = [*SHORT, *SMALL[name]]
    if name != "teach-digits":
        changes.append(f"data.source={pictures(tmp_path / 'data')}")
    run = RunDir(tmp_path / "run")
    assert main(["teach", str(RECIPES / f"{name}.yaml"), *changes, "--run", str(run.path)]) == 0
    teacher = load_student(run.path / "teacher.safetensors")
    with torch.no_grad():
        images = teacher.module(**draw_inputs(teacher.inputs, range(4), 0))
    assert bool(torch.isfinite(images).all())
    drawn = {path.name for path in (run.path / "samples").iterdir()}
    assert drawn == {"teach-0000002.png", "teach-0000003.png", "teach.webp"}
    # The weights are those of the best look.
    scores = {e["step"]: e["frechet"] for e in run.events("teach") if "frechet" in e}
    facts = run.facts("teach")
    assert scores[facts["step"]] == min(scores.values()) == facts["frechet"]
    assert json.loads(json.dumps(teacher.provenance["taught_on"])) == facts


def test_digits_teacher_is_the_quickstarts() -> None:
    digits, quickstart = (
        load_recipe(RECIPES / f"{n}.yaml") for n in ("teach-digits", "quickstart")
    )
    assert digits.teacher == quickstart.teacher
    assert digits.data == quickstart.data
    looked = {"evaluate_every": quickstart.teach.evaluate_every}
    assert type(digits.teach)(**{**vars(digits.teach), **looked}) == quickstart.teach


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("teacher.kwargs.channels=3", "real images are 1×16×16, the teacher makes 3×16×16"),
        (
            "teacher.kwargs.classes=4",
            "10 class folders (0, 1, 2, 3, 4, 5, …), but the generator is told one of 4",
        ),
        (
            "teach.discriminator.kwargs.channels=3",
            "cannot judge images of 1×16×16 beside 10 as `c`",
        ),
        ("teach.discriminator.kwargs.classes=4", "cannot judge images of 1×16×16 beside 10 as `c`"),
    ],
)
def test_what_does_not_fit_together_is_refused_before_training(
    change: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [*SHORT, *SMALL["teach-digits"], change]
    recipe = str(RECIPES / "teach-digits.yaml")
    assert main(["teach", recipe, *changes, "--run", str(tmp_path / "run")]) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.slow
def test_two_launched_processes_teach_what_one_does_with_twice_the_batch(tmp_path: Path) -> None:
    changes = [*SHORT, *SMALL["teach-digits"], "teach.batch_size=8"]
    recipe = str(RECIPES / "teach-digits.yaml")
    program = ["-m", "gancompress", "teach", recipe, *changes, "--run", tmp_path / "two"]
    ended_well(launch(ACCELERATE, 2, *program))
    changes[-1] = "teach.batch_size=16"
    assert main(["teach", recipe, *changes, "--run", str(tmp_path / "one")]) == 0
    two, one = (load_student(tmp_path / name / "teacher.safetensors") for name in ("two", "one"))
    for name, value in one.module.state_dict().items():
        torch.testing.assert_close(value, two.module.state_dict()[name], rtol=0, atol=1e-3)
