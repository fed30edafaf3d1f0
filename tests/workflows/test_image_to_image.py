"""`run` with teachers that are fed images: from data to the picture of input, teacher, student."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import squeezenet1_0

import gancompress
from examples.tagger_server import make_server
from gancompress import assemble
from gancompress.api.channels import sort_for_training
from gancompress.api.scoring import unseen_pairs
from gancompress.assemble.pairs import open_pairs
from gancompress.assemble.teacher_data import NumberedRows, expanded
from gancompress.cli import main
from gancompress.data.images import to_float
from gancompress.data.live import LivePairs
from gancompress.data.pairs import PairStore
from gancompress.recipe.load import load_recipe
from gancompress.run import RunDir
from tests.workflows.painter import Painter, Tagger

PAINTER = Path(__file__).with_name("painter.yaml")
TAGGER = Path(__file__).parents[2] / "recipes" / "blackbox-tagger.yaml"
COUNT = 14


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the recipe leaves open: a folder of photographs and the teacher's weights."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        pixels = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels).resize((24, 24), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:02d}.png")
    weights = tmp_path_factory.mktemp("weights") / "painter.safetensors"
    torch.manual_seed(0)
    save_file(Painter().state_dict(), weights)
    return [f"teacher.data.source={folder}", f"teacher.weights={weights}"]


@pytest.fixture(scope="module")
def run(changes: list[str], tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A finished run."""
    path = tmp_path_factory.mktemp("runs") / "painter"
    assert main(["run", str(PAINTER), *changes, "--run", str(path)]) == 0
    return RunDir.open(path)


def inputs_of(data: NumberedRows, numbers: range) -> set[bytes]:
    return {data[number]["image"].numpy().tobytes() for number in numbers}


def test_training_and_held_out_inputs_are_disjoint(run: RunDir) -> None:
    data = assemble.load_teacher(load_recipe(run.path / "recipe.yaml"), run).data
    assert isinstance(data, NumberedRows)
    train = inputs_of(data, range(data.training))
    held_out = inputs_of(data, range(data.training, len(data)))
    # 4 of 14 are as many as 16 of 56; mirror images are made of the training ones only.
    assert (len(train), len(held_out)) == (20, 4)
    assert not train & held_out
    mirrored = {row.tobytes() for row in _mirrored(data)}
    assert not mirrored & held_out


def _mirrored(data: NumberedRows) -> list[np.ndarray]:
    return [data[n]["image"].flip(-1).contiguous().numpy() for n in range(data.training)]


def test_recorded_images_are_those_of_the_third_partys_module(run: RunDir) -> None:
    pairs = PairStore(run.path / "pairs")
    torch.manual_seed(0)
    inputs, outputs = pairs.batch(range(len(pairs)))
    assert outputs.dtype == torch.uint8
    assert float(inputs["image"].max()) > 200
    with torch.no_grad():
        answered = Painter()(**inputs)
    assert (outputs.float() - answered).abs().max() <= 0.51


def test_channels_start_from_the_teacher_in_order_of_importance(run: RunDir) -> None:
    recipe = load_recipe(run.path / "recipe.yaml")
    pairs = PairStore(run.path / "pairs")
    _, module = assemble.open_student(recipe, run)
    supernet = assemble.make_supernet(module, pairs.inputs, recipe.student)
    inputs, outputs = pairs.batch(pairs.held_out)
    narrow = supernet.space.uniform(0.5)
    target = to_float(outputs)
    with torch.no_grad():
        before = (supernet(**inputs, subnet=narrow) - target).abs().mean()
    sort_for_training(supernet, pairs, seed=0)
    with torch.no_grad():
        assert (supernet(**inputs) - target).abs().max() < 2 / 127.5
        assert (supernet(**inputs, subnet=narrow) - target).abs().mean() < before


def test_report_compares_images_on_inputs_that_nothing_saw(run: RunDir) -> None:
    recipe = load_recipe(run.path / "recipe.yaml")
    pairs = PairStore(run.path / "pairs")
    # The search scored on all that there were.
    assert unseen_pairs(recipe.search, pairs) == pairs.held_out
    report = json.loads((run.path / "report" / "report.json").read_text())
    similarity = {row["name"]: row["similarity"]["SSIM to teacher"] for row in report["networks"]}
    assert similarity["teacher"] > 0.999
    assert 0 < similarity["student"] <= similarity["teacher"]
    with Image.open(run.path / "report" / "samples.png") as picture:
        # Three rows (input, teacher, student) of four photographs, four times as large.
        assert picture.height > 3 * 96
        assert picture.width > 4 * 96


def test_page_holds_table_pictures_curves_and_provenance(run: RunDir) -> None:
    page = (run.path / "report" / "report.html").read_text()
    for text in ("SSIM to teacher", "largest subnet", "Losses", "pairs_hash", "painter.py:Painter"):
        assert text in page
    assert page.count("data:image/png;base64,") >= 3


def test_student_takes_and_gives_what_its_file_says(run: RunDir) -> None:
    factory = "tests/workflows/painter.py:Painter"
    student = gancompress.load_student(run.path / "student.safetensors", factory=factory)
    assert student.inputs["image"].high == 255
    assert student.architecture.output_range == (0, 255)
    batch, _ = PairStore(run.path / "pairs").batch([0, 1])
    with torch.no_grad():
        images = student.module(**batch)
    assert images.abs().max() <= 1
    assert student.module.module(**batch).max() > 1  # type: ignore[operator]


def test_a_live_teacher_gives_the_pairs_that_a_recording_gives(
    run: RunDir, changes: list[str], tmp_path: Path
) -> None:
    recipe = load_recipe(PAINTER, [*changes, "collect.store=false"])
    live = open_pairs(recipe, RunDir.create(tmp_path / "live", version="0"))
    stored = PairStore(run.path / "pairs")
    assert isinstance(live, LivePairs)
    assert (live.train, live.held_out) == (stored.train, stored.held_out)
    indices = [3, 0, len(stored) - 1]
    (ours, answers), (theirs, recorded) = live.batch(indices), stored.batch(indices)
    assert torch.equal(ours["image"], theirs["image"])
    assert (answers.int() - recorded.int()).abs().max() <= 1


def test_distils_from_a_live_teacher(changes: list[str], tmp_path: Path) -> None:
    arguments = [*changes, "collect.store=false", "--run", str(tmp_path / "run")]
    assert main(["distill", str(PAINTER), *arguments]) == 0
    assert not (tmp_path / "run" / "pairs").exists()
    assert (tmp_path / "run" / "supernet.safetensors").is_file()


def test_a_discriminator_sees_the_input_beside_the_image(
    changes: list[str], tmp_path: Path
) -> None:
    own = [
        "distill.terms={adversarial: {}, l1: {}}",
        "distill.discriminator.factory=patchgan",
        "distill.discriminator.kwargs={in_channels: 6, width: 4, layers: 1}",
        "distill.discriminator.condition=image",
    ]
    assert main(["distill", str(PAINTER), *changes, *own, "--run", str(tmp_path / "run")]) == 0
    losses = list(RunDir.open(tmp_path / "run").events("distill"))
    assert any("d" in event for event in losses)


def test_scores_are_recorded_as_numbers_and_compared_by_rank(
    changes: list[str], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    weights = tmp_path / "tagger.pt"
    torch.save(Tagger().state_dict(), weights)
    path = tmp_path / "run"
    own = [
        "teacher.factory=tests/workflows/painter.py:Tagger",
        f"teacher.weights={weights}",
        "teacher.output_range=[-1, 1]",
        "student.init=random",
        "distill.terms={kl: {}}",
        "teacher.inputs={image: {kind: image, shape: [3, 24, 24]}}",
    ]
    assert main(["run", str(PAINTER), changes[0], *own, "--run", str(path)]) == 0
    _, scores = PairStore(path / "pairs").batch([0, 1])
    assert scores.dtype == torch.float32
    assert scores.shape == (2, 5)
    table = (path / "report" / "report.txt").read_text()
    assert "same top-1" in table
    assert "rank correlation" in table
    # Logits may differ from the teacher's by a constant, which L1 would count.
    assert "paired.kl" in (path / "front.csv").read_text().splitlines()[0]


def test_a_service_is_cloned_from_its_scores(changes: list[str], tmp_path: Path) -> None:
    torch.manual_seed(0)
    server = make_server(squeezenet1_0(weights=None, num_classes=1000).eval(), 0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    path = tmp_path / "run"
    own = [
        changes[0],
        f"teacher.remote.url=http://127.0.0.1:{server.server_port}/",
        *("teacher.inputs.image.shape=[3, 24, 24]", "collect.count=20", "collect.held_out=8"),
        *("search.score_samples=4", "search.finalist_samples=4", "search.trials=3"),
        *("distill.steps=3", "distill.batch_size=4", "student.kwargs.width=8"),
        *("search.mac_budget=''", "export.formats=[]", "threads=1", "evaluate.latency_runs=3"),
    ]
    try:
        assert main(["run", str(TAGGER), *own, "--run", str(path)]) == 0
    finally:
        server.shutdown()
        server.server_close()
    _, scores = PairStore(path / "pairs").batch([0, 1])
    assert torch.allclose(scores.exp().sum(1), torch.ones(2), atol=1e-3)
    table = (path / "report" / "report.txt").read_text()
    assert "rank correlation" in table
    assert not any(line.startswith("teacher ") for line in table.splitlines())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("teacher.output_range=[-1, 1]", "its images hold"),
        ("teacher.kwargs={width: 8}", "does not fit what"),
        ("teacher.weights=none.pth", "none.pth: no such file"),
        ("teacher.inputs={}", "teacher.inputs: missing"),
        ("student={factory: dcgan, init: teacher}", "fit no other architecture"),
        ("distill.discriminator.condition=label_map", "the teacher has no input 'label_map'"),
        ("student.kwargs={width: 32}", "student.init: the teacher's"),
    ],
)
def test_a_mistake_is_one_message(
    changes: list[str],
    change: str,
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [*changes, change, "--run", str(tmp_path / "run")]
    assert main(["distill", str(PAINTER), *arguments]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


def test_damaged_photographs_are_skipped_and_named(
    changes: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photographs"
    shutil.copytree(changes[0].partition("=")[2], folder)
    (folder / "03.png").write_bytes(b"\x89PNG cut short")
    arguments = [f"teacher.data.source={folder}", changes[1], "--run", str(tmp_path / "run")]
    assert main(["collect", str(PAINTER), *arguments]) == 2
    assert "03.png" in capsys.readouterr().err
    skip = "teacher.data.corrupt=skip"
    assert main(["collect", str(PAINTER), *arguments[:2], skip, "--run", str(tmp_path / "b")]) == 0
    told = capsys.readouterr().out
    assert "skipped 1 file" in told and "03.png" in told
    assert len(PairStore(tmp_path / "b" / "pairs")) == 2 * (COUNT - 1 - 4) + 4


def test_variables_of_a_path_may_have_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_PLACE", raising=False)
    assert expanded("${SOME_PLACE:-../here}/a.zip") == "../here/a.zip"
    monkeypatch.setenv("SOME_PLACE", "/there")
    assert expanded("${SOME_PLACE:-../here}/a.zip") == "/there/a.zip"
