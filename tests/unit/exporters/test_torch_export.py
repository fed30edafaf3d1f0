import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gancompress.atomic import write_text
from gancompress.batch import example_inputs
from gancompress.errors import DataError, ExportError, ParityError
from gancompress.exporters.program import Job
from gancompress.exporters.torch_export import export_pt2, run_pt2
from tests.unit.exporters.networks import IMAGE, LATENT, Conditional, Noisy, Starred, UNet


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Conditional, Path]:
    module = Conditional()
    path = tmp_path_factory.mktemp("pt2") / "student.pt2"
    export_pt2(Job(module, LATENT, path, fingerprint="abc"))
    return module.eval(), path


def test_program_equals_module_at_batch_sizes_never_exported(exported: tuple[Conditional, Path]):
    module, path = exported
    network = run_pt2(path)
    for size in (1, 3, 7):
        batch = example_inputs(LATENT, size, seed=42 + size)
        with torch.no_grad():
            torch.testing.assert_close(network(batch), module(**batch), rtol=0, atol=1e-6)


def test_program_carries_inputs_and_fingerprint(exported: tuple[Conditional, Path]):
    network = run_pt2(exported[1])
    assert network.inputs == LATENT
    assert network.metadata["gancompress.fingerprint"] == "abc"


def test_program_runs_where_neither_gancompress_nor_the_class_is_known(
    exported: tuple[Conditional, Path], tmp_path: Path
):
    code = (
        "import sys, torch\n"
        "sys.modules['gancompress'] = sys.modules['tests'] = None\n"
        f"module = torch.export.load({str(exported[1])!r}).module()\n"
        "print(tuple(module(z=torch.zeros(3, 8), c=torch.zeros(3, 3)).shape))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "(3, 1, 8, 8)", done.stderr


def test_program_tells_nothing_of_the_machine_that_wrote_it(exported: tuple[Conditional, Path]):
    assert b"networks.py" not in exported[1].read_bytes()


def test_image_program_runs_at_other_sizes(tmp_path: Path):
    module = UNet().eval()
    export_pt2(Job(module, IMAGE, tmp_path / "unet.pt2", dynamic_size=True))
    image = torch.rand(2, 3, 24, 40)
    with torch.no_grad():
        expected = module(image)
    torch.testing.assert_close(
        run_pt2(tmp_path / "unet.pt2")({"image": image}), expected, rtol=0, atol=1e-6
    )


def test_nothing_is_written_where_the_program_differs(tmp_path: Path):
    with pytest.raises(ParityError, match="draws random numbers"):
        export_pt2(Job(Noisy(), IMAGE, tmp_path / "noisy.pt2"))
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_none_are_refused(tmp_path: Path):
    with pytest.raises(ExportError, match="no such file"):
        run_pt2(tmp_path / "none.pt2")
    write_text(tmp_path / "text.pt2", "not a program")
    with pytest.raises(ExportError, match="cannot read it"):
        run_pt2(tmp_path / "text.pt2")


def test_batch_without_an_input_is_refused(exported: tuple[Conditional, Path]):
    with pytest.raises(DataError, match="batch lacks c; it has z"):
        run_pt2(exported[1])({"z": torch.zeros(1, 8)})


def test_inputs_of_another_shape_are_refused_clearly(exported: tuple[Conditional, Path]):
    with pytest.raises(DataError, match=r"refuses the inputs z \(1, 9\)"):
        run_pt2(exported[1])({"z": torch.zeros(1, 9), "c": torch.zeros(1, 3)})


def test_network_that_takes_inputs_by_stars_is_exported_with_their_names(tmp_path: Path):
    export_pt2(Job(Starred(), LATENT, tmp_path / "student.pt2"))
    output = run_pt2(tmp_path / "student.pt2")(example_inputs(LATENT, 3))
    assert output.shape == (3, 1, 8, 8)
