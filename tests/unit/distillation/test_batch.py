"""Shares of a batch: complete, and the same whoever has which samples."""

import pytest
import torch

from gancompress.distillation.batch import shares


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shares_are_the_whole_batch_once(count: int) -> None:
    batch = torch.arange(17)
    found = torch.cat([batch[cut] for cut in shares(count)])
    assert sorted(found.tolist()) == batch.tolist()


@pytest.mark.parametrize(("count", "ranks"), [(3, 2), (2, 3), (3, 4), (5, 2)])
def test_processes_share_out_samples_as_one_process_does(count: int, ranks: int) -> None:
    whole = torch.arange(count * ranks * 2)
    expected = [set(whole[cut].tolist()) for cut in shares(count)]
    found: list[set[int]] = [set() for _ in range(count)]
    for rank in range(ranks):
        own = whole[rank::ranks]
        for share, cut in zip(found, shares(count, offset=rank, stride=ranks), strict=True):
            share |= set(own[cut].tolist())
    assert found == expected


def test_processes_that_would_have_but_some_shares_make_their_own() -> None:
    own = torch.arange(8)
    assert [own[cut].tolist() for cut in shares(2, offset=1, stride=2)] == [
        [0, 2, 4, 6],
        [1, 3, 5, 7],
    ]
