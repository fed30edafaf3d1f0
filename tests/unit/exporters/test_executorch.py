from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gancompress.assemble.page import snippets_of
from gancompress.batch import Input, example_inputs
from gancompress.errors import ExportError, MissingPackageError
from gancompress.exporters import packages
from gancompress.exporters.executorch import export_executorch, run_executorch
from gancompress.exporters.program import Job
from gancompress.generators.build import build
from tests.unit.exporters.networks import IMAGE, LATENT, Conditional, UNet


@pytest.fixture
def runtime() -> None:
    pytest.importorskip("executorch.exir", reason="executorch is not installed")


def test_missing_runtime_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(packages.importlib, "import_module", absent)
    with pytest.raises(MissingPackageError, match=r"gancompress\[executorch\]"):
        export_executorch(Job(Conditional(), LATENT, tmp_path / "student.pte"))


@pytest.mark.usefixtures("runtime")
def test_program_equals_module_and_says_what_it_is_fed(tmp_path: Path):
    module = Conditional().eval()
    export_executorch(Job(module, LATENT, tmp_path / "student.pte", fingerprint="abc"))
    network = run_executorch(tmp_path / "student.pte")
    batch = example_inputs(LATENT, 1, seed=42)
    torch.testing.assert_close(network(batch), module(**batch), rtol=0, atol=1e-5)
    assert network.inputs == LATENT
    assert network.metadata["gancompress.fingerprint"] == "abc"


@pytest.mark.usefixtures("runtime")
@pytest.mark.slow
def test_modulated_convolutions_are_exported(tmp_path: Path):
    module = build(
        "stylegan2", z_dim=8, w_dim=8, classes=3, resolution=8, channel_base=64, channel_max=8
    )
    written = export_executorch(Job(module, module.inputs, tmp_path / "student.pte"))
    assert written.parity.max_rel < 1e-4


@pytest.mark.usefixtures("runtime")
def test_free_size_is_refused_not_ignored(tmp_path: Path):
    with pytest.raises(ExportError, match="dynamic_size: ExecuTorch programs are written for one"):
        export_executorch(Job(UNet(), IMAGE, tmp_path / "student.pte", dynamic_size=True))


@pytest.mark.usefixtures("runtime")
def test_lines_of_the_report_run_a_program(tmp_path: Path):
    module, path = Conditional().eval(), str(tmp_path / "student.pte")
    export_executorch(Job(module, LATENT, Path(path)))
    names: dict[str, object] = dict(example_inputs(LATENT, 1))
    exec(snippets_of([path], list(LATENT))[path], names)
    torch.testing.assert_close(names["output"], module(names["z"], names["c"]), rtol=0, atol=1e-5)


@pytest.mark.usefixtures("runtime")
def test_operator_without_a_form_leaves_no_file(tmp_path: Path):
    class Bessel(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return torch.special.bessel_j0(z)

    with pytest.raises(ExportError, match="no ExecuTorch form"):
        export_executorch(Job(Bessel(), {"z": Input("normal", (4,))}, tmp_path / "student.pte"))
    assert not list(tmp_path.iterdir())
