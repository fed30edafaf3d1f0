import sys
from pathlib import Path

import pytest
import torch

from gancompress.atomic import write_text
from gancompress.batch import example_inputs
from gancompress.errors import DataError, ExportError, MissingPackageError, ParityError
from gancompress.exporters.openvino import export_openvino, run_openvino
from gancompress.exporters.program import Job
from tests.unit.exporters.networks import IMAGE, LATENT, Conditional, Noisy, UNet


def test_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingPackageError, match=r'openvino .* "gancompress\[openvino\]"'):
        export_openvino(Job(Conditional(), LATENT, tmp_path / "student.xml"))
    with pytest.raises(MissingPackageError, match=r'openvino .* "gancompress\[openvino\]"'):
        run_openvino(tmp_path / "student.xml")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Conditional, Path]:
    pytest.importorskip("openvino")
    module = Conditional()
    path = tmp_path_factory.mktemp("openvino") / "student.xml"
    export_openvino(Job(module, LATENT, path, fingerprint="abc"))
    return module.eval(), path


def test_model_equals_module_at_batch_sizes_never_exported(exported: tuple[Conditional, Path]):
    module, path = exported
    network = run_openvino(path, threads=1)
    for size in (1, 3, 7):
        batch = example_inputs(LATENT, size, seed=42 + size)
        with torch.no_grad():
            torch.testing.assert_close(network(batch), module(**batch), rtol=0, atol=1e-5)


def test_an_output_stays_when_the_next_one_is_computed(exported: tuple[Conditional, Path]):
    network = run_openvino(exported[1])
    first = network(example_inputs(LATENT, 2, seed=1))
    kept = first.clone()
    network(example_inputs(LATENT, 2, seed=2))
    assert torch.equal(first, kept)


def test_model_carries_inputs_and_fingerprint(exported: tuple[Conditional, Path]):
    network = run_openvino(exported[1])
    assert network.inputs == LATENT
    assert network.metadata["gancompress.fingerprint"] == "abc"


def test_two_files_are_written_and_both_are_counted(tmp_path: Path):
    pytest.importorskip("openvino")
    made = export_openvino(Job(Conditional(), LATENT, tmp_path / "student.xml"))
    files = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert set(files) == {"student.bin", "student.xml"}
    assert made.size == sum(files.values())


def test_image_model_runs_at_other_sizes(tmp_path: Path):
    pytest.importorskip("openvino")
    module = UNet().eval()
    export_openvino(Job(module, IMAGE, tmp_path / "unet.xml", dynamic_size=True))
    image = torch.rand(2, 3, 24, 40)
    with torch.no_grad():
        expected = module(image)
    torch.testing.assert_close(
        run_openvino(tmp_path / "unet.xml")({"image": image}), expected, rtol=0, atol=1e-5
    )


def test_nothing_is_written_where_the_model_differs(tmp_path: Path):
    pytest.importorskip("openvino")
    with pytest.raises(ParityError):
        export_openvino(Job(Noisy(), IMAGE, tmp_path / "noisy.xml"))
    assert list(tmp_path.iterdir()) == []


def test_bad_paths_and_batches_are_refused(exported: tuple[Conditional, Path], tmp_path: Path):
    with pytest.raises(ExportError, match=r"end in \.xml"):
        export_openvino(Job(exported[0], LATENT, tmp_path / "student.onnx"))
    write_text(tmp_path / "text.xml", "not a model")
    with pytest.raises(ExportError, match=r"text\.bin: no such file"):
        run_openvino(tmp_path / "text.xml")
    write_text(tmp_path / "text.bin", "")
    with pytest.raises(ExportError, match="cannot read it"):
        run_openvino(tmp_path / "text.xml")
    with pytest.raises(DataError, match="batch lacks c"):
        run_openvino(exported[1])({"z": torch.zeros(1, 8)})
    with pytest.raises(DataError, match=r"refuses the inputs z \(1, 9\)"):
        run_openvino(exported[1])({"z": torch.zeros(1, 9), "c": torch.zeros(1, 3)})
