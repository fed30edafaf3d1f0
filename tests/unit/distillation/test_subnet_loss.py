"""Sampling towards the cost–quality front: better subnets of the same cost, and resumable."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gancompress.distillation.sampling import subnets_of_step
from gancompress.distillation.subnet_loss import FIT_EVERY, SubnetLossModel
from gancompress.supernet import Subnet, Supernet


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    layers = [nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64),
              nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)]  # fmt: skip
    return Supernet(nn.Sequential(*layers), torch.randn(2, 8), divisor=8, minimum=8)


def behind(subnet: Subnet) -> float:
    """What narrow layers cost: the first one twenty times as much as the others."""
    weights = (1.0, 0.05, 0.05, 0.05)
    return float(sum(w * np.log(64 / x) ** 1.5 for w, x in zip(weights, subnet, strict=True)))


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def draw(supernet: Supernet, model: SubnetLossModel | None, step: int) -> Subnet:
    return subnets_of_step(supernet.space, "front", 1, rng(step), loss_model=model)[1]


def trained(
    supernet: Supernet, steps: int, model: SubnetLossModel | None = None, first: int = 0
) -> SubnetLossModel:
    """A model that was fitted to the (noisy) losses of what it drew."""
    model = model or SubnetLossModel(supernet.space, supernet.cost_model)
    for step in range(first, steps):
        subnet = draw(supernet, model, step)
        noise = float(rng(step).normal(0.0, 0.2))
        model.observe(subnet, torch.tensor(behind(subnet) + noise))
    return model


def test_what_is_drawn_is_better_at_the_same_cost(supernet: Supernet) -> None:
    model = trained(supernet, 200)
    costs, losses = {}, {}
    for name, chosen in (("front", model), ("random", None)):
        drawn = [draw(supernet, chosen, 1_000 + step) for step in range(200)]
        costs[name] = np.log([supernet.cost_model.cost(subnet).macs for subnet in drawn])
        losses[name] = np.array([behind(subnet) for subnet in drawn])
    # What is spent on which cost stays as it was.
    assert costs["front"].mean() == pytest.approx(costs["random"].mean(), abs=0.15)
    assert costs["front"].std() == pytest.approx(costs["random"].std(), rel=0.25)
    assert losses["front"].mean() < 0.75 * losses["random"].mean()


def test_nothing_is_preferred_before_enough_was_seen(supernet: Supernet) -> None:
    model = SubnetLossModel(supernet.space, supernet.cost_model)
    first = draw(supernet, model, 0)
    model.observe(first, torch.tensor(1.0))
    assert not model.ready
    assert first == draw(supernet, None, 0)


def test_resumed_between_two_fits_it_goes_on_as_if_it_had_not_stopped(supernet: Supernet) -> None:
    steps = 2 * FIT_EVERY + 5
    whole = trained(supernet, 3 * steps)
    stopped = trained(supernet, steps)
    again = SubnetLossModel(supernet.space, supernet.cost_model)
    again.load_state_dict(stopped.state_dict())
    resumed = trained(supernet, 3 * steps, again, steps)
    expected, found = whole.state_dict(), resumed.state_dict()
    assert torch.equal(expected["by_width"]["left"], found["by_width"]["left"])
    assert torch.equal(expected["by_cost"]["right"], found["by_cost"]["right"])
    assert draw(supernet, whole, 9_999) == draw(supernet, resumed, 9_999)


def test_a_loss_that_is_not_finite_is_left_out(supernet: Supernet) -> None:
    model = trained(supernet, 64)
    poisoned: list[Tensor] = [torch.tensor(float("nan"))] * FIT_EVERY
    for loss in poisoned:
        model.observe(supernet.space.smallest, loss)
    assert np.isfinite(model.relative_loss([supernet.space.smallest])).all()
