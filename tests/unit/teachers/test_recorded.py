"""A teacher of which only a recording is left."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from gancompress.batch import Input
from gancompress.data.folder_pairs import import_folder_pairs
from gancompress.data.manifest import Plan
from gancompress.data.pairs import PairStore, PairWriter, record
from gancompress.errors import TeacherError
from gancompress.teachers.recorded import RecordedTeacher
from gancompress.teachers.teacher import CallableTeacher, FrozenTeacher

SPEC = {"z": Input("normal", (4,)), "c": Input("one_hot", (3,))}


def made(folder: Path, output: str = "float32") -> tuple[CallableTeacher, PairStore]:
    teacher = CallableTeacher(
        lambda b: (b["z"][:, :, None, None] + b["c"].argmax(1)[:, None, None, None]).tanh(),
        SPEC,
        "original",
    )
    plan = Plan(
        inputs=SPEC,
        teacher="original",
        seed=5,
        count=10,
        held_out=2,
        shard_size=4,
        output=output,
        latents="float32",
    )  # type: ignore[arg-type]
    writer = PairWriter(folder, plan)
    record(teacher, writer, batch_size=4)
    writer.finish()
    return teacher, PairStore(folder)


def fake_cifar10(folder: Path) -> Path:
    for label in range(2):
        place = folder / f"class_{label}"
        place.mkdir(parents=True)
        for number in range(3):
            grey = 40 * number + label
            Image.new("RGB", (8, 8), (grey,) * 3).save(place / f"image_{number}.png")
            torch.save(torch.full((4,), float(grey)), place / f"noise_{number}.pt")
    return folder


def test_recording_answers_as_the_teacher_did(tmp_path: Path) -> None:
    original, store = made(tmp_path)
    recorded = RecordedTeacher(store)
    assert isinstance(recorded, FrozenTeacher)
    batch = recorded.sample_inputs([9, 0, 13], 0)  # 13 is 3 again
    assert torch.equal(batch["z"], original.sample_inputs([9, 0, 3], 5)["z"])
    assert torch.equal(recorded(batch), original(batch))


def test_recorded_images_come_back_between_minus_one_and_one(tmp_path: Path) -> None:
    original, store = made(tmp_path, "uint8")
    batch = RecordedTeacher(store).sample_inputs(range(10), 0)
    assert torch.allclose(RecordedTeacher(store)(batch), original(batch), atol=1 / 127)


def test_input_that_was_not_recorded_is_refused(tmp_path: Path) -> None:
    recorded = RecordedTeacher(made(tmp_path)[1])
    batch = recorded.sample_inputs([0, 1], 0)
    batch["z"][1, 0] += 1e-3
    with pytest.raises(TeacherError, match="sample 1 of the batch was not recorded"):
        recorded(batch)


def test_batch_without_an_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="lacks c"):
        RecordedTeacher(made(tmp_path)[1])({"z": torch.zeros(1, 4)})


def test_another_recording_is_another_teacher(tmp_path: Path) -> None:
    first, second = made(tmp_path / "a")[1], made(tmp_path / "b", "uint8")[1]
    assert RecordedTeacher(first).fingerprint == RecordedTeacher(PairStore(first.path)).fingerprint
    assert RecordedTeacher(first).fingerprint != RecordedTeacher(second).fingerprint


def test_folder_of_images_and_noise_is_a_teacher(tmp_path: Path) -> None:
    folder = fake_cifar10(tmp_path / "fake")
    store = import_folder_pairs(
        folder, tmp_path / "pairs", teacher="fake", held_out=0, shard_size=10
    )
    recorded = RecordedTeacher(store)
    batch = recorded.sample_inputs(range(6), 0)
    assert batch["c"].sum(0).tolist() == [3, 3]
    output = recorded(batch)
    assert output.shape == (6, 3, 8, 8)
    # The test data's noise is its grey level.
    assert torch.allclose((output[:, 0, 0, 0] + 1) * 127.5, batch["z"][:, 0])
