"""OpenVINO models in 8-bit integers."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gancompress.errors import ExportError
from gancompress.exporters.float_layers import Quantized
from gancompress.exporters.formats import FORMATS
from gancompress.exporters.openvino_int8 import quantize_openvino
from gancompress.exporters.parity import sample_batches
from gancompress.exporters.program import Job
from gancompress.generators.build import build
from tests.unit.exporters.networks import IMAGE, UNet

pytest.importorskip("nncf")
pytest.importorskip("openvino")
pytest.importorskip("onnx")


def test_int8_model_is_close_on_inputs_it_was_not_calibrated_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = build("dcgan", z_dim=16, width=16, resolution=16, channels=1).train()
    inputs = module.inputs
    for batch in sample_batches(inputs, [32] * 10):
        module(**batch)
    job = Job(
        module,
        inputs,
        tmp_path / "student.int8.xml",
        calibration=sample_batches(inputs, [16] * 4),
        held_out=sample_batches(inputs, [16], seed=1000),
    )
    made = FORMATS["openvino-int8"].write(job)
    assert 30 < made.parity.psnr < 80
    assert 'element_type="i8"' in made.path.read_text(encoding="utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {"student.int8.xml", "student.int8.bin"}


@pytest.mark.slow
def test_layers_that_cost_too_much_stay_in_float(tmp_path: Path) -> None:
    network = UNet().eval()
    batches = sample_batches(IMAGE, [8] * 2)
    job = Job(network, IMAGE, tmp_path / "a.int8.xml", calibration=batches, held_out=batches)
    plain = FORMATS["openvino-int8"].write(job)
    asked = plain.parity.psnr + 3
    closer = FORMATS["openvino-int8"].write(replace(job, min_psnr=asked))
    assert isinstance(plain, Quantized)
    assert isinstance(closer, Quantized)
    assert not plain.kept
    assert closer.kept
    assert closer.layers == plain.layers - len(closer.kept)
    assert closer.parity.psnr >= asked


def test_calibration_inputs_are_needed(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="needs calibration inputs"):
        quantize_openvino(tmp_path / "a.xml", tmp_path / "b.xml", calibration=[], held_out=[])
