"""The mistakes that the documentation shows are told as it says, before there is a run."""

from pathlib import Path

import pytest

from benchmarks.mistakes import MISTAKES, Mistake, command_of, examples
from gancompress.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "mistakes.md"

# One of each kind; the benchmark makes all of them.
KINDS = {mistake.kind: mistake for mistake in MISTAKES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    examples(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_mistake_of_each_kind_is_told_before_there_is_a_run(
    kind: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mistake: Mistake = KINDS[kind]
    assert main(command_of(mistake, folder, tmp_path / "runs")) == 2
    told = capsys.readouterr().err
    assert mistake.expected in told
    assert "Traceback" not in told
    assert not (tmp_path / "runs").exists()


def test_the_page_shows_forty_mistakes_and_more() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(MISTAKES) >= 40
    for mistake in MISTAKES:
        assert (mistake.change or mistake.recipe).split(" && ")[0].replace("|", "\\|") in page
