"""Answers of teacher and student beside each other."""

import torch
from torch import Tensor, nn

from gancompress.assemble.similarity import answered
from gancompress.batch import Input
from gancompress.data.memory import MemoryPairs

SCORES = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])


class Tagger(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return torch.tensor([[0.0, 1.0, 2.0, 3.0]]).expand(len(image), 4)


def _pairs(outputs: Tensor) -> MemoryPairs:
    images = torch.zeros(2, 3, 8, 8)
    return MemoryPairs({"image": images}, outputs, {"image": Input("image", (3, 8, 8))})


def test_first_classes_of_both_stand_beside_the_picture() -> None:
    first, second = answered(Tagger(), _pairs(SCORES), range(2))
    assert (first.teacher, first.student) == ((3, 2, 1), (3, 2, 1))
    assert (second.teacher, second.student) == ((0, 1, 2), (3, 2, 1))
    assert first.picture.shape == (1, 3, 8, 8)


def test_pictures_for_answers_have_no_classes() -> None:
    assert answered(nn.Identity(), _pairs(torch.zeros(2, 3, 8, 8)), range(2)) == []
