"""The teacher protocol, white box and black."""

import pytest
import torch
from torch import nn

from gancompress.batch import Input
from gancompress.errors import TeacherError
from gancompress.teachers.teacher import CallableTeacher, FrozenTeacher, ModuleTeacher

LATENT = {"z": Input("normal", (4,)), "c": Input("one_hot", (3,))}
IMAGE = {"image": Input("image", (3, 8, 8))}


class Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 2)
        self.b = nn.Linear(3, 2)
        self.drop = nn.Dropout(0.5)

    def forward(self, z: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return self.drop(self.a(z) + self.b(c))


def sum_teacher() -> ModuleTeacher:
    torch.manual_seed(0)
    return ModuleTeacher(Sum(), LATENT)


def images(n: int) -> list[dict[str, torch.Tensor]]:
    return [{"image": torch.full((3, 8, 8), float(i)), "target": torch.zeros(1)} for i in range(n)]


def test_both_are_teachers() -> None:
    assert isinstance(sum_teacher(), FrozenTeacher)
    assert isinstance(CallableTeacher(lambda b: b["z"], LATENT, "f"), FrozenTeacher)


def test_module_teacher_is_frozen_and_deterministic() -> None:
    teacher = sum_teacher()
    batch = teacher.sample_inputs([0, 1], 0)
    assert not any(p.requires_grad for p in teacher.module.parameters())
    assert torch.equal(teacher(batch), teacher(batch))
    assert not teacher(batch).requires_grad


def test_output_can_take_part_in_a_students_loss() -> None:
    teacher, weight = sum_teacher(), torch.ones(2, requires_grad=True)
    (teacher(teacher.sample_inputs([0], 0)) * weight).pow(2).sum().backward()
    assert weight.grad is not None


def test_sample_does_not_depend_on_its_company() -> None:
    teacher = sum_teacher()
    together = teacher.sample_inputs([5, 6, 7], 3)["z"]
    assert torch.equal(teacher.sample_inputs([7], 3)["z"][0], together[2])


def test_images_come_from_the_data_set_and_wrap_around() -> None:
    teacher = ModuleTeacher(nn.Identity(), IMAGE, images(3))
    batch = teacher.sample_inputs([1, 4, 2], 0)
    assert list(batch) == ["image"]
    assert batch["image"][:, 0, 0, 0].tolist() == [1.0, 1.0, 2.0]


def test_drawn_and_taken_inputs_go_together() -> None:
    spec = {"z": Input("normal", (4,)), **IMAGE}
    teacher = CallableTeacher(lambda b: b["image"], spec, "f", images(2))
    batch = teacher.sample_inputs([0, 1], 0)
    assert list(batch) == ["z", "image"]
    assert torch.equal(batch["z"], sum_teacher().sample_inputs([0, 1], 0)["z"])


def test_images_without_a_data_set_are_refused() -> None:
    with pytest.raises(TeacherError, match="image: these come from a data set"):
        ModuleTeacher(nn.Identity(), IMAGE).sample_inputs([0], 0)


def test_row_without_the_input_is_refused() -> None:
    with pytest.raises(TeacherError, match=r"data row 0: has photo.*wants 'image'"):
        ModuleTeacher(nn.Identity(), IMAGE, [{"photo": torch.zeros(1)}]).sample_inputs([0], 0)


def test_images_of_two_sizes_are_refused() -> None:
    rows = [{"image": torch.zeros(3, 8, 8)}, {"image": torch.zeros(3, 9, 8)}]
    with pytest.raises(TeacherError, match=r"data row 1.*\(3, 9, 8\)"):
        ModuleTeacher(nn.Identity(), IMAGE, rows).sample_inputs([0, 1], 0)


def test_fingerprint_follows_tensors_architecture_and_inputs() -> None:
    base = sum_teacher().fingerprint
    assert base == sum_teacher().fingerprint
    changed = sum_teacher()
    changed.module.a.weight[0, 0] += 1e-3
    other_inputs = ModuleTeacher(sum_teacher().module, {**LATENT, "z": Input("uniform", (4,))})
    strided = [ModuleTeacher(nn.Conv2d(1, 1, 1, stride=s), IMAGE) for s in (1, 2)]
    strided[1].module.load_state_dict(strided[0].module.state_dict())
    prints = [base, changed.fingerprint, other_inputs.fingerprint]
    prints += [teacher.fingerprint for teacher in strided]
    assert len(set(prints)) == 5


def test_fingerprint_does_not_hold_addresses() -> None:
    class Holds(nn.Module):
        def extra_repr(self) -> str:
            return repr(object())

    first, second = (ModuleTeacher(Holds(), {}).fingerprint for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("output", "message"),
    [([1], "returned list"), (torch.zeros(5, 2), r"shape \(5, 2\) for 2 samples")],
)
def test_wrong_output_is_refused(output: object, message: str) -> None:
    teacher = CallableTeacher(lambda _: output, LATENT, "f")  # type: ignore[arg-type, return-value]
    with pytest.raises(TeacherError, match=message):
        teacher(teacher.sample_inputs([0, 1], 0))
