"""What ``import gancompress`` costs, and what it offers."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import gancompress as gc

HEAVY = ("torch", "optuna", "matplotlib", "sklearn", "onnx", "onnxruntime", "scipy")


def loaded_by(code: str) -> set[str]:
    told = f"{code}\nimport sys\nprint(*sorted(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_by("import gancompress").intersection(HEAVY)


def test_help_loads_nothing_heavy():
    code = (
        "import contextlib, gancompress.cli\n"
        "with contextlib.suppress(SystemExit): gancompress.cli.main(['--version'])"
    )
    assert not loaded_by(code).intersection(HEAVY)


def test_supernet_needs_no_optional_package():
    assert not loaded_by("import gancompress; gancompress.Supernet").intersection(
        ("optuna", "matplotlib", "sklearn", "onnx", "onnxruntime")
    )


@pytest.mark.parametrize("name", gc.__all__)
def test_public_name_is_there_and_explained(name: str):
    value = getattr(gc, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)


def test_no_room_has_the_name_of_a_public_function():
    package = Path(gc.__file__).parent
    rooms = {path.stem for path in package.iterdir() if not path.name.startswith("_")}
    assert rooms.isdisjoint(gc.__all__)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        gc.nothing  # noqa: B018
