"""The black-box pair store."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from gancompress.batch import Batch, Input, draw_inputs
from gancompress.data.images import to_uint8
from gancompress.data.inspect_pairs import pair_stats, show_pairs
from gancompress.data.manifest import Plan
from gancompress.data.pairs import PairStore, PairWriter, record
from gancompress.errors import DataError

SPEC = {"z": Input("normal", (12,)), "c": Input("one_hot", (3,))}


class Teacher:
    """Images of 2×2 pixels that show the latent and the class; counts what it was asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch:
        return draw_inputs(SPEC, indices, seed)

    def __call__(self, batch: Batch) -> Tensor:
        self.asked += len(batch["z"])
        shade = batch["c"].argmax(1).view(-1, 1, 1, 1) * 0.1
        return (batch["z"].view(-1, 3, 2, 2) * 0.3 + shade).tanh()


def plan(**changes: object) -> Plan:
    values: dict[str, object] = {
        "inputs": SPEC,
        "teacher": "teacher-1",
        "seed": 5,
        "count": 25,
        "held_out": 4,
        "shard_size": 10,
        "output": "uint8",
        "latents": "float32",
    }
    return Plan(**{**values, **changes})  # type: ignore[arg-type]


def recorded(path: Path, batch_size: int = 4, **changes: object) -> PairStore:
    writer = PairWriter(path, plan(**changes))
    record(Teacher(), writer, batch_size=batch_size)
    writer.finish()
    return PairStore(path)


def test_stored_pairs_are_the_teachers(tmp_path: Path) -> None:
    store = recorded(tmp_path)
    indices = [24, 0, 13, 13, 9]
    inputs = draw_inputs(SPEC, indices, 5)
    batch, output = store.batch(indices)
    assert torch.equal(batch["z"], inputs["z"]) and torch.equal(batch["c"], inputs["c"])
    assert torch.equal(output, to_uint8(Teacher()(inputs)))


def test_half_latents_are_the_ones_the_teacher_was_fed(tmp_path: Path) -> None:
    batch, output = recorded(tmp_path, latents="float16", output="float32").batch(range(25))
    assert torch.equal(batch["z"], draw_inputs(SPEC, range(25), 5)["z"].half().float())
    assert torch.equal(output, Teacher()(batch))


@pytest.mark.parametrize("form", ["float32", "float16"])
def test_scores_are_stored_as_floats(form: str, tmp_path: Path) -> None:
    _, output = recorded(tmp_path, output=form).batch([0, 20])
    expected = Teacher()(draw_inputs(SPEC, [0, 20], 5))
    assert output.dtype == getattr(torch, form)
    assert torch.equal(output, expected.to(output.dtype))


def test_batch_and_shard_size_change_no_sample(tmp_path: Path) -> None:
    one = recorded(tmp_path / "a", batch_size=25, shard_size=25).batch(range(25))
    other = recorded(tmp_path / "b", batch_size=3, shard_size=7).batch(range(25))
    assert torch.equal(one[1], other[1]) and torch.equal(one[0]["z"], other[0]["z"])


def test_one_hot_inputs_take_one_byte(tmp_path: Path) -> None:
    shard = recorded(tmp_path).shard(0)
    assert shard["input.c"].dtype == torch.uint8 and shard["input.c"].shape == (10,)
    assert recorded(tmp_path).labels("c").tolist() == [index % 3 for index in range(25)]


def test_killed_recording_goes_on_after_its_last_whole_shard(tmp_path: Path) -> None:
    class Dying(Teacher):
        def __call__(self, batch: Batch) -> Tensor:
            if self.asked >= 16:
                raise KeyboardInterrupt
            return super().__call__(batch)

    with pytest.raises(KeyboardInterrupt):
        record(Dying(), PairWriter(tmp_path, plan()), batch_size=4)
    assert sorted(file.name for file in tmp_path.glob("shard*")) == ["shard-00000.safetensors"]
    teacher, writer = Teacher(), PairWriter(tmp_path, plan())
    record(teacher, writer, batch_size=4)
    writer.finish()
    whole = recorded(tmp_path.with_name("whole"))
    assert teacher.asked == 15
    assert PairStore(tmp_path).fingerprint == whole.fingerprint


def test_ranks_share_the_shards(tmp_path: Path) -> None:
    asked = []
    for rank in (1, 0):
        teacher, writer = Teacher(), PairWriter(tmp_path, plan())
        record(teacher, writer, batch_size=8, rank=rank, ranks=2)
        asked.append(teacher.asked)
    writer.finish()
    assert asked == [10, 15]
    assert PairStore(tmp_path).fingerprint == recorded(tmp_path.with_name("one")).fingerprint


def test_recording_can_grow(tmp_path: Path) -> None:
    before = recorded(tmp_path).batch(range(25))[1]
    grown = recorded(tmp_path, count=32, held_out=6)
    assert len(grown) == 32 and grown.held_out == range(26, 32)
    assert torch.equal(grown.batch(range(25))[1], before)


def test_cut_shard_is_recorded_again(tmp_path: Path) -> None:
    whole = recorded(tmp_path).fingerprint
    shard = tmp_path / "shard-00001.safetensors"
    shard.write_bytes(shard.read_bytes()[:-3])
    assert list(PairWriter(tmp_path, plan()).missing()) == [1]
    assert recorded(tmp_path).fingerprint == whole


def test_held_out_pairs_are_the_last(tmp_path: Path) -> None:
    store = recorded(tmp_path)
    assert (store.train, store.held_out) == (range(21), range(21, 25))


def test_other_teacher_is_refused(tmp_path: Path) -> None:
    recorded(tmp_path)
    with pytest.raises(DataError, match="recorded from teacher teacher-1, not from teacher-2"):
        PairStore(tmp_path, teacher="teacher-2")


@pytest.mark.parametrize("change", [{"teacher": "other"}, {"seed": 6}, {"latents": "float16"}])
def test_other_plan_is_refused_by_its_fields(change: dict[str, object], tmp_path: Path) -> None:
    recorded(tmp_path)
    with pytest.raises(DataError, match=f"holds other pairs: {next(iter(change))} is"):
        PairWriter(tmp_path, plan(**change))


def test_unfinished_recording_is_refused(tmp_path: Path) -> None:
    writer = PairWriter(tmp_path, plan())
    record(Teacher(), writer, batch_size=5, rank=0, ranks=2)
    with pytest.raises(DataError, match="1 of 3 shards are missing"):
        writer.finish()
    with pytest.raises(DataError, match="was not finished"):
        PairStore(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "missing"])
def test_cut_or_missing_shard_is_named(damage: str, tmp_path: Path) -> None:
    recorded(tmp_path)
    shard = tmp_path / "shard-00001.safetensors"
    content = shard.read_bytes()
    shard.unlink()
    if damage == "cut":
        shard.write_bytes(content[:-1])
    with pytest.raises(DataError, match=rf"shard-00001\.safetensors: {damage}"):
        PairStore(tmp_path)


def test_verify_finds_a_changed_byte(tmp_path: Path) -> None:
    store = recorded(tmp_path)
    store.verify()
    shard = tmp_path / "shard-00002.safetensors"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"checksum differs in shard-00002\.safetensors"):
        PairStore(tmp_path).verify()


@pytest.mark.parametrize("damage", ["text", "field", "version", "missing"])
def test_damaged_manifest_is_a_data_error(damage: str, tmp_path: Path) -> None:
    recorded(tmp_path)
    manifest = tmp_path / "pairs.json"
    content = json.loads(manifest.read_text())
    if damage == "field":
        del content["seed"]
    if damage == "version":
        content["version"] = 99
    manifest.write_text("{" if damage == "text" else json.dumps(content))
    if damage == "missing":
        manifest.unlink()
    with pytest.raises(DataError, match=r"pairs\.json"):
        PairStore(tmp_path)


def test_no_indices_give_an_empty_batch(tmp_path: Path) -> None:
    batch, output = recorded(tmp_path).batch([])
    assert batch["z"].shape == (0, 12) and output.shape == (0, 3, 2, 2)


def test_index_beyond_the_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexError, match="of 25"):
        recorded(tmp_path).batch([25])


def test_output_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    class Broken(Teacher):
        def __call__(self, batch: Batch) -> Tensor:
            return super().__call__(batch) * float("nan")

    with pytest.raises(DataError, match="not finite"):
        record(Broken(), PairWriter(tmp_path, plan()), batch_size=5)


@pytest.mark.parametrize("batch_size", [5, 10])
def test_outputs_of_several_shapes_are_refused(batch_size: int, tmp_path: Path) -> None:
    class Growing(Teacher):
        def __call__(self, batch: Batch) -> Tensor:
            images = super().__call__(batch)
            return images if self.asked <= batch_size else images.repeat(1, 1, 2, 2)

    with pytest.raises(DataError, match=r"outputs of the shapes \(3, 2, 2\), \(3, 4, 4\)"):
        writer = PairWriter(tmp_path, plan())
        record(Growing(), writer, batch_size=batch_size)
        writer.finish()


def test_impossible_plan_is_refused() -> None:
    with pytest.raises(DataError, match="held out 25"):
        plan(held_out=25)


def test_stats_describe_inputs_and_outputs(tmp_path: Path) -> None:
    facts = pair_stats(recorded(tmp_path))
    assert facts["pairs"] == 25 and facts["held_out"] == 4
    assert facts["c"]["pairs_per_class"] == [9, 8, 8]
    latents = draw_inputs(SPEC, range(25), 5)["z"].numpy()
    assert facts["z"]["std"] == pytest.approx(float(np.std(latents)), rel=1e-5)
    assert facts["output"]["shape"] == [3, 2, 2]


def test_picture_of_pairs_shows_their_outputs(tmp_path: Path) -> None:
    store = recorded(tmp_path / "store")
    show_pairs(store, tmp_path / "pairs.png", count=4, columns=2)
    shown = np.asarray(Image.open(tmp_path / "pairs.png"))
    first = store.batch([0])[1][0].permute(1, 2, 0).numpy()
    assert shown.shape == (10, 10, 3) and np.array_equal(shown[2:4, 2:4], first)


def test_scores_from_latents_cannot_be_shown(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither its inputs nor its outputs are images"):
        show_pairs(recorded(tmp_path, output="float32"), tmp_path / "pairs.png")
