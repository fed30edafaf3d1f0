"""The published folder layout of pairs."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancompress.batch import Input
from gancompress.cli import main
from gancompress.data.folder_pairs import export_folder_pairs, import_folder_pairs
from gancompress.data.images import to_float
from gancompress.data.manifest import Plan
from gancompress.data.pairs import PairStore, PairWriter
from gancompress.errors import DataError


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Two classes of three pairs, latents with the leading dimension that generators take."""
    folder = tmp_path / "FakeCIFAR10"
    rng = np.random.default_rng(0)
    for label in range(2):
        (folder / f"class_{label}").mkdir(parents=True)
        for number in range(3):
            place = folder / f"class_{label}"
            pixels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / f"image_{number}.png")
            noise = torch.from_numpy(rng.standard_normal((1, 8), dtype=np.float32))
            torch.save(noise, place / f"noise_{number}.pt")
    return folder


def imported(published: Path) -> PairStore:
    return import_folder_pairs(
        published, published.with_name("store"), teacher="published", held_out=2, shard_size=4
    )


def test_imported_pairs_are_those_of_the_files(published: Path) -> None:
    store = imported(published)
    batch, output = store.batch(range(6))
    assert batch["c"].argmax(1).tolist() == [0, 1, 0, 1, 0, 1]
    noise = torch.load(published / "class_1" / "noise_2.pt", weights_only=True)
    pixels = np.asarray(Image.open(published / "class_1" / "image_2.png"))
    assert torch.equal(batch["z"][5], noise[0])
    assert np.array_equal(output[5].permute(1, 2, 0).numpy(), pixels)


def test_export_then_import_gives_the_same_pairs(published: Path, tmp_path: Path) -> None:
    store = imported(published)
    export_folder_pairs(store, tmp_path / "out")
    again = import_folder_pairs(
        tmp_path / "out", tmp_path / "again", teacher="published", held_out=2, shard_size=4
    )
    assert again.fingerprint == store.fingerprint


def test_the_verb_imports_and_exports(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, folder = str(tmp_path / "store"), str(tmp_path / "out")
    command = ["pairs", "import", str(published), store, "--held-out", "2", "--half"]
    assert main(command) == 0
    assert "6 pairs, 2 of them held out" in capsys.readouterr().out
    assert main(["pairs", "verify", store]) == 0
    assert main(["pairs", "export", store, folder]) == 0
    assert len([*Path(folder).glob("class_*/image_*.png")]) == 6
    # Another teacher's pairs do not go into the same store.
    assert main([*command, "--teacher", "another"]) != 0
    assert "teacher is folder-FakeCIFAR10, wanted another" in capsys.readouterr().err


def test_missing_noise_is_named(published: Path) -> None:
    (published / "class_0" / "noise_1.pt").unlink()
    with pytest.raises(DataError, match=r"noise_1\.pt"):
        imported(published)


def test_noise_that_wants_to_run_code_is_refused(published: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (published / "ran",))

    torch.save(Attack(), published / "class_0" / "noise_1.pt")
    with pytest.raises(DataError, match=r"noise_1\.pt"):
        imported(published)
    assert not (published / "ran").exists()


def test_image_of_another_size_is_named(published: Path) -> None:
    Image.new("RGB", (5, 4)).save(published / "class_1" / "image_0.png")
    with pytest.raises(DataError, match=r"class_1/image_0\.png"):
        imported(published)


def test_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no class_K/image_I\.png"):
        import_folder_pairs(tmp_path, tmp_path / "s", teacher="t", held_out=0, shard_size=1)


def test_pairs_that_do_not_fit_the_layout_are_refused(tmp_path: Path) -> None:
    spec = {"image": Input("image", (3, 4, 4))}
    writer = PairWriter(
        tmp_path,
        Plan(
            inputs=spec,
            teacher="t",
            seed=0,
            count=1,
            held_out=0,
            shard_size=1,
            output="uint8",
            latents="float32",
        ),
    )
    image = to_float(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
    writer.write(0, {"image": image}, image)
    writer.finish()
    with pytest.raises(DataError, match="one latent and one class only"):
        export_folder_pairs(PairStore(tmp_path), tmp_path / "out")


@pytest.mark.parametrize("name", ["image_7.png", "noise_2.pt"])
def test_pipes_are_not_opened(name: str, published: Path) -> None:
    place = published / "class_1" / name
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    if name.startswith("image"):
        assert len(imported(published)) == 6
    else:
        with pytest.raises(DataError, match=r"image_2\.png: has no latent beside it, noise_2\.pt"):
            imported(published)


def test_a_file_among_the_class_folders_is_passed_over(published: Path) -> None:
    (published / "class_3").write_text("no folder")
    assert len(imported(published)) == 6
