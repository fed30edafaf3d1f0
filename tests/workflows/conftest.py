"""A finished tiny run, made once, and copies of it to change."""

import shutil
from pathlib import Path

import pytest

from gancompress.cli import main
from gancompress.run import RunDir
from tests.workflows.tiny_run import KEYS, TINY


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A finished run, not to be changed, alone in its folder."""
    path = tmp_path_factory.mktemp("finished") / "tiny-1"
    assert main(["run", str(TINY), *KEYS, "--run", str(path)]) == 0
    return RunDir.open(path)


@pytest.fixture
def run(finished: RunDir, tmp_path: Path) -> RunDir:
    """A copy of it."""
    return RunDir.open(Path(shutil.copytree(finished.path, tmp_path / "tiny-1")))
