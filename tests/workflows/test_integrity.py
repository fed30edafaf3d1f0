"""What is lost or damaged is named and made again, and never used."""

from pathlib import Path

import pytest

from gancompress.cli import main
from gancompress.run import RunDir
from tests.workflows.tiny_run import KEYS, TINY


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) * 3 // 4] ^= 4
    file.write_bytes(content)


STUDENT = "students/macs-1of2.safetensors"


@pytest.mark.parametrize("name", ["teacher.safetensors", "supernet.safetensors", STUDENT,
                                  "front.csv", "pairs/pairs.json"])  # fmt: skip
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_lost_or_damaged_artefact_is_named_and_made_again_as_it_was(
    run: RunDir, capsys: pytest.CaptureFixture[str], name: str, how: str
) -> None:
    file = run.path / name
    before = file.read_bytes()
    if how == "missing":
        file.unlink()
    else:
        flip_a_bit(file)
    assert main(["run", str(run.path)]) == 0
    assert f"{name} is {how}; it is made again" in capsys.readouterr().err
    assert file.read_bytes() == before


def test_a_damaged_shard_is_recorded_again_before_anything_learns_from_it(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = sorted((run.path / "pairs").glob("shard-*"))[1]
    before = shard.read_bytes()
    flip_a_bit(shard)
    assert main(["distill", str(run.path), "distill.terms={l1: {}}"]) == 0
    assert f"pairs/{shard.name} is damaged; it is made again" in capsys.readouterr().err
    assert shard.read_bytes() == before


def test_what_nothing_consumes_any_more_may_be_deleted(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    for shard in (run.path / "pairs").iterdir():
        shard.unlink()
    assert main(["export", str(run.path), "--formats", "pt2"]) == 0
    told = capsys.readouterr().err
    assert "pairs/pairs.json is missing; not needed" in told
    assert not list((run.path / "pairs").iterdir())


def test_a_damaged_checkpoint_is_not_gone_on_from(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run.path / "supernet.safetensors").read_bytes()
    (run.path / "supernet.safetensors").unlink()
    flip_a_bit(run.path / "checkpoints" / "distill.pt")
    assert main(["distill", str(run.path)]) == 0
    assert "checkpoints/distill.pt is damaged; it is made again" in capsys.readouterr().err
    assert (run.path / "supernet.safetensors").read_bytes() == before


def test_a_score_edited_by_hand_is_noticed_and_no_score_counts(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = run.path / "search.journal"
    text = journal.read_text()
    place = text.index('"values":[') + len('"values":[')
    journal.write_text(text[:place] + "0.0001" + text[text.index("]", place) :])
    front = (run.path / "front.csv").read_bytes()
    (run.path / "front.csv").unlink()
    assert main(["search", str(run.path)]) == 0
    assert "is not as it was written: no score in it counts" in capsys.readouterr().err
    assert (run.path / "front.csv").read_bytes() == front


def test_a_damaged_student_is_not_measured(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    flip_a_bit(run.path / STUDENT)
    assert main(["sample", str(run.path), str(run.path / "samples.png")]) == 2
    told = capsys.readouterr().err
    assert f"{STUDENT}: damaged; `gancompress run {run.path}` makes it again" in told


def test_the_copy_of_the_student_is_made_again_from_where_it_is_kept(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = run.path / "student.safetensors"
    before = copied.read_bytes()
    copied.unlink()
    assert main(["run", str(TINY), *KEYS, "--run", str(run.path)]) == 0
    assert f"student.safetensors is missing: copied from {STUDENT}" in capsys.readouterr().err
    assert copied.read_bytes() == before
