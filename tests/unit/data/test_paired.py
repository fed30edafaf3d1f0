"""Image-to-image data, label maps, one photograph, prefetching."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancompress.data.decode import Form
from gancompress.data.images import Reading, open_images, to_float
from gancompress.data.label_maps import open_label_maps
from gancompress.data.paired import PairedImages, matched, open_side_by_side
from gancompress.data.prefetch import Prefetch
from gancompress.data.single import open_single, pyramid, pyramid_scales
from gancompress.errors import DataError


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return to_float(torch.from_numpy(pixels.transpose(2, 0, 1).copy()))


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_side_by_side_halves_are_input_and_target(direction: str, tmp_path: Path) -> None:
    a, b = noise(0, 4, 6, 3), noise(1, 4, 6, 3)
    Image.fromarray(np.concatenate([a, b], axis=1)).save(tmp_path / "1.png")
    row = open_side_by_side(tmp_path, direction=direction, reading=Reading(cache=tmp_path / "c"))[0]  # type: ignore[arg-type]
    image, target = (a, b) if direction == "AtoB" else (b, a)
    assert torch.equal(row["image"], tensor(image)) and torch.equal(row["target"], tensor(target))


def test_halves_are_parted_before_they_are_resized(tmp_path: Path) -> None:
    sheet = np.zeros((8, 16, 3), dtype=np.uint8)
    sheet[:, 8:] = 255
    Image.fromarray(sheet).save(tmp_path / "1.png")
    row = open_side_by_side(
        tmp_path, direction="AtoB", resolution=4, reading=Reading(cache=tmp_path / "c")
    )[0]
    assert float(row["image"].max()) == -1.0 and float(row["target"].min()) == 1.0


def folders(root: Path, **names: list[str]) -> Path:
    for folder, files in names.items():
        (root / folder).mkdir(parents=True)
        for file in files:
            Image.fromarray(noise(len(folder + file), 4, 4, 3)).save(root / folder / file)
    return root


def test_folders_are_paired_by_name_whatever_the_suffix(tmp_path: Path) -> None:
    root = folders(tmp_path / "d", A=["x.png", "y.png"], B=["y.bmp", "x.bmp"])
    first, second = (
        open_images(root, folder=name, reading=Reading(cache=tmp_path / "c")) for name in "AB"
    )
    for images in matched(first, second, "A", "B", skip=False):
        assert [Path(name).stem for name in images.names] == ["x", "y"]


def test_image_without_a_partner_is_named(tmp_path: Path) -> None:
    root = folders(tmp_path / "d", A=["x.png", "y.png"], B=["x.png"])
    first, second = (
        open_images(root, folder=name, reading=Reading(cache=tmp_path / "c")) for name in "AB"
    )
    with pytest.raises(DataError, match="1 images have no partner of the same name, y"):
        matched(first, second, "A", "B", skip=False)


def test_unpaired_folders_are_two_sets_of_any_length(tmp_path: Path) -> None:
    root = folders(tmp_path / "d", trainA=["1.png", "2.png"], trainB=["9.png"])
    a, b = (
        open_images(root, folder=name, reading=Reading(cache=tmp_path / "c"))
        for name in ("trainA", "trainB")
    )
    assert (len(a), len(b)) == (2, 1)
    assert list(PairedImages(a, None)[0]) == ["image"]


def scene(root: Path, maps: np.ndarray, instances: np.ndarray | None = None) -> Path:
    for folder, values in (("maps", maps), ("instances", instances)):
        if values is not None:
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(root / folder / "s.png")
    (root / "photos").mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(0, *maps.shape, 3)).save(root / "photos" / "s.jpg", quality=95)
    return root


def test_label_map_is_one_hot(tmp_path: Path) -> None:
    maps = np.array([[0, 1], [2, 2]], dtype=np.uint8)
    root = scene(tmp_path / "d", maps)
    data = open_label_maps(root, maps="maps", classes=3, reading=Reading(cache=tmp_path / "c"))
    row = data[0]
    assert torch.equal(row["label_map"].argmax(0), torch.from_numpy(maps).long())
    assert row["label_map"].sum(0).eq(1).all()


def test_palette_of_a_label_map_is_ignored(tmp_path: Path) -> None:
    maps = np.array([[0, 1], [1, 0]], dtype=np.uint8)
    root = scene(tmp_path / "d", maps)
    coloured = Image.fromarray(maps).convert("P")
    coloured.putdata(maps.flatten().tolist())
    coloured.putpalette([200, 0, 0, 0, 90, 0])
    coloured.save(root / "maps" / "s.png")
    row = open_label_maps(root, maps="maps", classes=2, reading=Reading(cache=tmp_path / "c"))[0]
    assert torch.equal(row["label_map"].argmax(0), torch.from_numpy(maps).long())


def test_instance_outlines_are_the_last_channel(tmp_path: Path) -> None:
    maps = np.zeros((4, 4), dtype=np.uint8)
    instances = np.array([[1000, 1000, 2000, 2000]] * 4, dtype=np.uint16)
    data = open_label_maps(
        scene(tmp_path / "d", maps, instances),
        maps="maps",
        classes=2,
        instances="instances",
        reading=Reading(cache=tmp_path / "c"),
    )
    assert data.channels == 3
    assert data[0]["label_map"][-1].tolist() == [[0, 1, 1, 0]] * 4


def test_some_scenes_of_label_maps_keep_all_that_belongs_to_them(tmp_path: Path) -> None:
    root = tmp_path / "d"
    rng = np.random.default_rng(0)
    for number in range(4):
        for folder, shape in (("maps", (4, 4)), ("instances", (4, 4)), ("photos", (4, 4, 3))):
            (root / folder).mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 3, shape).astype(np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{number}.png")
    cache = Reading(cache=tmp_path / "c")
    data = open_label_maps(root, maps="maps", instances="instances", classes=3, reading=cache)
    data = replace(data, photos=open_images(root, folder="photos", reading=cache))
    some = data.subset([3, 1])
    assert len(some) == 2
    for name, values in some.batch([0, 1]).items():
        assert torch.equal(values, data.batch([3, 1])[name])


def test_unknown_pixels_have_their_own_channel(tmp_path: Path) -> None:
    maps = np.array([[0, 255]], dtype=np.uint8)
    root = scene(tmp_path / "d", maps)
    data = open_label_maps(
        root, maps="maps", classes=2, unknown=True, reading=Reading(cache=tmp_path / "c")
    )
    assert data[0]["label_map"][:, 0].T.tolist() == [[1, 0, 0], [0, 0, 1]]


def test_class_beyond_the_last_is_named(tmp_path: Path) -> None:
    root = scene(tmp_path / "d", np.array([[0, 7]], dtype=np.uint8))
    data = open_label_maps(root, maps="maps", classes=3, reading=Reading(cache=tmp_path / "c"))
    with pytest.raises(DataError, match=r"maps/s\.png: class 7, but there are 3"):
        data[0]


def test_label_maps_are_resized_without_interpolation(tmp_path: Path) -> None:
    maps = np.kron(np.array([[0, 9], [9, 0]], dtype=np.uint8), np.ones((4, 4), dtype=np.uint8))
    root = scene(tmp_path / "d", maps)
    data = open_label_maps(
        root, Form(1, (3, 3)), maps="maps", classes=10, reading=Reading(cache=tmp_path / "c")
    )
    assert set(data[0]["label_map"].argmax(0).flatten().tolist()) == {0, 9}


def test_single_photograph_is_reduced_to_its_longest_side(tmp_path: Path) -> None:
    Image.fromarray(noise(0, 20, 40, 3)).save(tmp_path / "photo.png")
    assert open_single(tmp_path / "photo.png").shape == (1, 3, 20, 40)
    reduced = open_single(tmp_path / "photo.png", max_size=10)
    assert reduced.shape == (1, 3, 5, 10) and reduced.abs().max() <= 1


def test_unreadable_photograph_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"?")
    with pytest.raises(DataError, match=r"photo\.png: cannot be read"):
        open_single(tmp_path / "photo.png")


def test_pyramid_scales_follow_the_paper() -> None:
    scales = pyramid_scales(6, 0.1)
    ratio = 0.1 ** (1 / 5)
    expected = [ratio ** (4 / np.log(5) * np.log(5 - n) + 1) for n in range(5)] + [1.0]
    assert scales == pytest.approx(expected) and scales[0] == pytest.approx(0.1)


def test_pyramid_ends_with_the_image_itself() -> None:
    image = torch.rand(1, 3, 50, 80) * 2 - 1
    stages = pyramid(image, stages=4, min_size=10)
    assert stages[0].shape == (1, 3, 10, 16) and stages[-1] is image
    sizes = [stage.shape[-1] for stage in stages]
    assert sizes == sorted(sizes) and len(stages) == 4


@pytest.mark.parametrize("stages", [1, 2])
def test_short_pyramids_are_defined(stages: int) -> None:
    assert len(pyramid(torch.zeros(1, 3, 30, 30), stages=stages, min_size=10)) == stages


def test_prefetch_gives_the_batch_of_every_step() -> None:
    with Prefetch(lambda step: step * step, depth=2, workers=2) as batches:
        assert [batches(step) for step in (0, 1, 2, 7, 8, 3)] == [0, 1, 4, 49, 64, 9]


def test_prefetch_fetches_ahead() -> None:
    third = threading.Event()

    def fetch(step: int) -> int:
        if step == 3:
            third.set()
        return step

    with Prefetch(fetch, depth=3) as batches:
        batches(0)
        assert third.wait(timeout=10)


def test_prefetch_raises_what_fetching_raised() -> None:
    def fetch(step: int) -> int:
        raise DataError(f"shard of step {step}")

    with Prefetch(fetch, depth=1) as batches, pytest.raises(DataError, match="shard of step 0"):
        batches(0)


def test_two_files_of_one_stem_are_refused(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/1.bmp", "b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    first, second = (
        open_images(tmp_path, folder=folder, reading=Reading(cache=tmp_path / "cache"))
        for folder in "ab"
    )
    with pytest.raises(DataError, match=r"a/1\.bmp and a/1\.png: one name but for the ending"):
        matched(first, second, "a", "b", skip=True)
