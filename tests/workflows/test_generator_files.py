"""What the verbs take for a generator: published files with settings, and own weights."""

from pathlib import Path

import pytest
import torch
from PIL import Image

import gancompress as gc
from gancompress.assemble.open_generator import GeneratorFile, open_generator
from gancompress.data.images import to_uint8
from gancompress.errors import MetricError, TeacherError
from gancompress.generators.build import build
from gancompress.metrics import extractors
from gancompress.metrics.frechet import statistics_of
from gancompress.metrics.statistics_file import save_statistics
from gancompress.workflows.evaluate import evaluate
from gancompress.workflows.inspect import inspect
from gancompress.workflows.sample import sample

OWN = """
from gancompress.batch import Input
from torch import nn

class Own(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.inputs = {"image": Input("image", (3, 16, 16))}

    def forward(self, image):
        return self.conv(image)
"""


def pictures(folder: Path, count: int, size: int = 16) -> Path:
    folder.mkdir()
    for index in range(count):
        pixels = torch.rand(size, size, 3, generator=torch.Generator().manual_seed(index)) * 255
        Image.fromarray(pixels.byte().numpy()).save(folder / f"{index}.png")
    return folder


def enlarger(path: Path) -> Path:
    torch.manual_seed(0)
    module = build("srvgg", width=4, convolutions=1, scale=1, activation="relu")
    torch.save({"params": module.state_dict()}, path)
    return path


@pytest.mark.parametrize("count", [1, 3])
def test_pixel_scores_need_no_extractor(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractors, "open_extractor", None)
    inputs = pictures(tmp_path / "in", count, size=64)
    path, settings = enlarger(tmp_path / "net.pth"), {"activation": "relu"}
    file = GeneratorFile(path, inputs=inputs, settings=settings)
    teacher = open_generator(file)
    (tmp_path / "golden").mkdir()
    for index, image in enumerate(to_uint8(teacher(teacher.sample_inputs(range(count), 0)))):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / "golden" / f"{index}.png")
    found = evaluate(
        file,
        tmp_path / "golden",
        extractor="inception",
        metrics=["psnr", "ssim"],
        device="cpu",
    ).scores
    assert [(score.metric, score.value) for score in found] == [("psnr", float("inf")), ("ssim", 1)]
    assert found[0].samples == count


def test_images_keep_their_own_size_where_the_generator_takes_it(tmp_path: Path) -> None:
    inputs = pictures(tmp_path / "in", 2, size=48)
    file = GeneratorFile(
        enlarger(tmp_path / "net.pth"), inputs=inputs, settings={"activation": "relu"}
    )
    teacher = open_generator(file)
    assert teacher.inputs["image"].shape == (3, 48, 48)
    assert teacher(teacher.sample_inputs([0, 1], 0)).shape == (2, 3, 48, 48)


def test_images_resized_for_a_generator_of_one_size_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = OWN.replace("self.conv(image)", "self.conv(image.reshape(-1, 3, 16, 16))")
    (tmp_path / "fixed.py").write_text(source)
    factory = f"{tmp_path / 'fixed.py'}:Own"
    torch.save(build(factory).state_dict(), tmp_path / "own.pth")
    inputs = pictures(tmp_path / "in", 2, size=24)
    teacher = open_generator(GeneratorFile(tmp_path / "own.pth", factory=factory, inputs=inputs))
    assert teacher(teacher.sample_inputs([0, 1], 0)).shape == (2, 3, 16, 16)
    assert "resized from 24×24 to 16×16, all that the network takes" in capsys.readouterr().out


def test_images_reach_a_generator_in_its_own_range(tmp_path: Path) -> None:
    inputs = pictures(tmp_path / "in", 1, size=64)
    path = enlarger(tmp_path / "net.pth")
    teacher = open_generator(GeneratorFile(path, inputs=inputs, settings={"activation": "relu"}))
    assert teacher.sample_inputs([0], 0)["image"].min() >= 0


def test_pixel_scores_against_statistics_are_refused(tmp_path: Path) -> None:
    save_statistics(statistics_of(torch.randn(4, 2)), tmp_path / "s.npz")
    with pytest.raises(MetricError, match="psnr compares images"):
        evaluate(
            GeneratorFile(pictures(tmp_path / "in", 2)),
            tmp_path / "s.npz",
            extractor="inception",
            metrics=["psnr"],
            device="cpu",
        )


def test_own_weights_are_opened_with_their_factory(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    factory = f"{tmp_path}/own.py:Own"
    module = build(factory)
    torch.save({"net": module.state_dict()}, tmp_path / "own.pth")
    opened = open_generator(
        GeneratorFile(tmp_path / "own.pth", factory=factory, settings={"width": 4})
    )
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(opened({"image": image}), module(image))
    with pytest.raises(TeacherError, match="does not fit what"):
        open_generator(GeneratorFile(enlarger(tmp_path / "other.pth"), factory=factory))


def test_settings_of_a_file_reach_every_verb(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = build("dcgan_transposed", z_dim=4, widths=[8, 8]).state_dict()
    both = {f"{side}.{name}": value for side in ("one", "two") for name, value in state.items()}
    torch.save(both, tmp_path / "net.pth")
    with pytest.raises(TeacherError, match="say which"):
        inspect(str(tmp_path / "net.pth"), {}, [], divisor=4, minimum=4)
    assert "main.0" in inspect(str(tmp_path / "net.pth"), {"part": "one"}, [], divisor=4, minimum=4)
    part = GeneratorFile(tmp_path / "net.pth", settings={"part": "two"})
    sample(part, tmp_path / "s.png", count=2, seed=0)
    assert (tmp_path / "s.png").is_file()


def test_a_walk_through_samples_is_a_film(tmp_path: Path) -> None:
    torch.manual_seed(0)
    kwargs = {"resolution": 16, "width": 8}
    path = tmp_path / "student.safetensors"
    gc.save(build("dcgan", **kwargs), path, factory="dcgan", kwargs=kwargs)
    sample(GeneratorFile(path), tmp_path / "walk.gif", count=2, seed=0)
    with Image.open(tmp_path / "walk.gif") as film:
        assert film.n_frames == 24
