"""`distill` from a recipe: what terms need, what it leaves beside the supernet, what it refuses."""

from pathlib import Path

import pytest
import torch

from gancompress.cli import main
from gancompress.data.pairs import PairStore
from gancompress.run import RunDir

TINY = Path(__file__).with_name("tiny.yaml")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one distilled run in it, all of whose feature terms look inside the teacher."""
    root = tmp_path_factory.mktemp("runs")
    arguments = [
        "distill.terms.adapted.weight=1",
        "distill.terms.channel_means.weight=1",
        "distill.terms.kernel_alignment.weight=0.1",
        "distill.terms.latent_directions.weight=0.1",
        "distill.validate_every=4",
        "distill.in_place=0.5",
        "distill.cache_gigabytes=0.001",
        "distill.accumulate=2",
        "distill.discriminator.r1=0.1",
    ]
    assert main(["distill", str(TINY), *arguments, "--root", str(root)]) == 0
    return root


def test_terms_look_inside_a_taught_teacher(root: Path) -> None:
    events = list(RunDir.open(root / "tiny-1").events("distill"))
    taps = {term: pairs for event in events for term, pairs in event.get("taps", {}).items()}
    assert sorted(taps) == ["adapted", "channel_means", "kernel_alignment", "latent_directions"]
    assert all("8×8" in taps["adapted"][0] and " = " in tap for tap in taps["adapted"])
    for term in taps:
        assert any(f"{term}.smallest" in event for event in events)


def test_how_many_pairs_the_memory_for_maps_holds_is_told(root: Path) -> None:
    events = list(RunDir.open(root / "tiny-1").events("distill"))
    (told,) = [event["event"] for event in events if "event" in event]
    assert told.endswith("are cached for 40 of 60 pairs")


def test_pictures_and_the_best_weights_are_kept(root: Path) -> None:
    run = root / "tiny-1"
    pictures = sorted(path.name for path in (run / "samples").iterdir())
    assert pictures == ["distill-0000004.png", "distill-0000008.png", "distill.webp"]
    scores = [e for e in RunDir.open(run).events("distill") if "held_out.smallest" in e]
    best = torch.load(run / "checkpoints" / "distill-best.pt", weights_only=True)
    assert best["progress"]["step"] == scores[-1]["best_step"]


def test_a_discriminator_is_inherited_from_the_one_that_taught(root: Path, tmp_path: Path) -> None:
    taught = root / "tiny-1" / "checkpoints" / "teach.pt"
    arguments = [
        f"distill.discriminator.file={taught}",
        "distill.discriminator.factory=dcgan_discriminator",
        "distill.discriminator.kwargs={classes: 10, width: 8, resolution: 16, channels: 1, "
        "norm: false}",
        "distill.steps=2",
    ]
    assert main(["distill", str(TINY), *arguments, "--root", str(tmp_path)]) == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["distill.terms.perceptual.weight=1"], "distill.terms.perceptual.network: missing"),
        (["distill.terms.adapted.taps=[up9]"], "the student has no submodule 'up9'"),
        (["distill.terms.l3.weight=1"], "l3: unknown term; did you mean 'l2'?"),
        (["distill.discriminator.file=none.pt"], "none.pt: no such file"),
        (["distill.discriminator.factory=''"], "needs distill.discriminator, which has no factory"),
        (["distill.accumulate=9"], "9 parts of a batch of 16 leave less than two samples"),
        (["distill.validate_every=0", "distill.patience=2"], "needs distill.validate_every"),
    ],
)
def test_a_mistake_is_one_message(
    arguments: list[str],
    expected: str,
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [*arguments, "teach.steps=1"]
    assert main(["distill", str(TINY), *arguments, "--root", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert "Traceback" not in told


def test_pairs_in_folders_are_all_that_is_needed_of_a_teacher(root: Path, tmp_path: Path) -> None:
    folder, store = tmp_path / "FakeDigits", tmp_path / "store"
    assert main(["pairs", "export", str(root / "tiny-1" / "pairs"), str(folder)]) == 0
    assert main(["pairs", "import", str(folder), str(store), "--held-out", "20"]) == 0
    arguments = [f"teacher.pairs={store}", "search.mac_budget=600K", "distill.steps=2"]
    assert main(["distill", str(TINY), *arguments, "--root", str(tmp_path)]) == 0
    assert main(["search", str(tmp_path / "tiny-1")]) == 0
    assert not (tmp_path / "tiny-1" / "pairs").exists()
    assert (tmp_path / "tiny-1" / "student.safetensors").is_file()


def test_pairs_that_hold_nothing_out_are_refused(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, store = tmp_path / "FakeDigits", tmp_path / "store"
    assert main(["pairs", "export", str(root / "tiny-1" / "pairs"), str(folder)]) == 0
    assert main(["pairs", "import", str(folder), str(store)]) == 0
    assert main(["distill", str(TINY), f"teacher.pairs={store}", "--root", str(tmp_path)]) != 0
    assert "holds out 0 pairs; at least 2" in capsys.readouterr().err


def test_classes_are_recorded_as_often_as_asked(tmp_path: Path) -> None:
    shares = "collect.class_shares=[3, 1, 0, 0, 0, 0, 0, 0, 0, 0]"
    arguments = [shares, "teach.steps=1", "--root", str(tmp_path)]
    assert main(["collect", str(TINY), *arguments]) == 0
    labels = PairStore(tmp_path / "tiny-1" / "pairs").labels("c")
    assert (labels == 0).sum() == pytest.approx(60, abs=2)
    assert labels.max() == 1
