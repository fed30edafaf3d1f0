"""Optimiser steps, averages and schedules."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from gancompress.errors import RecipeError
from gancompress.training.optimise import (
    adam,
    best_precision,
    check_device,
    make_accelerator,
    moving_average,
    optimizer_step,
    scheduled,
    update_ema,
)


def everything(layer: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Parameters, moments and step counts, copied."""
    states = [optimizer.state[parameter] for parameter in layer.parameters()]
    inside = [state[name] for state in states for name in ("exp_avg", "exp_avg_sq", "step")]
    return [value.detach().clone() for value in (*layer.parameters(), *inside)]


def learn(
    layer: nn.Module, optimizer: torch.optim.Optimizer, x: list[float], steps: int, scaled: bool
) -> Tensor:
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0) if scaled else None
    loss = layer(torch.tensor([x])).sum()
    (scaler.scale(loss) if scaler else loss).backward()
    return optimizer_step(optimizer, clip=0.5, scaler=scaler, steps=steps)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_costs_a_step_and_changes_nothing(
    scaled: bool, steps: int, poison: float
) -> None:
    poisoned = nn.Linear(2, 1)
    spared = copy.deepcopy(poisoned)
    optimizer, other = (adam(n.parameters(), 0.1, (0.5, 0.9)) for n in (poisoned, spared))
    learn(poisoned, optimizer, [1.0, 2.0], steps, scaled)
    learn(spared, other, [1.0, 2.0], steps, scaled)
    norm = learn(poisoned, optimizer, [1.0, poison], steps, scaled)
    assert float(norm) == 0.0 if scaled else not torch.isfinite(norm)
    assert poisoned.weight.grad is None
    assert all(map(torch.equal, everything(poisoned, optimizer), everything(spared, other)))
    learn(poisoned, optimizer, [2.0, -1.0], steps, scaled)
    learn(spared, other, [2.0, -1.0], steps, scaled)
    found = everything(poisoned, optimizer)
    assert all(map(torch.equal, found, everything(spared, other)))
    assert float(found[-1]) == 2 * steps


def test_a_first_gradient_that_is_not_finite_changes_nothing() -> None:
    layer = nn.Linear(2, 1)
    optimizer = adam(layer.parameters(), 0.1, (0.5, 0.9))
    before = layer.weight.detach().clone()
    layer(torch.tensor([[1.0, math.nan]])).sum().backward()
    optimizer_step(optimizer)
    assert torch.equal(layer.weight, before)
    assert float(optimizer.state[layer.weight]["step"]) == 0


def test_the_gradient_is_clipped_to_its_norm() -> None:
    layer = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), 1.0, fused=True)
    before = layer.weight.detach().clone()
    layer(torch.tensor([[30.0, 40.0]])).sum().backward()
    assert float(optimizer_step(optimizer, clip=0.5)) == pytest.approx(50.0)
    assert float((layer.weight.detach() - before).norm()) == pytest.approx(0.5, rel=1e-4)


def test_the_average_follows_parameters_slowly_and_buffers_at_once() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    average = moving_average(network, 0.9)
    update_ema(average, network)
    start = network[0].weight.detach().clone()
    with torch.no_grad():
        network[0].weight += 1.0
    network(torch.randn(8, 2))
    theirs = copy.deepcopy(average)
    update_ema(average, network)
    theirs.update_parameters(network)
    assert torch.allclose(average.module[0].weight, start + 0.1, atol=1e-6)
    assert torch.equal(average.module[1].running_mean, network[1].running_mean)
    assert int(average.module[1].num_batches_tracked) == 1
    for ours, same in zip(average.state_dict().values(), theirs.state_dict().values(), strict=True):
        assert torch.equal(ours, same)


@pytest.mark.parametrize(
    ("schedule", "halfway"), [("constant", 1.0), ("linear", 0.5), ("cosine", 0.5)]
)
def test_learning_rates_go_down_as_scheduled(schedule: str, halfway: float) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    rate = scheduled(optimizer, schedule, 4)  # type: ignore[arg-type]
    for _ in range(2):
        optimizer.step()
        rate.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(halfway)


def test_a_learning_rate_may_stay_before_it_goes_down() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    rate = scheduled(optimizer, "linear", 8, begin=0.5)
    rates = []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rate.step()
    assert rates == pytest.approx([1, 1, 1, 1, 1, 0.75, 0.5, 0.25])
    assert optimizer.param_groups[0]["lr"] == 0


def test_scaled_gradients_step_as_unscaled_ones_and_overflows_are_passed_over() -> None:
    plain, scaled = nn.Linear(3, 1), nn.Linear(3, 1)
    scaled.load_state_dict(plain.state_dict())
    x = torch.randn(5, 3)
    optimizers = [
        torch.optim.SGD(network.parameters(), 0.1, fused=True) for network in (plain, scaled)
    ]
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    plain(x).square().mean().backward()
    scaler.scale(scaled(x).square().mean()).backward()
    norm = optimizer_step(optimizers[0], clip=0.5)
    assert float(optimizer_step(optimizers[1], clip=0.5, scaler=scaler)) == pytest.approx(
        float(norm)
    )
    scaler.update()
    torch.testing.assert_close(scaled.weight, plain.weight)
    before = scaled.weight.detach().clone()
    scaler.scale(scaled(x * float("inf")).sum()).backward()
    assert float(optimizer_step(optimizers[1], scaler=scaler)) == 0.0
    scaler.update()
    assert torch.equal(scaled.weight, before)
    assert scaler.get_scale() == 512.0


@pytest.mark.parametrize(
    ("device", "precision", "expected"),
    [
        ("gpu", "no", "'gpu' is none of auto, cpu, cuda"),
        ("cpu:1", "no", "'cpu:1' is none of"),
        ("cuda:one", "no", "'cuda:one' is none of"),
        ("cuda", "no", "PyTorch finds none here; write auto or cpu"),
        ("cuda:1", "bf16", "PyTorch finds none here"),
        ("cpu", "fp16", "fp16 needs a GPU; write bf16 or no"),
    ],
)
def test_a_device_that_is_not_there_is_refused(
    device: str, precision: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RecipeError, match=expected):
        make_accelerator(device, precision)


def test_the_second_gpu_is_asked_for_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(RecipeError, match="cuda:1, but there are 1 GPUs"):
        make_accelerator("cuda:1", "no")


def test_the_recipes_device_is_where_training_happens() -> None:
    assert make_accelerator("cpu", "no").device == torch.device("cpu")


@pytest.mark.parametrize(("features", "expected"), [({"avx512_bf16": True}, "bf16"), ({}, "no")])
def test_half_precision_is_taken_where_the_processor_has_it(
    features: dict[str, bool], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features, raising=False)
    check_device("cpu", "auto")
    assert best_precision("cpu") == expected


def test_several_steps_go_along_one_gradient() -> None:
    layer = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1, fused=True)
    before = layer.weight.detach().clone()
    layer(torch.ones(1, 2)).sum().backward()
    optimizer_step(optimizer, steps=3)
    assert torch.allclose(layer.weight.detach(), before - 0.3)
    assert layer.weight.grad is None
