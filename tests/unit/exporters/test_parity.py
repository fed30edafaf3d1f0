import math

import pytest
import torch

from gancompress.batch import Batch
from gancompress.errors import DataError, ParityError
from gancompress.exporters.network import as_network
from gancompress.exporters.parity import check_parity, sample_batches
from tests.unit.exporters.networks import LATENT, Conditional

BATCHES = [{"x": torch.tensor([[0.0], [2.0]])}, {"x": torch.tensor([[4.0]])}]


def identity(batch: Batch) -> torch.Tensor:
    return batch["x"]


def test_equal_networks_agree_exactly():
    parity = check_parity(identity, identity, BATCHES, tolerance=0.0)
    assert (parity.max_abs, parity.max_rel, parity.samples) == (0.0, 0.0, 3)
    assert parity.psnr == math.inf


def test_relative_difference_is_a_share_of_the_range_over_all_batches():
    parity = check_parity(identity, lambda b: b["x"] + 0.1, BATCHES, tolerance=0.03)
    assert parity.max_abs == pytest.approx(0.1, rel=1e-6)
    assert parity.max_rel == pytest.approx(0.1 / 4, rel=1e-6)


def test_one_large_difference_weighs_little_in_the_mean():
    def wrong_in_one_of_three(batch: Batch) -> torch.Tensor:
        return batch["x"] + 0.4 * (batch["x"] == 4)

    parity = check_parity(identity, wrong_in_one_of_three, BATCHES, tolerance=0.2)
    assert parity.max_rel == pytest.approx(0.1)
    assert parity.rms_rel == pytest.approx(0.1 / 3**0.5)
    assert parity.psnr == pytest.approx(20 + 10 * math.log10(3))


def test_too_large_a_difference_is_refused_with_its_size():
    with pytest.raises(ParityError, match=r"copy: differs .* 1\.00e-01 .*2\.50e-02 .* 3 samples"):
        check_parity(identity, lambda b: b["x"] + 0.1, BATCHES, 0.02, subject="copy")


def test_one_wrong_sample_in_one_batch_is_enough():
    def wrong(batch: Batch) -> torch.Tensor:
        return batch["x"] + (batch["x"] == 4).float()

    with pytest.raises(ParityError):
        check_parity(identity, wrong, BATCHES, 0.1)


def test_other_shape_is_refused_although_it_would_broadcast():
    with pytest.raises(ParityError, match=r"shape \(1, 1\), the original \(2, 1\)"):
        check_parity(identity, lambda b: b["x"][:1], BATCHES, 1.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused_on_either_side(value: float):
    def broken(batch: Batch) -> torch.Tensor:
        return batch["x"] * value

    with pytest.raises(ParityError, match="of the candidate are not finite"):
        check_parity(identity, broken, BATCHES[1:], 1.0)
    with pytest.raises(ParityError, match="of the original are not finite"):
        check_parity(broken, broken, BATCHES[1:], 1.0)


def test_candidate_that_refuses_a_batch_does_not_agree():
    def picky(batch: Batch) -> torch.Tensor:
        raise DataError("the program refuses the inputs")

    with pytest.raises(ParityError, match="batch of 2: the program refuses"):
        check_parity(identity, picky, BATCHES, 1.0)


def test_constant_output_is_compared_by_its_magnitude():
    def constant(batch: Batch) -> torch.Tensor:
        return torch.full((len(batch["x"]),), 200.0)

    parity = check_parity(constant, lambda b: constant(b) + 1, BATCHES, 0.01)
    assert parity.max_rel == pytest.approx(1 / 200)


def test_a_network_with_noise_of_its_own_is_named_as_the_cause():
    def noisy(batch: Batch) -> torch.Tensor:
        return torch.rand(len(batch["x"]), 5)

    with pytest.raises(ParityError, match="draws random numbers"):
        check_parity(noisy, noisy, BATCHES, 1e-4)


def test_sample_batches_have_the_sizes_asked_for_and_differ():
    batches = sample_batches(LATENT, (1, 2, 5))
    assert [len(batch["z"]) for batch in batches] == [1, 2, 5]
    assert not torch.equal(batches[0]["z"][0], batches[1]["z"][0])


def test_as_network_runs_without_gradients():
    output = as_network(Conditional().eval())(sample_batches(LATENT, (2,))[0])
    assert output.shape == (2, 1, 8, 8) and not output.requires_grad
