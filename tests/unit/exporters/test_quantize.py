from pathlib import Path

import pytest
import torch

from gancompress.errors import DataError, ExportError
from gancompress.exporters.half import halve_onnx
from gancompress.exporters.onnx import export_onnx, run_onnx
from gancompress.exporters.parity import sample_batches
from gancompress.exporters.program import Job
from gancompress.exporters.quantize import quantize_onnx
from gancompress.generators.build import build

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator whose BatchNorm statistics fit its weights, as a trained one's do."""
    torch.manual_seed(0)
    module = build("dcgan", z_dim=16, width=16, resolution=16, channels=1).train()
    for batch in sample_batches(module.inputs, [32] * 10):
        module(**batch)
    path = tmp_path_factory.mktemp("quantize") / "student.onnx"
    export_onnx(Job(module, module.inputs, path, fingerprint="abc"))
    return path


def test_int8_file_is_smaller_and_close_on_inputs_it_was_not_calibrated_on(
    student: Path, tmp_path: Path
):
    inputs = run_onnx(student).inputs
    made = quantize_onnx(
        student,
        tmp_path / "int8.onnx",
        calibration=sample_batches(inputs, [16] * 8, seed=0),
        held_out=sample_batches(inputs, [16] * 4, seed=1000),
    )
    assert made.path.stat().st_size < 0.5 * student.stat().st_size
    assert 30 < made.parity.psnr < 80
    assert made.parity.samples == 64
    assert [path.name for path in tmp_path.iterdir()] == ["int8.onnx"]
    assert run_onnx(made.path).metadata == run_onnx(student).metadata


def test_weights_are_integers(student: Path, tmp_path: Path):
    import onnx

    batches = sample_batches(run_onnx(student).inputs, [4])
    quantize_onnx(student, tmp_path / "int8.onnx", calibration=batches, held_out=batches)
    kinds = {entry.data_type for entry in onnx.load(tmp_path / "int8.onnx").graph.initializer}
    assert onnx.TensorProto.INT8 in kinds


def test_calibration_needs_fitting_batches(student: Path, tmp_path: Path):
    with pytest.raises(ExportError, match="needs calibration inputs, got none"):
        quantize_onnx(student, tmp_path / "int8.onnx", calibration=[], held_out=[])
    wrong = [{"noise": torch.zeros(1, 16)}]
    with pytest.raises(DataError, match="batch lacks z"):
        quantize_onnx(student, tmp_path / "int8.onnx", calibration=wrong, held_out=[])
    assert list(tmp_path.iterdir()) == []


def test_costly_layers_stay_in_float_until_the_quality_is_reached(
    student: Path, tmp_path: Path
) -> None:
    inputs = run_onnx(student).inputs
    calibration = sample_batches(inputs, [16] * 4, seed=0)
    held_out = sample_batches(inputs, [16] * 2, seed=1000)
    place = tmp_path / "int8.onnx"
    every = quantize_onnx(student, place, calibration=calibration, held_out=held_out)
    assert every.kept == () and every.layers > 2
    asked = every.parity.psnr + 3
    better = quantize_onnx(
        student, place, calibration=calibration, held_out=held_out, min_psnr=asked
    )
    assert 0 < len(better.kept) < every.layers
    assert better.layers + len(better.kept) == every.layers
    assert better.parity.psnr > every.parity.psnr + 1


def test_quality_that_cannot_be_had_is_refused_and_leaves_no_file(
    student: Path, tmp_path: Path
) -> None:
    batches = sample_batches(run_onnx(student).inputs, [8])
    with pytest.raises(ExportError, match="does not reach 300 dB"):
        quantize_onnx(
            student, tmp_path / "x.onnx", calibration=batches, held_out=batches, min_psnr=300
        )
    assert list(tmp_path.iterdir()) == []


def test_16_bit_file_is_half_as_large_and_close(student: Path, tmp_path: Path) -> None:
    batches = sample_batches(run_onnx(student).inputs, [8])
    made = halve_onnx(student, tmp_path / "half.onnx", held_out=batches)
    assert made.size < 0.6 * student.stat().st_size
    assert made.parity.psnr > 50
    assert run_onnx(made.path).metadata == run_onnx(student).metadata
