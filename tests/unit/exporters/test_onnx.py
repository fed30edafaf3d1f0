import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gancompress.atomic import write_text
from gancompress.batch import Input, example_inputs, spec_from_json
from gancompress.errors import (
    DataError,
    ExportError,
    MissingPackageError,
    ParityError,
    TraceError,
)
from gancompress.exporters.onnx import export_onnx, run_onnx
from gancompress.exporters.program import Job
from gancompress.generators.build import build
from gancompress.supernet.supernet import Supernet
from tests.unit.exporters.networks import (
    IMAGE,
    LATENT,
    Conditional,
    DataDependent,
    FixedBatch,
    FixedSize,
    Noisy,
    NoOnnxForm,
    Starred,
    UNet,
    WrongAtOtherSizes,
)

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Conditional, Path]:
    module = Conditional()
    # Statistics of its own: an export that ignored them, or trained on, would be seen.
    module.norm.running_mean.uniform_(-1, 1)
    module.norm.running_var.uniform_(0.5, 2)
    path = tmp_path_factory.mktemp("onnx") / "student.onnx"
    assert export_onnx(Job(module, LATENT, path, fingerprint="abc")).path == path
    return module, path


def test_file_equals_module_at_batch_sizes_never_exported(exported: tuple[Conditional, Path]):
    module, path = exported
    network = run_onnx(path)
    for size in (1, 3, 7):
        batch = example_inputs(LATENT, size, seed=42 + size)
        with torch.no_grad():
            torch.testing.assert_close(network(batch), module.eval()(**batch), rtol=0, atol=1e-5)


def test_file_names_its_inputs_and_dimensions(exported: tuple[Conditional, Path]):
    graph = onnx.load(exported[1]).graph
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    assert shapes == {"z": ["batch", 8], "c": ["batch", 3], "output": ["batch", 1, 8, 8]}


def test_file_carries_inputs_fingerprint_and_version(exported: tuple[Conditional, Path]):
    metadata = {entry.key: entry.value for entry in onnx.load(exported[1]).metadata_props}
    assert spec_from_json(json.loads(metadata["gancompress.inputs"])) == LATENT
    assert metadata["gancompress.fingerprint"] == "abc"
    assert metadata["gancompress.version"]
    assert run_onnx(exported[1]).inputs == LATENT


def test_file_tells_nothing_of_the_machine_that_wrote_it(exported: tuple[Conditional, Path]):
    data = exported[1].read_bytes()
    assert b"networks.py" not in data and b"site-packages" not in data


def test_one_file_is_written_and_nothing_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    export_onnx(Job(Conditional(), LATENT, Path("student.onnx")))
    assert [path.name for path in tmp_path.iterdir()] == ["student.onnx"]
    assert capfd.readouterr() == ("", "")


def test_module_is_left_as_it_was(tmp_path: Path):
    module = Conditional().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    export_onnx(Job(module, LATENT, tmp_path / "student.onnx"))
    assert module.training and all(p.requires_grad for p in module.parameters())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_image_network_runs_at_sizes_it_was_not_exported_at(tmp_path: Path):
    module = UNet().eval()
    export_onnx(Job(module, IMAGE, tmp_path / "unet.onnx", dynamic_size=True))
    image = torch.rand(2, 3, 24, 40)
    with torch.no_grad():
        torch.testing.assert_close(
            run_onnx(tmp_path / "unet.onnx")({"image": image}), module(image), rtol=0, atol=1e-5
        )


def test_fixed_size_file_refuses_another_size_clearly(tmp_path: Path):
    export_onnx(Job(UNet(), IMAGE, tmp_path / "unet.onnx"))
    with pytest.raises(DataError, match=r"image \(1, 3, 24, 24\)"):
        run_onnx(tmp_path / "unet.onnx")({"image": torch.rand(1, 3, 24, 24)})


def test_network_of_one_size_says_so_when_any_is_asked_for(tmp_path: Path):
    with pytest.raises(TraceError, match="dynamic_size=False"):
        export_onnx(Job(FixedSize(), IMAGE, tmp_path / "unet.onnx", dynamic_size=True))


def test_export_that_is_wrong_at_another_size_is_refused(tmp_path: Path):
    export_onnx(Job(WrongAtOtherSizes(), IMAGE, tmp_path / "fixed.onnx"))
    with pytest.raises(ParityError, match="shape"):
        export_onnx(Job(WrongAtOtherSizes(), IMAGE, tmp_path / "free.onnx", dynamic_size=True))
    assert not (tmp_path / "free.onnx").exists()


def test_code_that_fixes_the_batch_says_so_and_exports_with_one_sample(tmp_path: Path):
    with pytest.raises(TraceError, match=r"dimension 0 of input image.*dynamic_batch=False"):
        export_onnx(Job(FixedBatch(), IMAGE, tmp_path / "free.onnx"))
    export_onnx(Job(FixedBatch(), IMAGE, tmp_path / "one.onnx", dynamic_batch=False))
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(run_onnx(tmp_path / "one.onnx")({"image": image}), image * 3)


def test_network_with_noise_of_its_own_is_refused(tmp_path: Path):
    with pytest.raises(ParityError, match="draws random numbers"):
        export_onnx(Job(Noisy(), IMAGE, tmp_path / "noisy.onnx"))


def test_operator_without_onnx_form_is_named_with_its_line(tmp_path: Path):
    with pytest.raises(ExportError, match=r"bessel_j0.* at networks\.py:\d+") as caught:
        export_onnx(Job(NoOnnxForm(), IMAGE, tmp_path / "bessel.onnx"))
    assert "\n" not in str(caught.value)


def test_module_that_cannot_be_followed_gets_one_line(tmp_path: Path):
    with pytest.raises(TraceError, match="DataDependent: ") as caught:
        export_onnx(Job(DataDependent(), IMAGE, tmp_path / "branch.onnx"))
    assert "\n" not in str(caught.value)


def test_failed_export_leaves_the_old_file(tmp_path: Path):
    write_text(tmp_path / "student.onnx", "the old one")
    with pytest.raises(ParityError):
        export_onnx(Job(Conditional(), LATENT, tmp_path / "student.onnx", tolerance=0.0))
    assert [path.name for path in tmp_path.iterdir()] == ["student.onnx"]
    assert (tmp_path / "student.onnx").read_text() == "the old one"


def test_further_batches_are_compared_too(tmp_path: Path):
    broken = {"z": torch.full((1, 8), float("nan")), "c": torch.zeros(1, 3)}
    with pytest.raises(ParityError, match="not finite"):
        export_onnx(Job(Conditional(), LATENT, tmp_path / "student.onnx", batches=[broken]))


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_missing_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=rf'{package} .* "gancompress\[onnx\]"'):
        export_onnx(Job(Conditional(), LATENT, tmp_path / "student.onnx"))


def test_files_that_are_none_are_refused(tmp_path: Path):
    with pytest.raises(ExportError, match="no such file"):
        run_onnx(tmp_path / "none.onnx")
    write_text(tmp_path / "text.onnx", "not a model")
    with pytest.raises(ExportError, match="cannot read it"):
        run_onnx(tmp_path / "text.onnx")


def test_batch_without_an_input_is_refused(exported: tuple[Conditional, Path]):
    with pytest.raises(DataError, match="batch lacks c; it has z"):
        run_onnx(exported[1])({"z": torch.zeros(1, 8)})


def test_value_range_of_images_survives_the_file(tmp_path: Path):
    inputs = {"image": Input("image", (3, 16, 16), low=0.0, high=255.0)}
    export_onnx(Job(UNet(), inputs, tmp_path / "unet.onnx"))
    assert run_onnx(tmp_path / "unet.onnx").inputs == inputs


def test_network_that_takes_inputs_by_stars_is_exported_with_their_names(tmp_path: Path):
    export_onnx(Job(Starred(), LATENT, tmp_path / "student.onnx"))
    output = run_onnx(tmp_path / "student.onnx")(example_inputs(LATENT, 3))
    assert output.shape == (3, 1, 8, 8)


@pytest.mark.parametrize("factory", ["dcgan", "distylegan"])
def test_student_cut_from_a_supernet_equals_its_onnx_file(factory: str, tmp_path: Path):
    module = build(factory, z_dim=16, classes=10, width=32, resolution=16, channels=1)
    supernet = Supernet(module, example_inputs(module.inputs))
    student = supernet.extract(supernet.space.sample(np.random.default_rng(0)))
    written = export_onnx(Job(student, module.inputs, tmp_path / "student.onnx"))
    assert written.size == (tmp_path / "student.onnx").stat().st_size
    batch = example_inputs(module.inputs, 6, seed=9)
    with torch.no_grad():
        expected = student.eval()(**batch)
    assert expected.shape == (6, 1, 16, 16)
    torch.testing.assert_close(run_onnx(written.path)(batch), expected, rtol=0, atol=1e-5)
