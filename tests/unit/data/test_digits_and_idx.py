"""Embedded digits, IDX files, splits."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from gancompress.assemble.data import open_all
from gancompress.data.digits import open_digits
from gancompress.data.idx import open_idx, read_idx
from gancompress.data.splits import split
from gancompress.errors import DataError
from gancompress.recipe.sources import DataOptions


def test_digits_at_their_own_size_are_scaled_grey_levels() -> None:
    expected = np.rint(load_digits().images[7] / 16 * 255).astype(np.uint8)
    digits = open_digits(8)
    assert len(digits) == 1797 and digits.shape == (1, 8, 8)
    assert np.array_equal(digits[7][0].numpy(), expected)


def test_digits_are_resized_bicubic() -> None:
    small = Image.fromarray(open_digits(8)[3][0].numpy())
    expected = np.asarray(small.resize((16, 16), Image.Resampling.BICUBIC))
    assert np.array_equal(open_digits(16)[3][0].numpy(), expected)


def test_digit_parts_are_disjoint_and_balanced() -> None:
    train, held_out = open_digits(8, part="train"), open_digits(8, part="held_out")
    assert (len(train), len(held_out)) == (1500, 297)
    assert not set(train.names) & set(held_out.names)
    assert held_out.labels is not None
    assert set(held_out.labels.bincount().tolist()) == {29, 30}


def test_split_is_a_partition_and_repeats() -> None:
    train, held_out = split(100, 17, seed=3)
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(100))
    assert len(held_out) == 17
    assert torch.equal(held_out, split(100, 17, seed=3)[1])
    assert not torch.equal(held_out, split(100, 17, seed=4)[1])


def test_split_by_labels_keeps_the_shares_of_classes() -> None:
    labels = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    _, held_out = split(100, 20, seed=0, labels=labels)
    assert labels[held_out].bincount().tolist() == [12, 6, 2]


def test_split_refuses_to_hold_out_everything() -> None:
    with pytest.raises(DataError, match="held out 5 of 5"):
        split(5, 5, seed=0)


def idx(values: np.ndarray, kind: int) -> bytes:
    header = struct.pack(">BBBB", 0, 0, kind, values.ndim)
    return header + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def test_idx_files_plain_and_gzipped_are_the_same(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "plain").write_bytes(idx(values, 0x08))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx(values, 0x08)))
    assert np.array_equal(read_idx(tmp_path / "plain").numpy(), values)
    assert np.array_equal(read_idx(tmp_path / "packed.gz").numpy(), values)


def test_idx_numbers_are_big_endian(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(idx(np.array([1, -70000], dtype=">i4"), 0x0C))
    assert read_idx(tmp_path / "a").tolist() == [1, -70000]


def test_idx_images_carry_their_labels(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(idx(np.zeros((3, 2, 2), np.uint8), 0x08))
    (tmp_path / "labels").write_bytes(idx(np.array([2, 0, 1], np.uint8), 0x08))
    images = open_idx(tmp_path / "images", tmp_path / "labels")
    assert images.shape == (1, 2, 2) and images.classes == ("0", "1", "2")
    assert images.labels is not None and images.labels.tolist() == [2, 0, 1]


@pytest.mark.parametrize("damage", ["cut", "magic", "gzip", "missing", "count"])
def test_damaged_idx_file_is_a_data_error(damage: str, tmp_path: Path) -> None:
    whole = idx(np.zeros((3, 2, 2), np.uint8), 0x08)
    content = {"cut": whole[:-1], "magic": b"PK" + whole, "gzip": gzip.compress(whole)[:-9]}
    file = tmp_path / "images"
    if damage != "missing":
        file.write_bytes(content.get(damage, whole))
    (tmp_path / "labels").write_bytes(idx(np.zeros(2, np.uint8), 0x08))
    with pytest.raises(DataError, match="images"):
        open_idx(file, tmp_path / "labels" if damage == "count" else None)


def test_idx_file_is_a_recipes_data(tmp_path: Path) -> None:
    (tmp_path / "t-images-idx3-ubyte").write_bytes(idx(np.full((4, 2, 2), 9, np.uint8), 0x08))
    (tmp_path / "t-labels-idx1-ubyte").write_bytes(idx(np.array([1, 0, 1, 0], np.uint8), 0x08))
    source = str(tmp_path / "t-images-idx3-ubyte")
    images = open_all(DataOptions(source=source, resolution=8, channels=3))
    assert images.shape == (3, 8, 8)
    assert images.batch([0]).eq(9).all()
    assert images.labels is not None and images.labels.tolist() == [1, 0, 1, 0]
