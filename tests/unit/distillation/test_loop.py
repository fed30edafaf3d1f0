"""The whole distillation step: poisoned batches, parts, precision, rules, validation, processes."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from gancompress.batch import Batch
from tests.unit.distillation.online import distil
from tests.unit.distillation.small import Generator, Made, against, run
from tests.unit.teach.translate import OPTIONS, pix2pix

ALL = {"l1": 1.0, "discriminator_features": 1.0, "adversarial": 0.1, "adversarial_real": 0.1}


@pytest.fixture
def fresh_accelerate() -> Iterator[None]:
    """Accelerate keeps the precision of the first accelerator of a process."""
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)


def weights(module: nn.Module) -> list[Tensor]:
    return [value.detach().clone() for value in module.state_dict().values()]


def furthest(a: nn.Module, b: nn.Module) -> float:
    pairs = zip(weights(a), weights(b), strict=True)
    return max(float((x.double() - y.double()).abs().max()) for x, y in pairs)


def test_a_poisoned_batch_is_left_out_and_training_goes_on(tmp_path: Path) -> None:
    events: list[Any] = []
    source = Made(Generator(8, seed=1), poison=3)
    student = Generator(8, norm=True)
    trained = run(
        tmp_path, ALL, events=events, source=source, student=student, networks=against(),
        steps=30,
    )  # fmt: skip
    assert all(bool(value.isfinite().all()) for value in weights(trained))
    assert [e["step"] for e in events if "not finite; left out" in str(e.get("warning"))] == [3]
    assert not any("event" in event for event in events)  # nothing was rolled back
    losses = [event["l1.largest"] for event in events if "l1.largest" in event]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("parts", [2, 3])
def test_accumulating_over_parts_equals_one_batch(tmp_path: Path, parts: int) -> None:
    (tmp_path / "parts").mkdir()
    terms = {"l1": 1.0, "adversarial": 0.1, "discriminator_features": 1.0}
    one, many = (
        run(folder, terms, networks=against(), accumulate=count, subnets="largest", steps=4)
        for folder, count in ((tmp_path, 1), (tmp_path / "parts", parts))
    )
    assert furthest(one, many) < 1e-5


def test_bf16_on_the_cpu_learns_as_float32_does(tmp_path: Path, fresh_accelerate: None) -> None:
    def losses(folder: Path, precision: str) -> list[float]:
        AcceleratorState._reset_state(True)
        folder.mkdir()
        events: list[Any] = []
        run(
            folder, ALL, events=events, networks=against(), steps=40,
            accelerator=Accelerator(cpu=True, mixed_precision=precision),
            learning_rate=5e-3,
        )  # fmt: skip
        return [event["l1.smallest"] for event in events if "l1.smallest" in event]

    half, full = losses(tmp_path / "half", "bf16"), losses(tmp_path / "full", "no")
    assert half != full
    assert half[-1] < 0.8 * half[0]
    assert half[-1] == pytest.approx(full[-1], rel=0.1)


@pytest.mark.parametrize("rule", ["progressive", "front"])
def test_resuming_with_everything_on_equals_not_stopping(rule: str, tmp_path: Path) -> None:
    teacher = Generator(8, seed=1)
    (tmp_path / "parts").mkdir()

    def train(folder: Path, log: Any) -> nn.Module:
        return run(
            folder, {**ALL, "adapted": 1.0}, networks=against(teacher), in_place=0.5, subnets=rule,
            r1=1.0, gradient_penalty=1.0, relativistic=True, penalty_every=2, widths=True,
            validate_every=3, steps=10, logger={"log": log}, student=Generator(8, norm=True),
        )  # fmt: skip

    def stops(event: Any) -> None:
        if event["step"] == 6 and "gradient" in event:
            raise InterruptedError

    whole = train(tmp_path, lambda event: None)
    with pytest.raises(InterruptedError):
        train(tmp_path / "parts", stops)
    resumed = train(tmp_path / "parts", lambda event: None)
    for a, b in zip(weights(whole), weights(resumed), strict=True):
        assert torch.equal(a, b)


def test_real_images_may_be_set_against_the_pairs_own_answers(tmp_path: Path) -> None:
    class Fed(Made):
        def unpaired_of(self, step: int) -> Batch:
            raise AssertionError("no unpaired inputs are wanted")

    events: list[Any] = []
    source = Fed(Generator(8, seed=1))
    run(
        tmp_path, ALL, source=source, events=events, networks=against(), steps=20, unpaired=False,
        learning_rate=5e-3,
    )  # fmt: skip
    losses = [event for event in events if "d_real" in event]
    assert losses[-1]["l1.largest"] < losses[0]["l1.largest"]
    assert losses[0]["adversarial_real.largest"] == losses[0]["adversarial.largest"]


def test_without_a_discriminator_output_terms_suffice(tmp_path: Path) -> None:
    events: list[Any] = []
    run(tmp_path, {"l1": 1.0}, events=events, steps=30, learning_rate=5e-3)
    losses = [event["l1.smallest"] for event in events if "l1.smallest" in event]
    assert losses[-1] < 0.8 * losses[0]
    assert not any("d" in event for event in events)


def test_wholly_in_place_small_subnets_follow_the_largest_alone(tmp_path: Path) -> None:
    source = Made(Generator(8, seed=1))
    events: dict[float, list[Any]] = {0.0: [], 1.0: []}
    for share, found in events.items():
        (tmp_path / str(share)).mkdir()
        run(
            tmp_path / str(share), {"l1": 1.0}, events=found, in_place=share, source=source,
            learning_rate=0.0, steps=2,
        )  # fmt: skip
    (apart,) = (e["l1.smallest"] for e in events[1.0] if "l1.smallest" in e)
    (taught,) = (e["l1.smallest"] for e in events[0.0] if "l1.smallest" in e)
    assert apart != taught
    largest = [e["l1.largest"] for e in events[1.0] if "l1.largest" in e]
    assert largest == [e["l1.largest"] for e in events[0.0] if "l1.largest" in e]


@pytest.mark.parametrize(
    "keys",
    [{"relativistic": True}, {"r1": 1.0}, {"gradient_penalty": 10.0, "adversarial": "wasserstein"}],
)
def test_each_way_of_training_the_discriminator_teaches_the_student(
    keys: dict[str, Any], tmp_path: Path
) -> None:
    events: list[Any] = []
    networks = against()
    assert networks.discriminator is not None
    before = weights(networks.discriminator)
    run(
        tmp_path, {"l1": 1.0, "adversarial": 0.05, "adversarial_real": 0.05}, events=events,
        networks=networks, steps=20, learning_rate=5e-3, **keys,
    )  # fmt: skip
    losses = [event["l1.largest"] for event in events if "l1.largest" in event]
    assert losses[-1] < losses[0]
    assert not torch.equal(before[0], weights(networks.discriminator)[0])
    penalised = any("d_penalty" in event for event in events)
    assert penalised == bool(keys.get("r1") or keys.get("gradient_penalty"))


def test_the_student_leaves_no_gradient_in_the_discriminator(tmp_path: Path) -> None:
    networks = against()
    assert networks.discriminator is not None
    run(tmp_path, ALL, networks=networks, steps=1)
    assert all(p.requires_grad and p.grad is None for p in networks.discriminator.parameters())


def test_validation_scores_both_ends_keeps_the_best_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "watched").mkdir()
    events: list[Any] = []
    shown: dict[int, dict[str, Tensor]] = {}
    keys: dict[str, Any] = {"steps": 9, "student": None, "learning_rate": 5e-3}
    plain = run(tmp_path, {"l1": 1.0}, **keys)
    watched = run(
        tmp_path / "watched", {"l1": 1.0}, events=events,
        validate_every=3, logger={"show": lambda step, rows: shown.update({step: rows})}, **keys,
    )  # fmt: skip
    for a, b in zip(weights(plain), weights(watched), strict=True):
        assert torch.equal(a, b)
    scored = [event for event in events if "held_out.smallest" in event]
    assert [event["step"] for event in scored] == [3, 6, 9]
    assert scored[-1]["held_out.largest"] < scored[0]["held_out.largest"]
    assert list(shown) == [3, 6, 9]
    assert [*shown[3]] == ["teacher", "smallest", "largest"]
    assert {len(rows) for rows in shown[3].values()} == {8}
    best = torch.load(tmp_path / "watched" / "distill-best.pt", weights_only=True)
    assert best["progress"]["step"] == scored[-1]["best_step"]


def test_patience_ends_the_training_with_the_best_weights(tmp_path: Path) -> None:
    events: list[Any] = []
    # At this rate nothing improves for long.
    run(
        tmp_path, {"l1": 1.0}, events=events, steps=60, learning_rate=0.5, ema=0.0,
        validate_every=2, patience=3,
    )  # fmt: skip
    scored = [event for event in events if "held_out.smallest" in event]
    assert len(scored) < 30
    assert scored[-1]["step"] == scored[-1]["best_step"] + 6
    again: list[Any] = []
    trained = run(
        tmp_path, {"l1": 1.0}, events=again, steps=60, learning_rate=0.5, ema=0.0,
        validate_every=2, patience=3,
    )  # fmt: skip
    assert not any("gradient" in event for event in again)  # it had ended
    best = torch.load(tmp_path / "distill-best.pt", weights_only=True)["state"]["average"]
    for name, value in trained.state_dict().items():
        assert torch.equal(value, best[f"module.{name}"])


def test_two_processes_equal_one_with_the_same_global_batch(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [sys.executable, "-m", "tests.unit.distillation.one_of_two", str(tmp_path)]
    base = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port), "WORLD_SIZE": "2"}  # fmt: skip
    started = [
        subprocess.Popen(
            program, env={**base, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    told = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], told[0][-3000:] + told[1][-3000:]
    found = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    for kind in ("weights", "normed", "online", "taught"):
        for name, value in found[0][kind].items():
            assert torch.equal(value, found[1][kind][name]), f"{kind}: {name}"
    events: list[Any] = []
    (tmp_path / "one").mkdir()
    one = run(
        tmp_path / "one", ALL, events=events, networks=against(),
        source=Made(Generator(8, seed=1), batch_size=12, poison=5), steps=8,
        logger={"log_every": 4},
    )  # fmt: skip
    for name, value in one.state_dict().items():
        torch.testing.assert_close(value, found[0]["weights"][name], rtol=0, atol=2e-5)
    losses = [event for event in events if "gradient" in event]
    for ours, theirs in zip(losses, found[0]["losses"], strict=True):
        shared = {name: value for name, value in ours.items() if not name.startswith("spread")}
        assert {name: theirs[name] for name in shared} == pytest.approx(shared, abs=1e-4)
    (tmp_path / "one_normed").mkdir()
    paired = {name: weight for name, weight in ALL.items() if name != "adversarial_real"}
    normed = run(
        tmp_path / "one_normed", paired, student=Generator(8, norm=True), networks=against(),
        source=Made(Generator(8, seed=1), batch_size=10), subnets="front", steps=8,
    )  # fmt: skip
    for name, value in normed.state_dict().items():
        torch.testing.assert_close(value, found[0]["normed"][name], rtol=0, atol=5e-5)
    (tmp_path / "one_online").mkdir()
    training = pix2pix(replace(OPTIONS, steps=6, batch_size=8), 0.0)
    online = distil(tmp_path / "one_online", training, terms={"l1": 1.0}, batch_size=8)
    for kind, module in (("online", online), ("taught", training.average)):
        for name, value in module.state_dict().items():
            torch.testing.assert_close(value, found[0][kind][name], rtol=0, atol=1e-4)
