"""Solving with less memory than the maps of all batches take."""

import pytest
import torch
from torch import Tensor

from gancompress.reconstruction import reconstruct
from gancompress.reconstruction.parking import Lot, Parking
from gancompress.supernet import Supernet
from tests.unit.reconstruction.test_reconstruct import Transposed, residual
from tests.zoo.modulated import StyleGenerator


def stylegan() -> tuple[Supernet, list[dict[str, Tensor]]]:
    torch.manual_seed(0)
    batches = [{"z": part} for part in torch.randn(24, 64).split(8)]
    return Supernet(StyleGenerator(16, 8).eval(), batches[0], divisor=4), batches


def dcgan() -> tuple[Supernet, list[dict[str, Tensor]]]:
    torch.manual_seed(0)
    batches = [{"z": part} for part in torch.randn(64, 6).split(16)]
    return Supernet(Transposed().eval(), batches[0]), batches


@pytest.mark.parametrize("network", [residual, dcgan, stylegan])
def test_the_weights_do_not_depend_on_the_memory(
    network: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(network)
    supernet, batches = network()
    subnet = supernet.space.uniform(0.5)
    whole = reconstruct(supernet, subnet, batches).state_dict()
    supernet, batches = network()
    held: list[int] = []
    leave = Lot.park

    def park(lot: Lot) -> None:
        leave(lot)
        held.append(lot.size())

    monkeypatch.setattr(Lot, "park", park)
    parted = reconstruct(supernet, subnet, batches, memory=0).state_dict()
    assert all(torch.equal(value, parted[name]) for name, value in whole.items())
    assert held and held.count(0) > len(held) // 2


def test_what_is_parked_comes_back() -> None:
    parking = Parking(0, 2)
    with parking.at_hand(0):
        given = torch.randn(40, 40)
        made = given * 2
        parking.lots[0].note((given,), made)
        parking.lots[0].note((given,), given[1:])
        before = made.clone()
    assert made.untyped_storage().nbytes() == 0 and given.untyped_storage().nbytes() > 0
    with parking.at_hand(0):
        assert torch.equal(made, before)
    parking.close()


def test_what_two_batches_use_stays() -> None:
    parking = Parking(0, 2)
    first, second = parking.lots
    with parking.at_hand(0):
        cached = torch.arange(4000)
        first.note((), cached)
    assert cached.untyped_storage().nbytes() == 0
    with parking.at_hand(1):
        second.meet((cached, 1))
        assert torch.equal(cached, torch.arange(4000))
    with parking.at_hand(0):
        pass
    assert torch.equal(cached, torch.arange(4000))
    parking.close()


def test_batches_that_fit_stay() -> None:
    parking = Parking(15_000, 2)
    made = []
    for number in (0, 1):
        with parking.at_hand(number):
            made.append(torch.randn(3000))
            parking.lots[number].note((), made[-1])
    assert [t.untyped_storage().nbytes() for t in made] == [12_000, 0]
    parking.close()
