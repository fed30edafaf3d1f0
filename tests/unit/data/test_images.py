"""Folders and zips of images."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancompress.data.images import Reading, images_from_tensor, open_images, to_float, to_uint8
from gancompress.errors import DataError


def picture(seed: int, height: int = 6, width: int = 8, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for number in range(3):
            picture(10 * label + number).save(root / name / f"{number}.png")
    return root


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def zipped(folder: Path) -> Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as opened:
        for file in folder.rglob("*"):
            if file.is_file():
                opened.write(file, file.relative_to(folder).as_posix())
    return archive


def test_to_uint8_undoes_to_float() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_float(every)), every)


def test_to_uint8_rounds_and_clamps() -> None:
    values = torch.tensor([-2.0, -1.0, -0.996, 0.0, 1.0, 2.0])
    assert to_uint8(values).tolist() == [0, 0, 1, 128, 255, 255]


def test_class_folders_give_labels_and_sorted_class_names(folder: Path, cache: Path) -> None:
    images = open_images(folder, reading=Reading(cache=cache))
    assert images.classes == ("cat", "dog")
    assert images.labels is not None and images.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images.names[3] == "dog/0.png"


def test_pixels_are_those_of_the_files(folder: Path, cache: Path) -> None:
    images = open_images(folder, reading=Reading(cache=cache))
    expected = np.asarray(picture(11)).transpose(2, 0, 1)
    assert images.shape == (3, 6, 8) and len(images) == 6
    assert np.array_equal(images[4].numpy(), expected)
    assert torch.equal(images[-2], images[4])
    assert torch.equal(images.batch([4, 0]), torch.stack([images[4], images[0]]))


def test_zip_equals_its_folder(folder: Path, cache: Path) -> None:
    from_folder = open_images(folder, reading=Reading(cache=cache))
    from_zip = open_images(zipped(folder), reading=Reading(cache=cache))
    assert from_zip.fingerprint == from_folder.fingerprint
    assert from_zip.names == from_folder.names
    assert torch.equal(from_zip.batch(range(6)), from_folder.batch(range(6)))


def test_images_beyond_the_cache_limit_are_the_same(folder: Path, cache: Path) -> None:
    mapped = open_images(folder, reading=Reading(cache=cache))
    decoded = open_images(folder, reading=Reading(cache=cache, cache_limit=0))
    assert decoded.fingerprint == mapped.fingerprint
    assert torch.equal(decoded.batch(range(6)), mapped.batch(range(6)))


def test_second_opening_decodes_nothing(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_images(folder, reading=Reading(cache=cache))

    def refuse(*args: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("gancompress.data.cache.decode", refuse)
    again = open_images(folder, reading=Reading(cache=cache))
    assert torch.equal(again.batch(range(6)), first.batch(range(6)))


def test_changed_file_is_read_anew(folder: Path, cache: Path) -> None:
    before = open_images(folder, reading=Reading(cache=cache))
    picture(99).save(folder / "cat" / "0.png")
    after = open_images(folder, reading=Reading(cache=cache))
    assert after.fingerprint != before.fingerprint
    assert np.array_equal(after[0].numpy(), np.asarray(picture(99)).transpose(2, 0, 1))


def test_cache_that_cannot_be_written_is_a_data_error(folder: Path, cache: Path) -> None:
    cache.write_text("a file, not a folder")
    with pytest.raises(DataError, match="cannot be written"):
        open_images(folder, reading=Reading(cache=cache))


@pytest.mark.parametrize("file", ["index.json", "pixels.u8"])
def test_damaged_cache_is_made_anew(file: str, folder: Path, cache: Path) -> None:
    whole = open_images(folder, reading=Reading(cache=cache)).batch(range(6)).clone()
    (damaged,) = cache.rglob(file)
    damaged.write_bytes(damaged.read_bytes()[:-3])
    assert torch.equal(open_images(folder, reading=Reading(cache=cache)).batch(range(6)), whole)


def test_dataset_json_gives_the_labels(tmp_path: Path, cache: Path) -> None:
    root = tmp_path / "flat"
    root.mkdir()
    for number in range(3):
        picture(number).save(root / f"{number}.png")
    table = {"labels": [["2.png", 0], ["0.png", 1], ["1.png", 1]], "classes": ["a", "b"]}
    (root / "dataset.json").write_text(json.dumps(table))
    images = open_images(root, reading=Reading(cache=cache))
    assert images.labels is not None and images.labels.tolist() == [1, 1, 0]
    assert images.classes == ("a", "b")


def test_image_missing_from_dataset_json_is_named(tmp_path: Path, cache: Path) -> None:
    for number in range(2):
        picture(number).save(tmp_path / f"{number}.png")
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"0.png": 0}}))
    with pytest.raises(DataError, match=r"1 images have no label, 1\.png"):
        open_images(tmp_path, reading=Reading(cache=cache))


def test_unlabelled_folder_has_no_classes(tmp_path: Path, cache: Path) -> None:
    picture(0).save(tmp_path / "one.png")
    images = open_images(tmp_path, reading=Reading(cache=cache))
    assert images.labels is None and images.classes == ()


def test_one_folder_of_the_set_can_be_chosen(folder: Path, cache: Path) -> None:
    images = open_images(folder, folder="dog", reading=Reading(cache=cache))
    assert images.names == ["dog/0.png", "dog/1.png", "dog/2.png"] and images.labels is None


def test_corrupt_image_is_refused_by_name(folder: Path, cache: Path) -> None:
    (folder / "cat" / "1.png").write_bytes(png(picture(1))[:60])
    with pytest.raises(DataError, match=r"cat/1\.png: cannot be read"):
        open_images(folder, reading=Reading(cache=cache))


def test_corrupt_image_is_skipped_and_reported(folder: Path, cache: Path) -> None:
    (folder / "cat" / "1.png").write_bytes(b"not an image")
    images = open_images(folder, reading=Reading(corrupt="skip", cache=cache))
    assert len(images) == 5 and "cat/1.png" not in images.names
    assert images.labels is not None and images.labels.tolist() == [0, 0, 1, 1, 1]
    assert [(p.name, p.action) for p in images.problems] == [("cat/1.png", "skipped")]


def sixteen_bit() -> Image.Image:
    return Image.fromarray(np.full((6, 8), 257 * 100, dtype=np.uint16))


ODD = {
    "16-bit": (sixteen_bit(), [100, 100, 100]),
    "palette": (Image.new("RGB", (8, 6), (250, 10, 20)).convert("P"), None),
    "transparency": (Image.new("RGBA", (8, 6), (200, 100, 50, 0)), [0, 0, 0]),
    "greyscale": (Image.new("L", (8, 6), 77), [77, 77, 77]),
}


@pytest.mark.parametrize("reason", ODD)
def test_odd_image_is_converted_and_reported(reason: str, folder: Path, cache: Path) -> None:
    image, expected = ODD[reason]
    image.save(folder / "cat" / "1.png")
    images = open_images(folder, reading=Reading(cache=cache))
    assert [(p.name, p.reason, p.action) for p in images.problems] == [
        ("cat/1.png", reason, "converted")
    ]
    if expected is not None:
        assert images[1][:, 0, 0].tolist() == expected


@pytest.mark.parametrize("reason", ODD)
def test_odd_image_is_refused_or_skipped_as_asked(reason: str, folder: Path, cache: Path) -> None:
    ODD[reason][0].save(folder / "cat" / "1.png")
    with pytest.raises(DataError, match=rf"cat/1\.png: {reason}"):
        open_images(folder, reading=Reading(odd="refuse", cache=cache))
    assert len(open_images(folder, reading=Reading(odd="skip", cache=cache))) == 5


def test_mixed_sizes_ask_for_a_resolution(folder: Path, cache: Path) -> None:
    picture(0, 9, 9).save(folder / "cat" / "1.png")
    with pytest.raises(DataError, match=r"cat/1\.png: size 9×9, not 6×8; give a resolution"):
        open_images(folder, reading=Reading(cache=cache))
    assert open_images(folder, resolution=4, reading=Reading(cache=cache)).shape == (3, 4, 4)


def test_resizing_is_bicubic_over_the_whole_image(folder: Path, cache: Path) -> None:
    expected = picture(0).resize((5, 4), Image.Resampling.BICUBIC)
    image = open_images(folder, resolution=(4, 5), reading=Reading(cache=cache))[0]
    assert np.array_equal(image.permute(1, 2, 0).numpy(), np.asarray(expected))


def test_centre_crop_keeps_the_aspect_ratio(tmp_path: Path, cache: Path) -> None:
    striped = np.zeros((4, 12, 3), dtype=np.uint8)
    striped[:, 4:8] = 255
    Image.fromarray(striped).save(tmp_path / "a.png")
    cropped = open_images(tmp_path, resolution=4, crop="center", reading=Reading(cache=cache))[0]
    assert int(cropped.min()) == 255


def test_grey_images_have_one_channel(folder: Path, cache: Path) -> None:
    assert open_images(folder, channels=1, reading=Reading(cache=cache)).shape == (1, 6, 8)


def test_subset_keeps_labels_and_changes_the_fingerprint(folder: Path, cache: Path) -> None:
    images = open_images(folder, reading=Reading(cache=cache))
    some = images.subset([5, 1])
    assert some.names == ["dog/2.png", "cat/1.png"]
    assert torch.equal(some[0], images[5])
    assert some.labels is not None and some.labels.tolist() == [1, 0]
    assert some.fingerprint != images.fingerprint


def test_fingerprint_depends_on_labels() -> None:
    pixels = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    one = images_from_tensor(pixels, labels=torch.tensor([0, 1]))
    other = images_from_tensor(pixels, labels=torch.tensor([1, 0]))
    assert one.fingerprint != other.fingerprint


def test_index_beyond_the_end_is_refused(folder: Path, cache: Path) -> None:
    with pytest.raises(IndexError, match="image 6 of 6"):
        open_images(folder, reading=Reading(cache=cache))[6]


@pytest.mark.parametrize("content", ["missing", "empty", "text"])
def test_nothing_to_open_is_a_data_error(content: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    if content == "empty":
        place.mkdir()
    elif content == "text":
        place.write_text("no archive")
    with pytest.raises(DataError, match="place"):
        open_images(place, reading=Reading(cache=tmp_path))


def test_hidden_files_and_resource_forks_are_passed_over(folder: Path, cache: Path) -> None:
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "0.png").write_bytes(b"fork")
    (folder / "cat" / "._0.png").write_bytes(b"fork")
    assert len(open_images(folder, reading=Reading(cache=cache))) == 6
