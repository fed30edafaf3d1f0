"""Image files that look like others: read as a viewer shows them, or told, or refused."""

import io
import os
import socket
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gancompress
from gancompress.data.cache import Problem
from gancompress.data.decode import Form, decode, open_picture
from gancompress.data.images import Reading, open_images
from gancompress.data.problems import problem_lines
from gancompress.errors import DataError

GREY = Form(1, None, "none")
COLOUR = Form(3, None, "none")


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def ramp(mode: str, values: list[float]) -> Image.Image:
    kind = {"F": np.float32, "I": np.int32, "I;16": np.uint16}[mode]
    return Image.fromarray(np.array([values], dtype=kind))


def sixteen_bit_colour() -> bytes:
    """A PNG of one pixel, 16 bits a channel: 0x8000, 0x4000, 0."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    header = (1).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0])
    pixels = zlib.compress(bytes([0, 0x80, 0, 0x40, 0, 0, 0]))
    body = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_postscript_is_not_opened_whatever_it_is_called() -> None:
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"
    with pytest.raises(OSError, match="cannot identify"), open_picture(script):
        pass


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    flat = saved(Image.new("1", (13_000, 13_000)), "PNG")
    with pytest.raises(ValueError, match="13000×13000 pixels, more than"):
        decode(flat, GREY)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    from PIL import ImageOps

    image = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3) * 40)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(image, "PNG", exif=exif)
    pixels, oddity = decode(data, GREY)
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    assert np.array_equal(pixels[0], expected)
    told = f"turned by its EXIF orientation {orientation}" if orientation > 1 else None
    assert oddity == told


def test_sixteen_bit_colour_is_told() -> None:
    pixels, oddity = decode(sixteen_bit_colour(), COLOUR)
    assert pixels[:, 0, 0].tolist() == [128, 64, 0]
    assert oddity == "16-bit"


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("F", [0.0, 0.5, 1.0], [0, 128, 255]),
        ("F", [0.0, 100.0, 255.0], [0, 100, 255]),
        ("I", [0, 100, 255], [0, 100, 255]),
        ("I", [0, 25_700, 65_535], [0, 100, 255]),
    ],
)
def test_numbers_of_32_bits_are_not_black(
    mode: str, values: list[float], expected: list[int]
) -> None:
    pixels, oddity = decode(saved(ramp(mode, values), "TIFF"), GREY)
    assert pixels[0, 0].tolist() == expected
    assert oddity == "32-bit"


@pytest.mark.parametrize("values", [[0.0, 1e6], [-1.0, 1.0], [0.0, float("nan")]])
def test_numbers_without_a_known_white_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="convert it to 8 or 16 bits"):
        decode(saved(ramp("F", values), "TIFF"), GREY)


def test_of_an_animation_the_first_frame_is_taken_and_told() -> None:
    frames = [Image.new("L", (4, 4), shade) for shade in (10, 200)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    pixels, oddity = decode(data, GREY)
    assert set(pixels.flatten().tolist()) == {10}
    assert oddity is not None and "the first of 2 frames" in oddity


def test_stretching_is_told_and_not_refused(tmp_path: Path) -> None:
    for name, size in (("a", (8, 8)), ("b", (16, 8))):
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
    images = open_images(
        tmp_path, resolution=8, reading=Reading(odd="refuse", cache=tmp_path / "cache")
    )
    assert [(p.name, p.reason, p.action) for p in images.problems] == [
        ("b.png", "stretched from 8×16 to 8×8", "converted")
    ]


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "elsewhere" / "a.jfif", "JPEG")
    root = tmp_path / "set"
    (root / "own").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(root / "own" / "b.png")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "own" / "circle").symlink_to(root)
    images = open_images(root, reading=Reading(cache=tmp_path / "cache"))
    assert {"linked/a.jfif", "own/b.png"} <= set(images.names)


def test_pipes_sockets_and_links_to_nowhere_are_listed_and_not_opened(tmp_path: Path) -> None:
    root = tmp_path / "set"
    (root / "cat").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(root / "cat" / "a.png")
    os.mkfifo(root / "cat" / "pipe.png")
    (root / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (root / "cat" / "itself.png").symlink_to(root / "cat" / "itself.png")
    (root / "cat" / "back").symlink_to(root)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "dataset.json"))  # nor is a table of labels taken from one
    found = open_images(root, reading=Reading(cache=tmp_path / "cache"))
    assert found.names == ["cat/a.png"]
    assert {(p.name, p.action) for p in found.problems} == {
        (name, "skipped")
        for name in (
            "cat/pipe.png", "cat/gone.png", "cat/itself.png", "cat/back", "dataset.json",
        )
    }  # fmt: skip


def test_one_place_opens_image_files() -> None:
    package = Path(gancompress.__file__).parent
    opening = [file for file in package.rglob("*.py") if "Image.open(" in file.read_text("utf-8")]
    assert [file.relative_to(package).as_posix() for file in opening] == ["data/decode.py"]


def test_kinds_of_files_that_are_not_read_are_told(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.heic").write_bytes(b"")
    images = open_images(tmp_path, reading=Reading(cache=tmp_path / "cache"))
    assert [(p.name, p.action) for p in images.problems] == [("b.heic", "skipped")]


def test_two_folders_that_match_in_name_size_and_time_share_no_pixels(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for folder, shade in (("one", 10), ("two", 200)):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (4, 4), (shade,) * 3).save(tmp_path / folder / "a.bmp")
        os.utime(tmp_path / folder / "a.bmp", (1e9, 1e9))
    one, two = (
        open_images(tmp_path / folder, reading=Reading(cache=cache)) for folder in ("one", "two")
    )
    assert one[0].unique().tolist() == [10]
    assert two[0].unique().tolist() == [200]


@pytest.mark.parametrize("damage", ["pixels", "names", "shape", "list", "deep"])
def test_a_damaged_entry_of_the_cache_is_made_anew(damage: str, tmp_path: Path) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "set"
    folder.mkdir()
    Image.new("RGB", (4, 4), (10,) * 3).save(folder / "a.png")
    open_images(folder, reading=Reading(cache=cache))
    (index,) = cache.rglob("index.json")
    if damage == "pixels":
        file = index.with_name("pixels.u8")
        file.write_bytes(bytes([99]) + file.read_bytes()[1:])
    elif damage == "deep":
        index.write_text("[" * 100_000)
    elif damage == "list":
        index.write_text("[]")
    else:
        index.write_text(index.read_text().replace(f'"{damage}": [', f'"{damage}": [null, '))
    assert open_images(folder, reading=Reading(cache=cache))[0].unique().tolist() == [10]


@pytest.mark.parametrize("label", ["100000000000000000000", "1e999", "70000"])
def test_a_class_of_absurd_number_is_refused(label: str, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "dataset.json").write_text(f'{{"labels": [["a.png", {label}]]}}')
    with pytest.raises(DataError, match=r"dataset\.json"):
        open_images(tmp_path, reading=Reading(cache=tmp_path / "cache"))


def test_problems_are_counted_and_the_first_named() -> None:
    found = [Problem(f"{n}.png", "16-bit", "converted") for n in range(5)]
    assert problem_lines(found) == ["converted 5 files (16-bit): 0.png, 1.png, 2.png, …"]
