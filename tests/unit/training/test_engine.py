"""The training loop: exact resume, rollback, interruption."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gancompress.errors import DivergenceError, RunError
from gancompress.training.engine import TrainingLogger, fit


class Task:
    """A small network that learns from random batches."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.network.parameters(), 1e-2)
        self.state = {"network": self.network, "optimizer": self.optimizer}
        self.events: list[Mapping[str, Any]] = []

    def update(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        x = torch.from_numpy(rng.standard_normal((6, 4))).float() + torch.randn(6, 4)
        loss = (self.network(x) - x.sum(1, keepdim=True)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.detach()}

    def fit(
        self, checkpoint: Path, steps: int = 20, update: Any = None, keep_every: int = 0
    ) -> None:
        logger = TrainingLogger(checkpoint, 0, self.events.append, 2, keep_every=keep_every)
        fit(update or self.update, self.state, logger, steps=steps, seed=3)


def weights(task: Task) -> list[Tensor]:
    return [p.detach().clone() for p in task.network.parameters()]


@pytest.mark.parametrize("killed_at", [1, 7, 12])
def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path, killed_at: int) -> None:
    whole = Task()
    whole.fit(tmp_path / "whole.pt")

    class Killed(BaseException):
        pass

    first = Task()

    def dies(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        if step == killed_at:
            raise Killed
        return first.update(step, rng)

    with pytest.raises(Killed):
        first.fit(tmp_path / "parts.pt", update=dies)
    second = Task()
    second.fit(tmp_path / "parts.pt")
    for a, b in zip(weights(whole), weights(second), strict=True):
        assert torch.equal(a, b)


def test_a_loss_that_is_not_finite_goes_back_to_the_last_checkpoint(tmp_path: Path) -> None:
    task, poisoned = Task(), []

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        losses = task.update(step, rng)
        if step == 9 and not poisoned:
            poisoned.append(step)
            for p in task.network.parameters():
                p.data.fill_(float("nan"))
            return {"loss": torch.tensor(float("nan"))}
        return losses

    task.fit(tmp_path / "c.pt", update=update)
    assert [e["event"] for e in task.events if "event" in e] == ["loss not finite; back to step 8"]
    assert all(torch.isfinite(w).all() for w in weights(task))


def test_a_loss_that_stays_broken_ends_the_training_and_is_named(tmp_path: Path) -> None:
    task = Task()

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        return {"good": torch.tensor(1.0), "style": torch.tensor(float("inf"))}

    with pytest.raises(DivergenceError, match="style not finite"):
        task.fit(tmp_path / "c.pt", update=update)


def test_a_damaged_checkpoint_is_moved_aside_and_the_next_call_starts_afresh(
    tmp_path: Path,
) -> None:
    path = tmp_path / "c.pt"
    Task().fit(path, steps=4)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunError, match=r"moved to c\.pt\.damaged"):
        Task().fit(path)
    Task().fit(path)
    assert path.is_file()


def test_a_signal_stops_after_the_step_with_a_checkpoint(tmp_path: Path) -> None:
    task = Task()

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        if step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return task.update(step, rng)

    with pytest.raises(KeyboardInterrupt):
        task.fit(tmp_path / "c.pt", update=update)
    progress = torch.load(tmp_path / "c.pt", weights_only=True)["progress"]
    assert progress["step"] == 6


def test_means_of_the_losses_are_logged_at_every_so_many_steps(tmp_path: Path) -> None:
    task = Task()

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        return {"loss": torch.tensor(float(step))}

    task.fit(tmp_path / "c.pt", steps=5, update=update)
    assert task.events == [
        {"step": 2, "loss": 0.5},
        {"step": 4, "loss": 2.5},
        {"step": 5, "loss": 4.0},
    ]


def test_a_training_that_ended_early_stays_ended(tmp_path: Path) -> None:
    task, again = Task(), Task()
    steps: list[int] = []

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        steps.append(step)
        return task.update(step, rng)

    logger = TrainingLogger(tmp_path / "early.pt", 0, task.events.append, 4)
    keys: dict[str, Any] = {"steps": 20, "seed": 3, "after": lambda done: done == 7}
    fit(update, task.state, logger, **keys)
    assert steps == list(range(7))
    assert task.events[-1]["step"] == 7
    fit(update, again.state, logger, **keys)
    assert len(steps) == 7
    for a, b in zip(weights(task), weights(again), strict=True):
        assert torch.equal(a, b)


def test_kept_checkpoints_stay_and_can_be_gone_on_from(tmp_path: Path) -> None:
    whole = Task()
    whole.fit(tmp_path / "whole.pt", keep_every=8)
    assert sorted(file.name for file in tmp_path.glob("whole-*.pt")) == [
        "whole-16.pt",
        "whole-8.pt",
    ]
    (tmp_path / "again.pt").write_bytes((tmp_path / "whole-8.pt").read_bytes())
    again = Task()
    again.fit(tmp_path / "again.pt")
    for a, b in zip(weights(whole), weights(again), strict=True):
        assert torch.equal(a, b)
