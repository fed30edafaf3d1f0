import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gancompress.errors import ExportError
from gancompress.exporters.program import Job
from gancompress.exporters.python_folder import export_python
from gancompress.exporters.source import standalone_source
from gancompress.generators.build import BUILT_IN
from gancompress.student.file import Architecture, Student
from gancompress.supernet import Supernet

SMALL = {"z_dim": 8, "classes": 3, "width": 16, "resolution": 16, "channels": 1}


def cut(architecture: Architecture) -> Student:
    torch.manual_seed(0)
    module = architecture.build().eval()
    batch = {"z": torch.randn(2, 8), "c": torch.eye(3)[:2]}
    supernet = Supernet(module, batch)
    small = supernet.extract(supernet.space.uniform(0.5)).eval()
    return Student(small, module.inputs, architecture)


def job(student: Student, path: Path) -> Job:
    return Job(student.module, student.inputs, path, architecture=student.architecture)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Student, Path]:
    student = cut(Architecture("dcgan", SMALL, separable=("blocks*",), output_range=(0.0, 1.0)))
    path = tmp_path_factory.mktemp("python") / "student-python"
    export_python(job(student, path))
    return student, path


def test_folder_runs_where_gancompress_is_not_installed(
    folder: tuple[Student, Path], tmp_path: Path
):
    student, path = folder
    torch.save(student.module(z=torch.ones(2, 8), c=torch.eye(3)[:2]), tmp_path / "wanted.pt")
    code = (
        "import sys, torch\n"
        "sys.modules['gancompress'] = None\n"
        f"sys.path.insert(0, {str(path)!r})\n"
        "import generator\n"
        "made = generator.load()(z=torch.ones(2, 8), c=torch.eye(3)[:2])\n"
        "print(float((made - torch.load('wanted.pt')).abs().max()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert float(done.stdout) < 1e-5, done.stderr


def test_folder_holds_source_weights_and_how_to_use_them(folder: tuple[Student, Path]):
    files = {file.name for file in folder[1].iterdir()}
    assert files == {"generator.py", "weights.safetensors", "README.md"}
    assert "| `z` | normal | N × 8 |" in (folder[1] / "README.md").read_text()


def test_source_of_every_built_in_network_stands_alone(tmp_path: Path):
    generators = {n: place for n, place in BUILT_IN.items() if not n.endswith("discriminator")}
    for name, place in generators.items():
        module, _, attribute = place.partition(":")
        source, (called,) = standalone_source([(module, attribute)])
        assert "import gancompress" not in source
        assert "from gancompress" not in source
        assert called == attribute
        (tmp_path / f"{name}.py").write_text(source)
    check = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F821,F811"]
    done = subprocess.run([*check, str(tmp_path)], capture_output=True, text=True)
    assert not done.returncode, done.stdout


def test_definitions_of_the_same_name_are_kept_apart():
    wanted = [
        ("gancompress.generators.resnet", "_slots"),
        ("gancompress.supernet.substitute", "_slots"),
    ]
    source, names = standalone_source(wanted)
    assert names == ["_slots", "_slots_2"]
    assert "def _slots_2(" in source and "_slots_2(value, wanted, seen)" in source


def test_network_that_is_not_built_in_is_refused_and_leaves_nothing(tmp_path: Path):
    student = Student(torch.nn.Tanh(), {}, Architecture("mine:Net"))
    with pytest.raises(ExportError, match="mine:Net, whose source is not gancompress's"):
        export_python(job(student, tmp_path / "student-python"))
    assert not list(tmp_path.iterdir())
