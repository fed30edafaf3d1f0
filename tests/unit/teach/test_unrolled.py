"""Looking ahead equals really updating, and the gradient goes through the updates."""

import copy
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from gancompress.teach.unrolled import look_ahead
from gancompress.training.optimise import adam


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)).double()


def loss_of(module: nn.Module, fake: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    logits: Tensor = functional_call(module, dict(parameters), (fake,))
    return nn.functional.softplus(logits).mean()


@pytest.mark.parametrize("taken", [0, 3])
def test_parameters_ahead_are_those_that_adam_reaches(taken: int) -> None:
    module, fake = network(), torch.randn(5, 2, dtype=torch.float64)
    optimizer = adam(module.parameters(), 0.01, (0.5, 0.99))

    def update(module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        loss_of(module, fake, dict(module.named_parameters())).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    for _ in range(taken):
        update(module, optimizer)
    before = copy.deepcopy(module.state_dict())
    ahead = look_ahead(module, optimizer, lambda p: loss_of(module, fake, p), 4)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    for _ in range(4):
        update(module, optimizer)
    for name, value in module.named_parameters():
        torch.testing.assert_close(ahead[name], value, rtol=0, atol=1e-9)


def test_gradient_is_that_of_the_discriminator_k_updates_later() -> None:
    module = network()
    optimizer = adam(module.parameters(), 0.05, (0.5, 0.99))

    def fooled(fake: Tensor) -> Tensor:
        ahead = look_ahead(module, optimizer, lambda p: loss_of(module, fake, p), 2)
        logits: Tensor = functional_call(module, ahead, (fake,))
        return logits.sum()

    fake = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(fooled, fake)
