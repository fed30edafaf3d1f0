"""Training a generator against a discriminator: losses, evaluation, resuming, two processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gancompress.teach.augment import Augment
from gancompress.teach.evaluation import EvaluationPlan
from gancompress.training.optimise import make_accelerator
from tests.unit.teach.bright import brightness, teach
from tests.unit.teach.translate import cycle

RULES = {
    "hinge": {"loss": "hinge", "r1": 0.1, "r1_every": 2},
    "bce": {"loss": "bce", "r1": 0.1, "r1_every": 2},
    "least squares": {"loss": "least_squares", "r1": 0.1, "r1_every": 2},
    "wasserstein": {"loss": "wasserstein", "gradient_penalty": 10.0, "critic_steps": 2},
    "relativistic": {"loss": "bce", "relativistic": True, "r1": 0.1, "r1_every": 2},
    "unrolled": {"loss": "bce", "unrolled": 2},
}


@pytest.mark.parametrize("name", RULES)
def test_every_loss_teaches_which_class_is_bright(tmp_path: Path, name: str) -> None:
    # Learned only if real images and classes get through.
    dark, bright = brightness(teach(tmp_path, RULES[name]))
    assert bright - dark > 0.5
    assert abs(dark + 0.53) < 0.5
    assert abs(bright - 0.57) < 0.5


def nearness(module: nn.Module) -> dict[str, float]:
    """A score that is best where the image's mean is 0: no matter where, but not at the end."""
    torch.rand(3)  # what a score draws is none of the training's business
    z = torch.eye(4)
    return {"frechet": float(module(z=z, c=torch.eye(2)[[0, 1, 0, 1]]).std())}


def planned(every: int, best: bool, shown: list[int]) -> EvaluationPlan:
    return EvaluationPlan(every, lambda step, module: shown.append(step), nearness, best)


def test_evaluations_change_nothing_of_the_training(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    augment = ("translation", "color", "cutout")
    shown: list[int] = []
    plain = teach(tmp_path / "a", RULES["bce"], steps=7, augment=Augment(augment, 0.0))
    evaluated = teach(
        tmp_path / "b", RULES["bce"], steps=7, augment=Augment(augment, 0.0),
        plan=planned(3, False, shown),
    )  # fmt: skip
    assert shown == [3, 6, 7]
    assert evaluated.step == 7
    assert not (tmp_path / "b" / "teach-best.pt").exists()  # nobody asked for the best
    for name, value in plain.module.state_dict().items():
        assert torch.equal(value, evaluated.module.state_dict()[name])


def test_the_best_weights_are_taken_and_their_step_told(tmp_path: Path) -> None:
    events: list[Any] = []
    taught = teach(tmp_path, RULES["bce"], steps=40, plan=planned(8, True, []), events=events)
    scores = {event["step"]: event["frechet"] for event in events if "frechet" in event}
    assert taught.step == min(scores, key=scores.__getitem__) < 40
    assert taught.frechet == scores[taught.step]
    with torch.no_grad():
        assert nearness(taught.module)["frechet"] == taught.frechet


class Killed(Exception):
    """The training ends here."""


@pytest.mark.parametrize("at", [5, 10])
def test_resumed_equals_uninterrupted_down_to_the_best_evaluation(tmp_path: Path, at: int) -> None:
    rules = {
        "loss": "bce",
        "r1": 0.1,
        "r1_every": 3,
        "gradient_penalty": 1.0,
        "critic_steps": 2,
        "unrolled": 1,
    }

    def augment() -> Augment:
        return Augment(("translation", "color"), 0.6, adaptation=300)

    def killing(step: int, module: nn.Module) -> None:
        if step == at:
            raise Killed

    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    changes = augment()
    whole = teach(
        tmp_path / "whole", rules, steps=15, augment=changes, plan=planned(5, True, []),
        checkpoint_seconds=0,
    )  # fmt: skip
    with pytest.raises(Killed):
        teach(
            tmp_path / "killed", rules, steps=15, augment=augment(),
            plan=EvaluationPlan(5, killing, nearness, True), checkpoint_seconds=0,
        )  # fmt: skip
    resumed_changes = augment()
    resumed = teach(
        tmp_path / "killed", rules, steps=15, augment=resumed_changes,
        plan=planned(5, True, []), checkpoint_seconds=0,
    )  # fmt: skip
    assert (resumed.step, resumed.frechet) == (whole.step, whole.frechet)
    assert resumed_changes.state_dict() == changes.state_dict()
    assert changes.probability > 0
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[name])


def test_two_processes_equal_one_with_the_same_global_batch(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [sys.executable, "-m", "tests.unit.teach.one_of_two", str(tmp_path)]
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
    for name, value in found[0]["weights"].items():
        assert torch.equal(value, found[1]["weights"][name])
    (tmp_path / "one").mkdir()
    from tests.unit.teach.one_of_two import AUGMENT, CYCLE, RULES, STEPS

    events: list[Any] = []
    augment = AUGMENT()
    one = teach(tmp_path / "one", RULES, steps=STEPS, batch_size=16, augment=augment, events=events)
    for name, value in one.module.state_dict().items():
        torch.testing.assert_close(value, found[0]["weights"][name], rtol=0, atol=1e-4)
    assert found[0]["augment"] == augment.state_dict()["probability"] > 0
    for ours, theirs in zip(events, found[0]["events"], strict=True):
        assert theirs == pytest.approx(ours, abs=1e-3)
    there, _ = cycle(tmp_path / "cycle-of-one", **CYCLE, batch_size=8)
    for name, value in there.state_dict().items():
        assert torch.equal(found[0]["cycle"][name], found[1]["cycle"][name])
        torch.testing.assert_close(value, found[0]["cycle"][name], rtol=0, atol=1e-4)


def test_a_scaled_loss_teaches_the_same(tmp_path: Path) -> None:
    rules = {"loss": "bce", "r1": 0.1, "r1_every": 2, "critic_steps": 2, "unrolled": 1}
    accelerator = make_accelerator("cpu", "no")
    (tmp_path / "plain").mkdir()
    (tmp_path / "scaled").mkdir()
    plain = teach(tmp_path / "plain", rules, steps=4, accelerator=accelerator)
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=3)
    scaled = teach(tmp_path / "scaled", rules, steps=4, accelerator=accelerator)
    assert accelerator.scaler.get_scale() > 256
    # Powers of two change no digit.
    for name, value in plain.module.state_dict().items():
        torch.testing.assert_close(value, scaled.module.state_dict()[name], rtol=0, atol=1e-6)
