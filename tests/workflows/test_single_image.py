"""`teach` of one photograph, what is left of it, and what is said where it cannot be."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancompress import load_student
from gancompress.batch import draw_inputs
from gancompress.cli import main
from gancompress.run import RunDir

RECIPE = Path(__file__).parents[2] / "recipes" / "teach-consingan.yaml"

# The published recipe as small as it gets.
SMALL = [
    "teacher.kwargs.width=8",
    "teach.discriminator.kwargs.width=4",
    "teach.single_image.stages=2",
    "teach.single_image.min_size=12",
    "teach.single_image.max_size=24",
    "teach.single_image.steps=[2, 1]",
]


def photograph(path: Path, height: int = 32, width: int = 48) -> Path:
    """Sky, and stripes below."""
    pixels = np.full((height, width, 3), (90, 160, 230), np.uint8)
    pixels[height // 2 :, ::4] = (120, 60, 20)
    pixels[height // 2 :, 1::4] = (200, 180, 60)
    Image.fromarray(pixels).save(path)
    return path


def teach(source: Path, run: Path, changes: Sequence[str] = ()) -> int:
    command = ["teach", str(RECIPE), f"data.source={source}", *SMALL, *changes, "--run", str(run)]
    return main(command)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("single")
    assert teach(photograph(folder / "photo.png"), folder / "run") == 0
    return folder / "run"


def test_a_taught_photograph_is_a_teacher_of_drawn_inputs(run: Path) -> None:
    teacher = load_student(run / "teacher.safetensors")
    batch = draw_inputs(teacher.inputs, range(2), 0)
    with torch.no_grad():
        assert teacher.module(**batch).shape == (2, 3, 16, 24)
    facts = RunDir.open(run).facts("teach")
    assert facts["sizes"] == [[12, 18], [16, 24]]
    assert teacher.provenance["taught_on"] == facts
    assert 0 < facts["reconstruction_error"] < 1
    assert (run / "samples" / "teach-1.png").is_file()
    with Image.open(run / "samples" / "teach.webp") as film:
        assert film.n_frames == 2


def test_its_pictures_show_three_shapes(run: Path) -> None:
    # Titles on the left, then four columns as wide as the widest, in as many rows as shapes.
    picture = Image.open(run / "samples" / "taught.png")
    assert picture.width > 4 * 38
    assert picture.height > 4 * 26


def test_samples_of_any_size_can_be_had(run: Path, tmp_path: Path) -> None:
    output = tmp_path / "wide.png"
    command = ["sample", str(run / "teacher.safetensors"), str(output), "--count", "2"]
    assert main([*command, "--size", "100x300"]) == 0
    picture = Image.open(output)
    assert 2 * 300 < picture.width < 2 * 300 + 60
    assert 100 < picture.height < 100 + 30


def test_noise_from_a_finer_stage_on_keeps_the_layout(run: Path, tmp_path: Path) -> None:
    output = tmp_path / "stages.png"
    command = ["sample", str(run / "teacher.safetensors"), str(output), "--count", "3"]
    assert main([*command, "--start-stage", "0", "1", "--noise-scale", "1", "0"]) == 0
    # Rows of 24×16 pixels, enlarged four times: titles on the left, three columns.
    pixels = np.asarray(Image.open(output).convert("L"), dtype=float)[:, -(10 + 3 * 100 - 4) : -10]
    tiles = [[pixels[10 + 68 * r :][:64, 100 * c :][:, :96] for c in range(3)] for r in range(4)]
    spread = [np.std(np.stack(row), axis=0).mean() for row in tiles]
    assert spread[1] == spread[3] == 0
    assert min(spread[0], spread[2]) > 0
    # The first sample has its own coarse noise in both, the others have not.
    assert np.array_equal(tiles[0][0], tiles[2][0])
    assert not np.array_equal(tiles[0][1], tiles[2][1])


def test_a_stage_that_is_not_there_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["sample", str(run / "teacher.safetensors"), str(tmp_path / "walk.gif")]
    assert main([*command, "--start-stage", "2"]) == 2
    assert "it has 2 stages of noise; give 0 to 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "message"), [("100", "height x width"), ("0x9", "coarsest stage would be empty")]
)
def test_sizes_that_cannot_be_are_refused(
    run: Path, size: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "samples.png")
    assert main(["sample", str(run / "teacher.safetensors"), output, "--size", size]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("task", ["harmonise", "edit"])
def test_a_composite_is_fitted_in_where_its_mask_is_white(task: str, tmp_path: Path) -> None:
    source = photograph(tmp_path / "photo.png")
    pixels = np.asarray(Image.open(source)).copy()
    pixels[4:10, 4:10] = (255, 0, 255)
    mask = np.zeros((32, 48), np.uint8)
    mask[4:10, 4:10] = 255
    Image.fromarray(pixels).save(tmp_path / "composite.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    changes = [f"teach.single_image.task={task}", "teach.single_image.finetune_steps=1"]
    changes += [
        f"teach.single_image.{name}={tmp_path / name}.png" for name in ("composite", "mask")
    ]
    assert teach(source, tmp_path / "first", changes) == 0
    # Another composite takes over what was trained.
    changes += [f"teach.single_image.trained={tmp_path / 'first'}"]
    assert teach(source, tmp_path / "run", changes) == 0
    fitted = np.asarray(Image.open(tmp_path / "run" / "fitted.png"))
    assert fitted.shape == (16, 24, 3)
    composite = np.asarray(Image.open(tmp_path / "composite.png").resize((24, 16), 3))
    changed = np.abs(fitted.astype(int) - composite).max(2) > 20
    assert changed[2:5, 2:5].all()
    assert not changed[:, 14:].any()
    again = (tmp_path / "run" / "fitted.png").read_bytes()
    assert again == (tmp_path / "first" / "fitted.png").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.source=nowhere.jpg", "nowhere.jpg: no such file"),
        ("data.source=.", "a folder; single_image wants one photograph"),
        ("teach.single_image.max_size=14", "min_size (12) at least"),
        ("teach.single_image.stages=9", "two of them would be of one size"),
        ("teach.single_image.steps=[1]", "one number for each of 2 stages"),
        ("teach.single_image.task=edit", "the picture to fit in"),
        ("data.layout=images", "data.layout: photograph is what"),
        ("teacher.factory=dcgan", "single_image trains 'consingan' only"),
        ("teacher.kwargs.sizes=[[8, 8]]", "teacher.kwargs.sizes: follows from the photograph"),
        ("precision=bf16", "trains in full precision"),
    ],
)
def test_what_cannot_be_taught_is_told_in_one_sentence(
    change: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = photograph(tmp_path / "photo.png")
    changes = [change, "teach.single_image.steps=[]"] if "stages" in change else [change]
    assert teach(source, tmp_path / "run", changes) == 2
    assert message in capsys.readouterr().err


def test_a_composite_of_another_shape_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    square = photograph(tmp_path / "square.png", 32, 32)
    changes = ["teach.single_image.task=harmonise", f"teach.single_image.composite={square}"]
    assert teach(photograph(tmp_path / "photo.png"), tmp_path / "run", changes) == 2
    assert "32×32 pixels, but the photograph has the aspect ratio" in capsys.readouterr().err


def test_a_photograph_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.png").write_bytes(b"no image")
    assert teach(tmp_path / "photo.png", tmp_path / "run") == 2
    assert "photo.png: cannot be read as an image" in capsys.readouterr().err
