"""Pairs in batches, read or asked for when they are wanted."""

import torch

import gancompress as gc
from gancompress.batch import Batch
from gancompress.data.answered import DrawnAnswers


def test_drawn_batches_are_asked_for_once() -> None:
    asked: list[torch.Tensor] = []

    def double(z: torch.Tensor) -> torch.Tensor:
        asked.append(z)
        return 2 * z

    answers = DrawnAnswers(gc.Teacher(double, {"z": gc.Input("normal", (4,))}), 8, 3, seed=1)
    first: list[tuple[Batch, torch.Tensor]] = [answers[n] for n in (0, 1, 2)]
    again = answers[1]
    assert len(answers) == len(asked) == 3
    assert torch.equal(first[1][0]["z"], again[0]["z"]) and torch.equal(first[1][1], again[1])
    assert not torch.equal(first[0][0]["z"], first[1][0]["z"])
    assert torch.allclose(again[1], 2 * again[0]["z"], rtol=1e-3)
