import numpy as np
import pytest
import torch
from torch import nn

from gancompress.architecture_search.latency_predictor import (
    fit_latency,
    subnets_to_time,
    time_subnets,
)
from gancompress.errors import MetricError
from gancompress.supernet.space import Subnet
from gancompress.supernet.supernet import Supernet


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1)]
    for stride in (1, 2, 1, 2):
        layers += [nn.ReLU(), nn.Conv2d(64, 64, 3, stride=stride, padding=1)]
    return Supernet(nn.Sequential(*layers, nn.Conv2d(64, 3, 1)), torch.zeros(2, 3, 16, 16))


def seconds(supernet: Supernet, subnets: list) -> np.ndarray:
    """A runtime with a fixed cost, layers of unequal speed, and a price on every channel."""
    macs = supernet.cost_model.layer_macs(np.array(subnets))
    speeds = np.linspace(1, 4, macs.shape[1])
    return 1e-4 + macs @ speeds * 1e-11 + np.array(subnets) @ np.linspace(1, 2, 5) * 1e-6


def test_layers_of_unequal_speed_are_told_apart_within_some_percent(supernet):
    timed = subnets_to_time(supernet.space, supernet.cost_model, 40, 0)
    noise = np.random.default_rng(0).normal(1, 0.02, len(timed))
    measured = dict(zip(timed, seconds(supernet, timed) * noise, strict=True))
    predictor = fit_latency(supernet.cost_model, measured)
    rng = np.random.default_rng(1)
    others = [supernet.space.sample(rng) for _ in range(200)]
    truth = seconds(supernet, others)
    errors = np.abs(predictor(np.array(others)) / truth - 1)
    assert np.median(errors) < 0.04
    assert predictor.median_error == pytest.approx(np.median(errors), abs=0.03)
    assert predictor.worst_error < 0.3
    macs = supernet.cost_model.costs(np.array(others))["macs"]
    assert np.median(errors) < np.median(np.abs(macs / macs.sum() * truth.sum() / truth - 1)) / 3


def test_the_ends_of_the_cost_range_are_timed(supernet):
    timed = subnets_to_time(supernet.space, supernet.cost_model, 20, 0)
    assert {supernet.space.smallest, supernet.space.largest} <= set(timed)
    assert len(set(timed)) == len(timed) <= 20


def test_predictions_stay_positive(supernet):
    timed = subnets_to_time(supernet.space, supernet.cost_model, 12, 0)
    rng = np.random.default_rng(0)
    predictor = fit_latency(supernet.cost_model, {s: rng.uniform(0.1, 1) for s in timed})
    rows = np.array([supernet.space.sample(rng) for _ in range(500)])
    assert (predictor(rows) >= 0.05).all()


@pytest.mark.parametrize("times", [{}, {Subnet((8,)): 1.0}, {Subnet((i,)): 0.0 for i in range(9)}])
def test_too_few_or_impossible_times_are_refused(supernet, times):
    with pytest.raises(MetricError, match="latency"):
        fit_latency(supernet.cost_model, times)


def test_layer_macs_add_up_to_the_cost(supernet):
    rng = np.random.default_rng(0)
    rows = np.array([supernet.space.sample(rng) for _ in range(20)])
    model = supernet.cost_model
    assert (model.layer_macs(rows).sum(axis=1) == model.costs(rows)["macs"]).all()
    one = [layer.macs for layer in model.layers(rows[3])]
    assert model.layer_macs(rows[3:4])[0].tolist() == one


def test_a_disturbance_of_one_round_does_not_count():
    subnets = [Subnet((i,)) for i in (1, 2, 3)]
    calls: list = []

    def time_one(subnet):
        calls.append(subnet)
        return 100.0 if len(calls) == 2 else float(subnet[0])

    assert time_subnets(subnets, time_one) == {subnet: subnet[0] for subnet in subnets}
    assert calls == [*subnets, *reversed(subnets)]


def test_so_many_subnets_as_groups_and_one_tell_every_width_apart(supernet):
    groups = len(supernet.space.groups)
    timed = np.array(subnets_to_time(supernet.space, supernet.cost_model, groups + 3, 0))
    known = np.hstack([np.ones((len(timed), 1)), timed / supernet.space.largest])
    assert np.linalg.svd(known, compute_uv=False).min() > 0.2


def test_a_space_of_few_subnets_is_timed_as_a_whole():
    small = Supernet(nn.Sequential(nn.Linear(4, 24), nn.Linear(24, 4)), torch.zeros(2, 4))
    timed = subnets_to_time(small.space, small.cost_model, 16, 0)
    assert sorted(timed) == [(8,), (16,), (24,)]
