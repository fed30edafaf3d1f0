"""Inputs on the way from sample to sample."""

import torch

from gancompress.batch import Input, draw_inputs
from gancompress.generators.walk import inputs_between

INPUTS = {"z": Input("normal", (512,)), "c": Input("one_hot", (3,))}


def test_a_walk_begins_and_ends_at_the_samples() -> None:
    first, second = (draw_inputs(INPUTS, [number], 7)["z"] for number in (0, 5))
    for share, expected in ((0.0, first), (1.0, second)):
        found = inputs_between(INPUTS, [0], [5], share, seed=7)["z"]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_latents_half_way_are_as_long_as_others_and_classes_stay() -> None:
    found = inputs_between(INPUTS, [0, 1], [5, 6], 0.5)
    # A straight line would pass at 0.7 of the length.
    assert torch.all((found["z"].norm(dim=1) / 512**0.5 - 1).abs() < 0.1)
    assert found["c"].argmax(1).tolist() == [0, 1]
