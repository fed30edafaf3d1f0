from pathlib import Path

import numpy as np
import pytest
import torch

from gancompress.errors import MetricError
from gancompress.metrics.frechet import statistics_of
from gancompress.metrics.statistics_file import load_statistics, save_statistics


def test_a_file_gives_back_every_bit(tmp_path: Path) -> None:
    made = statistics_of(torch.rand(9, 4, dtype=torch.float64))
    save_statistics(made, tmp_path / "s.npz")
    read = load_statistics(tmp_path / "s.npz")
    assert read.count == 9
    assert read.fingerprint == made.fingerprint


@pytest.mark.parametrize(
    "content",
    [
        {"mean": np.zeros(2), "cov": np.eye(2)},
        {"mu": np.zeros(2), "sigma": np.eye(3)},
        {"mu": np.zeros((2, 2)), "sigma": np.eye(2)},
        {"mu": np.array([{"a": 1}], dtype=object), "sigma": np.eye(1)},
    ],
)
def test_other_arrays_are_refused(content: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", **content)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match=r"other\.npz"):
        load_statistics(tmp_path / "other.npz")


def test_missing_and_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MetricError, match=r"absent\.npz"):
        load_statistics(tmp_path / "absent.npz")
    made = statistics_of(torch.rand(9, 4, dtype=torch.float64))
    save_statistics(made, tmp_path / "cut.npz")
    whole = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MetricError, match=r"cut\.npz"):
        load_statistics(tmp_path / "cut.npz")
