"""Files that are data: damaged, forged, or of another kind than they say."""

import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from gancompress.architecture_search.front import Front
from gancompress.architecture_search.storage import damaged_lines, open_storage
from gancompress.batch import Input, draw_inputs
from gancompress.data.images import Reading, open_images
from gancompress.data.manifest import Plan
from gancompress.data.pairs import PairStore, PairWriter, record
from gancompress.generators.build import build
from gancompress.metrics.frechet import FeatureStatistics
from gancompress.metrics.statistics_file import load_statistics, save_statistics
from gancompress.student.file import Architecture, Student, load_student, save_student
from gancompress.teachers.from_file import from_file, read_network
from tests.robustness.outcome import COUNT, ODD, altered, mutated, outcome

KWARGS = {"z_dim": 4, "width": 8, "resolution": 8, "channels": 1}


def student_file(path: Path) -> Path:
    torch.manual_seed(0)
    architecture = Architecture("dcgan", KWARGS)
    module = architecture.build().eval()
    save_student(Student(module, module.inputs, architecture), path)
    return path


def described(source: Path, target: Path, description: object) -> Path:
    with safe_open(source, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    text = description if isinstance(description, str) else json.dumps(description)
    save_file(tensors, target, metadata={"gancompress": text})
    return target


def test_students_of_every_wrong_description(tmp_path: Path) -> None:
    good, bad = student_file(tmp_path / "good.safetensors"), tmp_path / "bad.safetensors"
    with safe_open(good, framework="pt") as file:
        description = json.loads(file.metadata()["gancompress"])
    for name in description:
        for value in ODD if COUNT > 100 else ODD[::9]:
            outcome(lambda: load_student(described(good, bad, {**description, name: value})))  # noqa: B023
    for seed in range(COUNT):
        forged = altered(description, random.Random(seed))
        outcome(lambda: load_student(described(good, bad, forged)))  # noqa: B023


@pytest.mark.parametrize(
    "kwargs",
    [{"width": 10**6}, {"z_dim": 2**20, "width": 2**16}, {"resolution": 2**20}, {"width": 1e308}],
)
def test_a_student_of_a_few_bytes_takes_no_memory(kwargs: dict[str, int], tmp_path: Path) -> None:
    good, bad = student_file(tmp_path / "good.safetensors"), tmp_path / "bad.safetensors"
    with safe_open(good, framework="pt") as file:
        description = json.loads(file.metadata()["gancompress"])
    description["kwargs"] |= kwargs
    assert outcome(lambda: load_student(described(good, bad, description)))


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "null", "3", '"x"', '{"format": 1}'])
def test_a_student_whose_description_is_none_is_refused(text: str, tmp_path: Path) -> None:
    good = student_file(tmp_path / "good.safetensors")
    assert "bad.safetensors" in outcome(
        lambda: load_student(described(good, tmp_path / "bad.safetensors", text))
    )


@pytest.mark.parametrize("kind", [torch.complex64, torch.int32, torch.float8_e4m3fn])
def test_numbers_of_other_kinds_are_no_weights(kind: torch.dtype, tmp_path: Path) -> None:
    good, bad = student_file(tmp_path / "good.safetensors"), tmp_path / "bad.safetensors"
    with safe_open(good, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    first = next(name for name, value in tensors.items() if value.is_floating_point())
    save_file({**tensors, first: tensors[first].to(kind)}, bad, metadata=metadata)
    assert f"{first} differ" in outcome(lambda: load_student(bad))


def checkpoint(name: str) -> bytes:
    torch.manual_seed(0)
    stream = io.BytesIO()
    module = build("dcgan", **KWARGS)
    torch.save(module.state_dict(), stream, _use_new_zipfile_serialization=name == "zip")
    return stream.getvalue()


@pytest.mark.parametrize("form", ["zip", "legacy", "student"])
def test_damaged_checkpoints(form: str, tmp_path: Path) -> None:
    path = tmp_path / "teacher.pt"
    whole = student_file(path).read_bytes() if form == "student" else checkpoint(form)
    for seed in range(max(3, COUNT // 2)):  # each may build a network
        path.write_bytes(mutated(whole, random.Random(seed)))
        outcome(lambda: read_network(path))
        if not seed % 12:  # the rest of the way takes longer, and sees what is whole
            outcome(lambda: from_file(path))


def test_a_checkpoint_with_two_pickles_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "teacher.pt"
    path.write_bytes(checkpoint("zip"))
    with zipfile.ZipFile(path) as archive:
        (pickle,) = [name for name in archive.namelist() if name.endswith("data.pkl")]
        content = archive.read(pickle)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr(pickle, content)
    assert "two records of one name" in outcome(lambda: from_file(path))


def picture(kind: str) -> bytes:
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    image = Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8))
    image.save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"])
@pytest.mark.filterwarnings("ignore")
def test_damaged_images(kind: str, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for seed in range(COUNT):
        for path in (tmp_path / "set").iterdir():
            path.unlink()
        data = mutated(picture(kind), random.Random(seed))
        (tmp_path / "set" / f"{seed}.png").write_bytes(data)
        told = outcome(
            lambda: open_images(
                tmp_path / "set", resolution=8, reading=Reading(cache=tmp_path / "cache")
            )
        )
        assert "\n" not in told


def test_damaged_archives(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/1.png", "b/2.png"):
            archive.writestr(name, picture("PNG"))
        archive.writestr("dataset.json", json.dumps({"labels": [["a/1.png", 0], ["b/2.png", 1]]}))
    for seed in range(COUNT):
        path = tmp_path / f"{seed}.zip"
        path.write_bytes(mutated(stream.getvalue(), random.Random(seed)))
        outcome(lambda: open_images(path, reading=Reading(cache=tmp_path / "cache")).batch([0]))  # noqa: B023


def test_names_that_lead_out_of_an_archive_are_listed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../../a.png", picture("PNG"))
        archive.writestr("b.png", picture("PNG"))
    found = open_images(tmp_path / "a.zip", reading=Reading(cache=tmp_path / "cache"))
    assert [(one.name, one.action) for one in found.problems] == [("../../a.png", "skipped")]


def test_an_image_with_two_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture("PNG"))
    table = {"labels": [["a.png", 0], ["a.png", 1]]}
    (tmp_path / "dataset.json").write_text(json.dumps(table))
    read = Reading(cache=tmp_path / "cache")
    assert "two labels" in outcome(lambda: open_images(tmp_path, reading=read))


def test_forged_tables_of_labels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture("PNG"))
    table = {"labels": [["a.png", 0]], "classes": ["cat"]}
    for seed in range(COUNT):
        text = json.dumps(altered(table, random.Random(seed)))
        (tmp_path / "dataset.json").write_text(text)
        outcome(lambda: open_images(tmp_path, reading=Reading(cache=tmp_path / "cache")))


class Teacher:
    def sample_inputs(self, indices: object, seed: int) -> dict[str, torch.Tensor]:
        return draw_inputs({"z": Input("normal", (4,))}, indices, seed)  # type: ignore[arg-type]

    def __call__(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return batch["z"].view(-1, 1, 2, 2).tanh()


def test_forged_manifests_of_pairs(tmp_path: Path) -> None:
    plan = Plan(
        inputs={"z": Input("normal", (4,))},
        teacher="t",
        seed=0,
        count=6,
        held_out=2,
        shard_size=3,
        output="uint8",
        latents="float32",
    )
    writer = PairWriter(tmp_path, plan)
    record(Teacher(), writer, batch_size=3)  # type: ignore[arg-type]
    writer.finish()
    file = tmp_path / "pairs.json"
    whole = json.loads(file.read_text())
    assert asdict(PairStore(tmp_path).plan)["count"] == 6
    elsewhere = json.loads(file.read_text())
    elsewhere["shards"][0]["file"] = "../../etc/passwd"
    file.write_text(json.dumps(elsewhere))
    assert "pairs.json" in outcome(lambda: PairStore(tmp_path))
    file.write_text(json.dumps(whole | {"seed": float("nan")}))
    assert "pairs.json" in outcome(lambda: PairStore(tmp_path))
    for seed in range(COUNT):
        file.write_text(json.dumps(altered(whole, random.Random(seed))))
        outcome(lambda: PairStore(tmp_path).batch([0, 3]))


def test_damaged_statistics(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    save_statistics(FeatureStatistics(10, np.zeros(3), np.eye(3)), path)
    whole = path.read_bytes()
    for seed in range(COUNT):
        path.write_bytes(mutated(whole, random.Random(seed)))
        outcome(lambda: load_statistics(path))
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000,), }"
    member = (
        b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header.encode() + b"\n"
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("mu.npy", "sigma.npy"):
            archive.writestr(name, member)
    assert "4000000000" in outcome(lambda: load_statistics(path))


@pytest.mark.parametrize("open_it", [damaged_lines, open_storage])
def test_damaged_journals(open_it: Callable[[Path], object], tmp_path: Path) -> None:
    line = json.dumps({"op_code": 0, "worker_id": "w", "study_name": "s", "directions": [1]})
    for seed in range(COUNT):
        path = tmp_path / f"{seed}.journal"
        path.write_bytes(mutated((line + "\n").encode() * 3, random.Random(seed)))
        outcome(lambda: open_it(path))  # noqa: B023


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    assert "a folder; give a file in it" in outcome(lambda: open_storage(tmp_path))


def test_damaged_fronts(tmp_path: Path) -> None:
    path = tmp_path / "front.csv"
    whole = (
        "subnet,uniform,macs,s.l1.lower,s.l1.lower.std\n8_8,1,9.0,0.5,0.1\n16_8,0,20.0,0.2,0.1\n"
    )
    path.write_text(whole)
    assert len(Front.from_csv(path).candidates) == 2
    path.write_text(whole[:-9])
    assert "line 3 does not have its 5 columns" in outcome(lambda: Front.from_csv(path))
    for seed in range(COUNT):
        path.write_bytes(mutated(whole.encode(), random.Random(seed)))
        outcome(lambda: Front.from_csv(path))
