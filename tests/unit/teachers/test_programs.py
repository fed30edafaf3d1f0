"""Programs in files are black boxes, and run only where they are trusted."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gancompress as gc
from gancompress.batch import Input
from gancompress.errors import TeacherError, UnsafeFileError
from gancompress.teachers.from_file import from_file
from gancompress.teachers.programs import open_program

IMAGE = {"image": Input("image", (3, 8, 8))}


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.conv(image).tanh()


def onnx(path: Path, batch: int | str, latent: bool = False) -> Path:
    """A graph of one operator, y = tanh(x)."""
    onnx = pytest.importorskip("onnx")
    sizes = [batch, 16] if latent else [batch, 3, "height", "width"]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Tanh", ["x"], ["y"])],
        "tanh",
        [value("x", onnx.TensorProto.FLOAT, sizes)],
        [value("y", onnx.TensorProto.FLOAT, sizes)],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


@pytest.mark.parametrize("batch", ["N", 1])
def test_onnx_graph_answers_and_tells_what_it_is_fed(batch: int | str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    teacher = open_program(onnx(tmp_path / "net.onnx", batch), trusted=True)
    assert teacher.inputs == {"x": Input("image", (3, 256, 256))}
    images = torch.rand(3, 3, 8, 8)
    assert torch.allclose(teacher({"x": images}), images.tanh(), atol=1e-6)


def with_weights(path: Path, location: str, nested: bool = False) -> Path:
    """A graph y = x + w whose weight is in the file ``location``; nested: in a branch of an If."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weight = onnx.TensorProto(name="w", data_type=kind, dims=[16], data_location=1)
    weight.external_data.add(key="location", value=location)
    shape = ["N", 16]
    add = [helper.make_node("Add", ["x", "w"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, kind, shape) for name in "xy")
    if nested:
        branch = helper.make_graph(add, "branch", [], [y], [weight])
        true = onnx.numpy_helper.from_array(np.array(True), "true")
        node = helper.make_node("If", ["true"], ["y"], then_branch=branch, else_branch=branch)
        graph = helper.make_graph([node], "g", [x], [y], [true])
    else:
        graph = helper.make_graph(add, "g", [x], [y], [weight])
    opset = [helper.make_opsetid("", 17)]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(
        helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    )
    return path


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("location", ["../w.bin", "{tmp}/w.bin", "link.bin", "a/../../w.bin", ""])
def test_weights_from_outside_of_the_folder_are_refused(
    location: str, nested: bool, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "w.bin").write_bytes(np.arange(16, dtype="<f4").tobytes())
    path = with_weights(tmp_path / "g" / "n.onnx", location.format(tmp=tmp_path), nested)
    (tmp_path / "g" / "link.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(UnsafeFileError, match=r"n\.onnx: takes weights from .* not in its folder"):
        open_program(path, trusted=True)


def test_weights_beside_the_graph_are_read_and_named(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path, data = with_weights(tmp_path / "n.onnx", "w.bin"), tmp_path / "w.bin"
    with pytest.raises(TeacherError, match=r"n\.onnx: its weights are in 'w\.bin', .* missing"):
        open_program(path, trusted=True)
    data.write_bytes(np.arange(16, dtype="<f4").tobytes())
    before = open_program(path, trusted=True)
    assert before({"x": torch.zeros(1, 16)}).tolist() == [list(range(16))]
    data.write_bytes(np.ones(16, dtype="<f4").tobytes())
    assert open_program(path, trusted=True).fingerprint != before.fingerprint


def test_latent_of_an_onnx_graph_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    teacher = open_program(onnx(tmp_path / "net.onnx", "N", latent=True), trusted=True)
    assert teacher.inputs == {"x": Input("normal", (16,))}
    assert teacher.sample_inputs([4], 0)["x"].shape == (1, 16)


def test_answers_in_another_range_are_brought_to_ours(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = onnx(tmp_path / "net.onnx", "N")
    teacher = open_program(path, trusted=True, output_range=(0.0, 1.0))
    images = torch.rand(1, 3, 4, 4)
    assert torch.allclose(teacher({"x": images}), 2 * images.tanh() - 1, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["script", "exported"])
def test_pytorch_program_answers(form: str, tmp_path: Path) -> None:
    module, path = Small().eval(), tmp_path / ("net.pt" if form == "script" else "net.pt2")
    if form == "script":
        torch.jit.save(torch.jit.script(module), path)
    else:
        torch.export.save(torch.export.export(module, (torch.rand(2, 3, 8, 8),)), path)
    teacher = open_program(path, IMAGE, trusted=True)
    images = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        assert torch.allclose(teacher({"image": images}), module(images), atol=1e-6)


def test_program_is_not_run_without_trust(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(Small()), tmp_path / "net.pt")
    with pytest.raises(TeacherError, match="trusted=True"):
        open_program(tmp_path / "net.pt", IMAGE)
    with pytest.raises(TeacherError, match=r"TorchScript program.*trusted=True"):
        from_file(tmp_path / "net.pt")


def test_program_that_does_not_say_what_it_is_fed_is_asked_about(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(Small()), tmp_path / "net.pt")
    with pytest.raises(TeacherError, match="say it: inputs="):
        open_program(tmp_path / "net.pt", trusted=True)


def test_damaged_graph_is_named(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "net.onnx").write_bytes(b"nothing")
    with pytest.raises(TeacherError, match=r"net\.onnx: no ONNX graph"):
        open_program(tmp_path / "net.onnx", trusted=True)


def test_library_takes_a_trusted_program(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    teacher = gc.load_teacher(onnx(tmp_path / "net.onnx", "N", latent=True), trusted=True)
    assert teacher.module is None
    latents = teacher.sample_inputs(range(2), 0)
    assert torch.allclose(teacher(latents), latents["x"].tanh(), atol=1e-6)
