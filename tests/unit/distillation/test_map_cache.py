"""Cached maps of a frozen teacher: the same numbers, fewer passes, exact resumption."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gancompress.distillation.features import Networks
from gancompress.distillation.map_cache import MapCache, Place
from tests.rounding import TRAINING, assert_same_but_for_rounding
from tests.unit.distillation.small import Generator, Made, run
from tests.unit.distillation.test_features import NETWORK_TERMS, NETWORKS, TAPPED_TERMS

TERMS = dict.fromkeys([*TAPPED_TERMS, *NETWORK_TERMS], 1.0)

# Of a pair: 8 channels of 4×4 and 8×8 inside the teacher, and for each of the terms with a network
# 4×6×6 and 6×4×4.
BYTES = 4 * (8 * 16 + 8 * 64 + len(NETWORK_TERMS) * (4 * 36 + 6 * 16))


def passes_of(teacher: nn.Module) -> list[int]:
    """The batch sizes that ``teacher`` runs on, as long as the list lives."""
    sizes: list[int] = []
    teacher.register_forward_hook(lambda _module, _inputs, output: sizes.append(len(output)))
    return sizes


def trained(folder: Path, teacher: nn.Module, cache: int, **changes: Any) -> dict[str, Tensor]:
    folder.mkdir(exist_ok=True)
    module = run(
        folder, changes.pop("terms", TERMS), networks=Networks(teacher, features=NETWORKS),
        cache_gigabytes=cache / 1e9, source=Made(teacher, batch_size=6, size=12), **changes,
    )  # fmt: skip
    return module.state_dict()


@pytest.mark.parametrize("cache", [BYTES * 12, BYTES * 5])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_student_is_that_of_no_cache_but_for_rounding(
    cache: int, accumulate: int, tmp_path: Path
) -> None:
    teacher = Generator(8, seed=1)
    again = trained(tmp_path / "again", teacher, 0, accumulate=accumulate)
    kept = trained(tmp_path / "kept", teacher, cache, accumulate=accumulate)
    for name, value in again.items():
        assert_same_but_for_rounding(kept[name], value, TRAINING, name)


def test_a_pair_has_the_same_maps_in_whatever_batch_it_comes_first() -> None:
    kept, again = MapCache(8), MapCache(8)

    def compute(rows: Sequence[int]) -> dict[Place, Tensor]:
        asked.append(list(rows))
        return {(None, "a"): torch.tensor(rows)[:, None]}

    asked: list[list[int]] = []
    kept([3, 5], compute)
    again([7, 2, 5, 3], compute)
    assert asked == [[0], [1], [0], [1], [2], [3]]  # each alone, so each by the same kernels


def test_a_cached_pair_is_computed_once_and_the_others_in_every_step(tmp_path: Path) -> None:
    teacher = Generator(8, seed=1)
    terms = {"adapted": 1.0, "kernel_alignment": 1.0}
    inside = 4 * (8 * 16 + 8 * 64)
    for fit in (12, 5, 0):
        sizes = passes_of(teacher)
        trained(tmp_path / str(fit), teacher, inside * fit + 7, terms=terms, steps=6)
        # Six steps of six are three epochs of twelve. Before them: the pairs that were made, one
        # pass a term for its taps, and one pair to measure the memory it takes.
        del sizes[:4]
        assert sum(sizes) == fit + 3 * (12 - fit)
        assert sizes.count(1) >= fit


def test_how_many_pairs_fit_is_told_once(tmp_path: Path) -> None:
    events: list[Any] = []
    trained(tmp_path / "run", Generator(8, seed=1), BYTES * 5, events=events)
    told = [event["event"] for event in events if "event" in event]
    maps = f"the teacher's feature maps, {BYTES / 1e6:.3g} MB a pair"
    assert told == [f"{maps}, are cached for 5 of 12 pairs"]


def test_resuming_with_an_empty_cache_equals_not_stopping(tmp_path: Path) -> None:
    teacher = Generator(8, seed=1)
    whole = trained(tmp_path / "whole", teacher, BYTES * 5)

    def stops(event: dict[str, Any]) -> None:
        if event["step"] == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        trained(tmp_path / "parts", teacher, BYTES * 5, logger={"log": stops})
    resumed = trained(tmp_path / "parts", teacher, BYTES * 5)
    for name, value in whole.items():
        assert torch.equal(resumed[name], value), name


def test_what_is_cached_is_as_large_as_it_says() -> None:
    kept = MapCache(1)
    whole = torch.zeros(1, 4, 100)
    found = kept([0], lambda rows: {(None, "a"): whole[:, :, :2]})
    again = kept([0], lambda rows: {})
    assert torch.equal(found[None, "a"], again[None, "a"])
    (stored,) = kept._kept[0].values()
    assert stored.untyped_storage().nbytes() == 4 * 4 * 2
