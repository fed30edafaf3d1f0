"""A short training that never makes a student worse."""

import copy
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gancompress.training.engine import TrainingLogger
from gancompress.training.finetune import Answered, finetune


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.layers(z)  # type: ignore[no-any-return]


def answered(teacher: Net, first: int) -> list[Answered]:
    batches = [torch.randn(16, 4, generator=torch.manual_seed(first + n)) for n in range(4)]
    return [({"z": z}, teacher(z).detach()) for z in batches]


def test_a_student_comes_nearer() -> None:
    torch.manual_seed(0)
    teacher, student = Net(), Net()
    done = finetune(student, answered(teacher, 0), answered(teacher, 10), steps=200)
    assert done.after < 0.8 * done.before
    assert done.steps > 0


def test_what_cannot_be_better_stays() -> None:
    torch.manual_seed(0)
    teacher = Net()
    student = copy.deepcopy(teacher)
    before = copy.deepcopy(student.state_dict())
    done = finetune(student, answered(teacher, 0), answered(teacher, 9), steps=20)
    assert done.after == done.before == 0.0
    assert done.learning_rate == 0.0
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())


def test_the_same_call_gives_the_same_weights() -> None:
    torch.manual_seed(0)
    teacher, a = Net(), Net()
    b = copy.deepcopy(a)
    for student in (a, b):
        finetune(student, answered(teacher, 0), answered(teacher, 9), steps=10)
    assert torch.equal(a.layers[0].weight, b.layers[0].weight)


def test_a_student_learns_in_half_precision_and_stays_in_full() -> None:
    torch.manual_seed(0)
    teacher, student = Net(), Net()
    seen: list[torch.dtype] = []
    student.register_forward_hook(lambda module, given, output: seen.append(output.dtype))
    done = finetune(
        student,
        answered(teacher, 0),
        answered(teacher, 10),
        steps=100,
        autocast=lambda: torch.autocast("cpu", torch.bfloat16),
    )
    assert done.after < 0.8 * done.before
    assert {torch.bfloat16, torch.float32} == set(seen)  # where it learns, where it is judged
    assert all(value.dtype == torch.float32 for value in student.parameters())


def normed(size: int) -> tuple[nn.Module, list[Answered]]:
    """A network with a batch norm, and batches of ``size``, whose inputs are not as it knows."""
    torch.manual_seed(0)

    class Normed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.9))

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.layers(z)  # type: ignore[no-any-return]

    batches = [torch.randn(size, 4) + 3 for _ in range(4)]
    return Normed(), [({"z": z}, z.repeat(1, 2)) for z in batches]


def test_batch_norms_normalise_by_large_batches_only() -> None:
    for size, moved in ((16, True), (8, False)):
        student, pairs = normed(size)
        finetune(student, pairs, pairs, steps=8)
        assert bool(student.get_buffer("layers.1.running_mean").any()) == moved
        assert not any(child.training for child in student.modules())


def test_dropout_stays_out_of_it() -> None:
    student, pairs = normed(16)
    done = finetune(student, pairs, pairs, steps=200)
    assert done.after < 0.2 * done.before


def test_every_batch_is_seen_before_any_comes_again() -> None:
    asked: list[int] = []

    class Counted(list[Answered]):
        def __getitem__(self, number: int) -> Answered:  # type: ignore[override]
            asked.append(number)
            return super().__getitem__(number)

    torch.manual_seed(0)
    teacher = Net()
    learned = Counted([*answered(teacher, 0), *answered(teacher, 20)])
    finetune(Net(), learned, answered(teacher, 9), steps=16)
    training = asked[-16:]
    assert sorted(training[:8]) == sorted(training[8:]) == list(range(8))


class Stopped(Exception):
    pass


def test_a_stopped_training_ends_as_one_that_was_not(tmp_path: Path) -> None:
    torch.manual_seed(0)
    teacher, a = Net(), Net()
    b = copy.deepcopy(a)
    learned, held_out = answered(teacher, 0), answered(teacher, 9)

    def log(event: Mapping[str, Any]) -> None:
        if event["step"] == 20:
            raise Stopped

    logger = TrainingLogger(tmp_path / "finetune.pt", 0.0, lambda event: None, 10)
    finetune(a, learned, held_out, steps=40, logger=replace(logger, checkpoint=tmp_path / "a.pt"))
    with suppress(Stopped):
        finetune(b, learned, held_out, steps=40, logger=replace(logger, log=log))
    done = finetune(b, learned, held_out, steps=40, logger=logger)
    assert done.steps > 0
    assert torch.equal(a.layers[0].weight, b.layers[0].weight)
