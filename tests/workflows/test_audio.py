"""A third party's vocoder: compressed, measured, heard."""

import base64
import io
import re
import wave
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import gancompress
from gancompress.cli import main
from gancompress.run import RunDir
from tests.workflows.vocoder import Vocoder

RECIPE = Path(__file__).with_name("vocoder.yaml")

# One run of all stages.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of the vocoder's weights."""
    file = tmp_path_factory.mktemp("weights") / "vocoder.safetensors"
    torch.manual_seed(0)
    # As it is initialised it is next to silent.
    save_file({name: 4 * value for name, value in Vocoder().state_dict().items()}, file)
    return f"teacher.weights={file}"


@pytest.fixture(scope="module")
def solved(weights: str, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A finished run, not to be changed."""
    path = tmp_path_factory.mktemp("runs") / "vocoder"
    assert main(["run", str(RECIPE), weights, "--run", str(path)]) == 0
    return RunDir.open(path)


def test_a_vocoder_is_made_half_and_exported(solved: RunDir) -> None:
    student = gancompress.load_student(solved.path / "student.safetensors", factory=Vocoder)
    assert student.module(mel=torch.zeros(2, 8, 16)).shape == (2, 1, 1024)
    assert (solved.path / "export" / "student.pt2").is_file()
    facts = solved.facts("search")
    assert facts["costs"]["macs"] <= facts["limits"]["macs"]


def test_subnets_are_scored_by_their_spectra(solved: RunDir) -> None:
    assert "stft" in (solved.path / "front.csv").read_text().partition("\n")[0]
    text = (solved.path / "report" / "report.txt").read_text()
    assert all(name in text for name in ("STFT distance", "log-spectral dB", "L1 to teacher"))


def test_the_report_plays_teacher_and_student(solved: RunDir) -> None:
    page = (solved.path / "report" / "report.html").read_text()
    waves = re.findall(r'<audio controls src="data:audio/wav;base64,([^"]+)"', page)
    assert len(waves) == 8
    with wave.open(io.BytesIO(base64.b64decode(waves[0]))) as file:
        assert (file.getframerate(), file.getnframes(), file.getnchannels()) == (22_050, 1024, 1)
    assert "Spectrograms" in page
