"""Answers that a few tags dominate."""

from collections import Counter

import pytest
import torch
from torch.nn import functional as F

from gancompress.batch import Input
from gancompress.data.memory import MemoryPairs
from gancompress.distillation.screening import screened
from gancompress.errors import RecipeError

TAGS = [0] * 30 + [1] * 4 + [2] * 2


def pairs(outputs: torch.Tensor) -> MemoryPairs:
    inputs = {"z": torch.randn(len(outputs), 2)}
    return MemoryPairs(inputs, outputs, {"z": Input("normal", (2,))}, held_out=2)


def test_no_tag_is_learnt_from_more_often_than_asked_for() -> None:
    store = pairs(F.one_hot(torch.tensor(TAGS), 5).float())
    kept = screened(store, 3, seed=0)
    assert Counter(TAGS[number] for number in kept) == {0: 3, 1: 3}
    assert list(screened(store, 0, seed=0)) == list(store.train)


def test_others_of_a_tag_are_drawn_with_another_seed() -> None:
    store = pairs(F.one_hot(torch.tensor(TAGS), 5).float())
    first, again, other = (list(screened(store, 3, seed)) for seed in (0, 0, 1))
    assert first == again != other


def test_images_have_no_tags() -> None:
    with pytest.raises(RecipeError, match=r"distill.per_tag: the teacher answers no scores"):
        screened(pairs(torch.zeros(6, 3, 4, 4)), 3, seed=0)
