"""One finished run in every format, each read again by its own runtime."""

from importlib.util import find_spec

import pytest

import gancompress as gc
from gancompress.batch import draw_inputs
from gancompress.cli import main
from gancompress.exporters.formats import FORMATS
from gancompress.exporters.parity import measure_parity
from gancompress.run import RunDir

# Half a minute for all, the run among it.
pytestmark = pytest.mark.slow

# What each format is read with.
PACKAGES = {
    "coreml": ("coremltools",),
    "executorch": ("executorch",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("openvino", "nncf"),
}
# Least PSNR to the student in dB.
LEAST = {"onnx-fp16": 40.0, "onnx-int8": 20.0, "openvino-int8": 20.0}


def installed(name: str) -> bool:
    """Whether all that a format needs is there."""
    packages = PACKAGES.get(name.partition("-")[0], ())
    return all(find_spec(package) is not None for package in packages)


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_is_exported_and_its_file_agrees_with_the_student(name: str, run: RunDir) -> None:
    if not installed(name):
        pytest.skip(f"the runtime of {name} is not installed")
    assert main(["export", str(run.path), "export.min_psnr=0", "--formats", name]) == 0
    facts = run.facts("export")["formats"][name]
    path = run.path / facts["file"]
    assert path.exists()
    if path.suffix not in (".onnx", ".pt2", ".xml", ".pte"):
        return
    student = gc.load_student(run.path / "student.safetensors")
    samples = [draw_inputs(student.inputs, [index], 7) for index in range(4)]
    network = gc.load_exported(path)
    parity = measure_parity(
        lambda batch: student.module(**batch).detach(), network, samples, subject=name
    )
    assert parity.psnr > LEAST.get(name, 80.0)
