"""`teach` of generators that are fed images, and that what follows sees the same held-out ones."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gancompress
from gancompress import assemble
from gancompress.assemble.teach_paired import open_pairs_to_learn
from gancompress.assemble.teacher_data import NumberedRows
from gancompress.cli import main
from gancompress.data.pairs import PairStore
from gancompress.recipe.load import load_recipe
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.student.file import Architecture
from gancompress.teachers.teacher import fingerprint_of

TRANSLATE = Path(__file__).with_name("translate.yaml")
COUNT = 20


def write(folder: Path, name: str, pixels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(folder / name)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs and what belongs to them: beside each other, in folders, and as classes."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        classes = rng.integers(0, 2, (4, 4)).repeat(4, 0).repeat(4, 1)
        photo = np.stack([classes * 200, np.full((16, 16), number * 10), 255 - classes * 99], -1)
        drawing = np.repeat(classes[:, :, None] * 255, 3, 2)
        write(root / "both", f"{number}.png", np.concatenate([photo, drawing], 1))
        write(root / "apart" / "photos" / f"kind{number % 2}", f"{number}.png", photo)
        write(root / "apart" / "maps" / f"kind{number % 2}", f"{number}.png", classes)
    return root


def changes(data: Path, *, labels: bool = False) -> list[str]:
    if not labels:
        return [f"data.source={data / 'both'}", f"teacher.data.source={data / 'both'}"]
    return [
        f"data={{source: {data / 'apart'}, folder: photos, resolution: [32, 64], held_out: 0.3}}",
        f"teacher.data={{source: {data / 'apart'}, folder: maps, layout: label_maps, classes: 2}}",
        "teacher.factory=spade",
        "teacher.kwargs={label_channels: 2, width: 2, hidden: 4, size: [32, 64],"
        " upsampling: normal, spectral: true}",
        "teach.objective=semantic",
        "teach.steps=3",
        "teach.discriminator={factory: multiscale_patchgan, kwargs: {in_channels: 5, width: 4,"
        " layers: 1, spectral: true}}",
    ]


def inputs_and_targets(recipe: Recipe) -> tuple[set[bytes], set[bytes], set[bytes]]:
    """Held-out inputs and targets of teaching, and all that it learns from."""
    inputs = assemble.inputs_of(Architecture(
        recipe.teacher.factory, recipe.teacher.kwargs
    ).build(), {}, "teacher")  # fmt: skip
    pairs = open_pairs_to_learn(recipe, inputs)
    (name,) = inputs
    kept = pairs.held_out.batch(range(len(pairs.held_out)))
    learned = pairs.train.batch(range(len(pairs.train)))
    return pixels(kept[name]), pixels(kept["target"]), pixels(learned["target"])


def pixels(images: torch.Tensor) -> set[bytes]:
    levels = ((images + 1) * 127.5).round().to(torch.uint8)
    return {image.numpy().tobytes() for image in levels.contiguous()}


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A finished run: taught in pairs, recorded, distilled, searched, reported."""
    path = tmp_path_factory.mktemp("runs") / "translate"
    assert main(["run", str(TRANSLATE), *changes(data), "--run", str(path)]) == 0
    return RunDir.open(path)


def test_a_taught_teacher_is_compressed_by_the_same_run(run: RunDir) -> None:
    facts = run.facts("teach")
    assert (facts["pairs"], facts["held_out"], facts["steps"]) == (14, 6, 6)
    assert 0 < facts["held_out_l1"] < 2
    assert (run.path / "samples" / "teach-0000006.png").is_file()
    student = gancompress.load_student(run.path / "student.safetensors")
    assert student.module(image=torch.zeros(1, 3, 16, 16)).shape == (1, 3, 16, 16)
    assert "fd_looker" in (run.path / "report" / "report.txt").read_text()


def test_a_teacher_learns_along_with_its_student(data: Path, tmp_path: Path) -> None:
    own = [
        "distill.online=true", "student.init=random", "distill.validate_every=2",
        "distill.validation_samples=2", "teach.evaluate_every=2", "finetune.steps=2",
        "distill.terms={l1: {}, channel_means: {}}", "distill.discriminator.factory=''",
    ]  # fmt: skip
    arguments = [*changes(data), *own, "--run", str(tmp_path / "run")]
    assert main(["run", str(TRANSLATE), *arguments]) == 0
    run = RunDir.open(tmp_path / "run")
    told = "the teacher is trained together with the student"
    assert run.facts("teach") == {"skipped": told}
    assert run.facts("collect") == {"stored": False, "skipped": told}
    assert not (run.path / "pairs").exists()
    # The teacher as `teach` leaves it, but for the length of its training.
    facts = run.facts("distill")["taught_on"]
    assert (facts["pairs"], facts["held_out"], facts["steps"]) == (14, 6, 4)
    assert [event["step"] for event in run.events("teach")] == [2, 4]
    teacher = gancompress.load_student(run.path / "teacher.safetensors")
    assert teacher.provenance["taught_on"] == facts
    losses = [event for event in run.events("distill") if "teacher_d" in event]
    assert {"teacher_g", "l1.largest", "channel_means.largest"} <= losses[-1].keys()
    # What comes after asks the finished teacher.
    finished = fingerprint_of(teacher.module, teacher.inputs)
    for name in ("supernet", "student"):
        made = gancompress.load_student(run.path / f"{name}.safetensors")
        assert made.provenance["teacher"] == finished
    assert "fd_looker" in (run.path / "report" / "report.txt").read_text()


def test_every_stage_holds_the_same_images_out(run: RunDir) -> None:
    recipe = load_recipe(run.path / "recipe.yaml")
    inputs, targets, learned = inputs_and_targets(recipe)
    assert len(inputs) == len(targets) == 6
    assert not targets & learned
    pairs = PairStore(run.path / "pairs")
    recorded, _ = pairs.batch(pairs.held_out)
    assert pixels(recorded["image"]) == inputs
    real = assemble.real_images(recipe)
    assert real is not None
    held_out = real[1].batch(range(len(real[1])))
    assert {image.numpy().tobytes() for image in held_out} == targets


def test_label_maps_become_photographs_of_the_same_name(data: Path, tmp_path: Path) -> None:
    arguments = [*changes(data, labels=True), "--run", str(tmp_path / "run")]
    assert main(["teach", str(TRANSLATE), *arguments]) == 0
    run = RunDir.open(tmp_path / "run")
    recipe = load_recipe(run.path / "recipe.yaml")
    _, targets, learned = inputs_and_targets(recipe)
    real = assemble.real_images(recipe)
    # The photographs are in class folders, yet parted as the maps are.
    assert real is not None
    assert {image.numpy().tobytes() for image in real[1]} == targets
    assert len(learned) == 14
    losses = next(iter(run.events("teach")))
    assert losses["features"] > 0
    assert (run.path / "samples" / "teach-0000003.png").is_file()


def test_cycle_keeps_both_ways(data: Path, tmp_path: Path) -> None:
    own = [
        "teach.objective=cycle",
        "teach.discriminator.kwargs.in_channels=3",
        "teach.cycle.pool=3",
        "data.direction=AtoB",
        "teacher.data.direction=AtoB",
    ]
    arguments = [*changes(data), *own, "--run", str(tmp_path / "run")]
    assert main(["collect", str(TRANSLATE), *arguments]) == 0
    run = RunDir.open(tmp_path / "run")
    assert run.facts("teach")["images"] == [14, 14]
    there, back = (
        gancompress.load_student(run.path / f"teacher{which}.safetensors")
        for which in ("", "-back")
    )
    pairs = PairStore(run.path / "pairs")
    given, answers = pairs.batch(pairs.held_out)
    with torch.no_grad():
        assert pixels(there.module(**given)) == {image.numpy().tobytes() for image in answers}
        assert back.module(**given).shape == given["image"].shape


def test_a_teaching_killed_before_its_end_was_noted_goes_on(
    data: Path, run: RunDir, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    stopped = [*changes(data), "--run", str(path)]
    shutil.copytree(run.path, path)
    for name in ("stages/teach.json", "teacher.safetensors"):
        (path / name).unlink()
    assert main(["teach", str(TRANSLATE), *stopped]) == 0
    ours, theirs = (
        gancompress.load_student(where.path / "teacher.safetensors")
        for where in (run, RunDir.open(path))
    )
    assert ours.fingerprint == theirs.fingerprint


def test_taught_inputs_keep_the_share_that_data_names(data: Path) -> None:
    recipe = load_recipe(
        TRANSLATE, [*changes(data), "collect.held_out=2", "search.score_samples=2"]
    )
    inputs = assemble.inputs_of(Architecture("resnet").build(), {}, "teacher")
    fed = assemble.teacher_data(recipe, inputs)
    assert isinstance(fed, NumberedRows)
    assert (len(fed.held_out), fed.kept) == (6, 2)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("data.source=''", "data.source too"),
        ("data.source=digits", "nothing belongs to them"),
        ("data.held_out=0", "data.held_out: 0"),
        ("data.held_out=0.01", "data.held_out: 0.01 of 20 images is 0"),
        ("teacher.data.source=''", "teacher.data.source: empty"),
        ("data.direction=AtoB", "the inputs themselves would be"),
        ("data.resolution=24", "the real images are 3×24×24, the teacher makes 3×16×16"),
        ("data.resolution=[16]", "one number, or height and width"),
        ("teacher.factory=dcgan", "takes z"),
        ("teacher.kwargs.in_channels=1", "gives images of 3 channels, the teacher is fed 1"),
        ("teach.discriminator.kwargs.in_channels=3", "patchgan with in_channels 6 can"),
        ("teach.discriminator={factory: dcgan_discriminator}", "beside 3×16×16 as `condition`"),
        ("teacher.data.layout=label_maps", "teacher.data.layout: 'label_maps' has no image"),
    ],
)
def test_a_mistake_is_one_message(
    data: Path, change: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["teacher.kwargs={}"] if change == "teacher.factory=dcgan" else []
    arguments = [*changes(data), change, *own, "--run", str(tmp_path / "run")]
    assert main(["teach", str(TRANSLATE), *arguments]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


def test_inputs_without_targets_are_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data / "apart", tmp_path / "apart")
    (tmp_path / "apart" / "photos" / "kind1" / "3.png").unlink()
    arguments = [*changes(tmp_path, labels=True), "--run", str(tmp_path / "run")]
    assert main(["teach", str(TRANSLATE), *arguments]) == 2
    assert "1 images have no partner of the same name, kind1/3 the first" in capsys.readouterr().err
