"""Weights that one ONNX file cannot hold."""

import shutil
from pathlib import Path

import pytest
import torch

from gancompress.batch import example_inputs
from gancompress.errors import ExportError, TeacherError, UnsafeFileError
from gancompress.exporters import external_data
from gancompress.exporters.external_data import DIGEST, data_file
from gancompress.exporters.onnx import export_onnx, run_onnx
from gancompress.exporters.program import Exported, Job
from gancompress.teachers.programs import open_program
from tests.unit.exporters.networks import LATENT, Conditional

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """An export that is too large for one file, not to be changed."""
    path = tmp_path_factory.mktemp("large") / "student.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(external_data, "LARGEST", 1_000)
        return export_onnx(Job(Conditional().eval(), LATENT, path))


@pytest.fixture
def large(written: Exported, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(written.path.parent, tmp_path / "large") / "student.onnx"


def rename_weights(path: Path, name: str) -> None:
    """Let a file take its weights from elsewhere, as a stranger's may."""
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = name
    for entry in model.metadata_props:
        if entry.key == DIGEST:
            entry.key = "other"
    path.write_bytes(model.SerializeToString())


def test_weights_beside_a_file_are_read_with_it(written: Exported, large: Path) -> None:
    assert written.size == large.stat().st_size + data_file(large).stat().st_size
    assert data_file(large).stat().st_size > large.stat().st_size / 2
    batch = example_inputs(LATENT, 3)
    with torch.no_grad():
        expected = Conditional().eval()(**batch)
    torch.testing.assert_close(run_onnx(large)(batch), expected, rtol=0, atol=1e-5)
    teacher = open_program(large, LATENT, trusted=True)
    torch.testing.assert_close(teacher(batch), expected, rtol=0, atol=1e-5)


def test_a_smaller_export_leaves_no_weights_beside_it(large: Path) -> None:
    export_onnx(Job(Conditional().eval(), LATENT, large))
    assert not data_file(large).exists()


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "..", "C:x"])
def test_weights_in_another_folder_are_not_read(large: Path, name: str) -> None:
    rename_weights(large, name)
    with pytest.raises(UnsafeFileError, match="not in its folder"):
        run_onnx(large)


def test_weights_that_are_missing_or_others_are_told(large: Path) -> None:
    weights = data_file(large)
    data = bytearray(weights.read_bytes())
    data[0] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ExportError, match="not those that it was written with"):
        run_onnx(large)
    weights.unlink()
    with pytest.raises(TeacherError, match=r"'student\.onnx\.data', which is missing"):
        run_onnx(large)
