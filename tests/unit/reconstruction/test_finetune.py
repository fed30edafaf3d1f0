"""A short training that never makes a student worse."""

import copy

import torch
from torch import nn

from gancompress.batch import Batch
from gancompress.reconstruction.finetune import finetune


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.layers(z)  # type: ignore[no-any-return]


def batches(first: int) -> list[Batch]:
    return [{"z": torch.randn(16, 4, generator=torch.manual_seed(first + n))} for n in range(4)]


def test_a_student_comes_nearer() -> None:
    torch.manual_seed(0)
    teacher, student = Net(), Net()

    def answer(batch: Batch) -> torch.Tensor:
        return teacher(**batch).detach()

    done = finetune(student, answer, batches(0), batches(10), steps=200)
    assert done.after < 0.8 * done.before
    assert done.steps > 0


def test_what_cannot_be_better_stays() -> None:
    torch.manual_seed(0)
    teacher = Net()
    student = copy.deepcopy(teacher)
    before = copy.deepcopy(student.state_dict())
    done = finetune(
        student, lambda batch: teacher(**batch).detach(), batches(0), batches(9), steps=20
    )
    assert done.after == done.before == 0.0
    assert done.learning_rate == 0.0
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())


def test_the_same_call_gives_the_same_weights() -> None:
    torch.manual_seed(0)
    teacher, a = Net(), Net()
    b = copy.deepcopy(a)
    for student in (a, b):
        finetune(student, lambda x: teacher(**x).detach(), batches(0), batches(9), steps=10)
    assert torch.equal(a.layers[0].weight, b.layers[0].weight)
