"""Cutting tensors: the values, and the gradients that flow back."""

import numpy as np
import pytest
import torch

from gancompress.supernet.slicing import Cut, cut_all

HALVES = np.array([0, 1, 6, 7])
SCATTERED = np.array([0, 2, 4, 6, 8, 10])
GAPS = np.array([0, 3, 5, 6, 9, 11])


@pytest.mark.parametrize(
    "cuts",
    [
        (3, None, None),
        (None, 5, None),
        (HALVES, None, None),
        (SCATTERED, 4, None),
        (HALVES, HALVES, None),
        (HALVES, SCATTERED, None),
        (SCATTERED, HALVES, 1),
        (SCATTERED, GAPS, None),
    ],
)
def test_cut_and_its_gradient_are_those_of_indexing(cuts: tuple[Cut | None, ...]) -> None:
    weight = torch.randn(12, 12, 2, requires_grad=True)
    part = cut_all({"weight": weight}, {"weight": cuts})["weight"]
    expected = weight
    for dim, cut in enumerate(cuts):
        if cut is not None:
            index = torch.arange(cut) if isinstance(cut, int) else torch.from_numpy(cut)
            expected = expected.index_select(dim, index)
    assert torch.equal(part, expected)
    assert part.is_contiguous()
    upstream = torch.randn_like(part)
    (ours,) = torch.autograd.grad(part, weight, upstream)
    (theirs,) = torch.autograd.grad(expected, weight, upstream)
    assert torch.equal(ours, theirs)
