"""`gc.shrink`: from a trained generator to a small one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import gancompress as gc
from gancompress.cli import main


class Painter(nn.Module):
    def __init__(self, width: int = 32, side: int = 4) -> None:
        super().__init__()
        self.inputs = {"z": gc.Input("normal", (8,))}
        self.first = nn.ConvTranspose2d(8, width, side, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.out = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = torch.relu(self.norm(self.first(z[:, :, None, None])))
        return torch.tanh(self.out(h))


def build(width: int = 32) -> nn.Module:
    torch.manual_seed(0)
    return Painter(width)


OPTIONS = gc.ShrinkOptions(samples=64, trials=4, steps=10, formats=())


def test_student_keeps_the_budget_and_is_nearer_than_cut(tmp_path: Path) -> None:
    made = gc.shrink(gc.Teacher(build()), mac_budget="1/2", run=tmp_path, options=OPTIONS)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["student"]["macs"] <= report["teacher"]["macs"] / 2
    assert report["l1"]["reconstructed"] < report["l1"]["cut"]
    assert made.student(torch.randn(2, 8)).shape == (2, 3, 4, 4)


def test_data_is_split_and_may_be_small(tmp_path: Path) -> None:
    class Filter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inputs = {"image": gc.Input("image", (3, 8, 8))}
            self.layers = nn.Sequential(
                nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 3, 3, padding=1)
            )

        def forward(self, image: Tensor) -> Tensor:
            return self.layers(image)  # type: ignore[no-any-return]

    teacher = gc.Teacher(Filter())
    gc.shrink(teacher, torch.rand(14, 3, 8, 8), mac_budget="1/2", run=tmp_path, options=OPTIONS)
    with pytest.raises(gc.GancompressError, match="a dozen is the least"):
        gc.shrink(teacher, torch.rand(3, 3, 8, 8), mac_budget="1/2", run=tmp_path)


def test_detail_is_trained_beside_a_discriminator(tmp_path: Path) -> None:
    options = replace(OPTIONS, detail=3)
    torch.manual_seed(0)
    teacher = gc.Teacher(Painter(side=16), {"z": gc.Input("normal", (8,))})
    found = gc.shrink(teacher, mac_budget="1/2", run=tmp_path, options=options)
    l1 = found.report["l1"]
    assert l1["with detail"] != l1["fine-tuned"]
    assert not found.student.training
    with torch.no_grad():
        assert found.student(z=torch.ones(2, 8)).shape == (2, 3, 16, 16)


def test_detail_is_of_images(tmp_path: Path) -> None:
    teacher = gc.Teacher(build(), {"z": gc.Input("normal", (8,))})
    with pytest.raises(gc.GancompressError, match="a discriminator of images"):
        gc.shrink(teacher, mac_budget="1/2", run=tmp_path, options=replace(OPTIONS, detail=3))


def test_black_box_is_refused(tmp_path: Path) -> None:
    teacher = gc.Teacher(lambda z: z, {"z": gc.Input("normal", (8,))})
    with pytest.raises(gc.GancompressError, match="black box"):
        gc.shrink(teacher, run=tmp_path)


def test_one_line_gives_a_student_file_and_an_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    weights = tmp_path / "weights.pth"
    torch.save(build().state_dict(), weights)
    line = ["shrink", f"{__file__}:build", f"--weights={weights}", f"--run={tmp_path}"]
    assert main([*line, "--mac-budget=1/2", "--samples=64", "--trials=4", "--steps=4"]) == 0
    assert "times fewer MACs" in capsys.readouterr().out
    student = gc.load(tmp_path / "student.safetensors", f"{__file__}:build")
    assert student.first.out_channels < 32
    assert (tmp_path / "student.onnx").is_file()
