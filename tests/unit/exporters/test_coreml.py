from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gancompress.api.export import write_student
from gancompress.batch import Input
from gancompress.errors import ExportError
from gancompress.exporters.coreml import export_coreml
from gancompress.exporters.program import Job
from gancompress.student.file import Architecture, Student
from tests.unit.exporters.networks import IMAGE, LATENT, Conditional, UNet

coremltools = pytest.importorskip("coremltools", reason="coremltools is not installed")


def test_package_has_the_students_inputs_output_and_description(tmp_path: Path):
    path = tmp_path / "student.mlpackage"
    written = export_coreml(Job(Conditional(), LATENT, path, fingerprint="abc"))
    spec = coremltools.utils.load_spec(str(path))
    shapes = {e.name: list(e.type.multiArrayType.shape) for e in spec.description.input}
    assert shapes == {"z": [1, 8], "c": [1, 3]}
    assert [e.name for e in spec.description.output] == ["output"]
    assert spec.description.metadata.userDefined["gancompress.fingerprint"] == "abc"
    assert written.size > sum(4 * p.numel() for p in Conditional().parameters())


def test_package_that_cannot_be_run_here_claims_no_parity(tmp_path: Path):
    written = export_coreml(Job(UNet(), IMAGE, tmp_path / "student.mlpackage"))
    assert written.parity.samples == 0 and "not run" in str(written.parity)


def test_free_size_is_refused_not_ignored(tmp_path: Path):
    with pytest.raises(ExportError, match="dynamic_size: Core ML programs are written for one"):
        export_coreml(Job(UNet(), IMAGE, tmp_path / "student.mlpackage", dynamic_size=True))


def test_difference_of_a_package_that_is_not_run_is_none(tmp_path: Path):
    student = Student(UNet(), IMAGE, Architecture(""))
    _, facts = write_student(student, tmp_path, [".mlpackage"])
    assert facts[".mlpackage"]["max_rel"] is None


def test_operator_without_a_form_leaves_no_package(tmp_path: Path):
    class Bessel(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return torch.special.bessel_j0(z)

    with pytest.raises(ExportError, match="no Core ML form"):
        export_coreml(Job(Bessel(), {"z": Input("normal", (4,))}, tmp_path / "student.mlpackage"))
    assert not list(tmp_path.iterdir())
