"""The peak of what is alive, against tensors counted by hand and against the formula."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gancompress.batch import example_inputs
from gancompress.errors import MetricError
from gancompress.generators.build import build
from gancompress.metrics.activations import peak_activations
from gancompress.supernet import Supernet


class Skipping(nn.Module):
    """Ends with a sum with its own input."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Linear(4, 40), nn.Linear(40, 4)
        self.relu = nn.ReLU(inplace=in_place)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(self.relu(self.wide(x)))


def test_what_is_needed_again_stays_meanwhile() -> None:
    # The input, what the wide layer gives and its ReLU: 4 + 40 + 40 floats.
    assert peak_activations(Skipping(in_place=False), {"x": torch.zeros(1, 4)}) == 4 * 84


def test_an_operator_in_place_takes_no_memory() -> None:
    # The input, the wide layer, the narrow one.
    assert peak_activations(Skipping(in_place=True), {"x": torch.zeros(1, 4)}) == 4 * 48


class Early(nn.Module):
    """Returns what it computed first beside what it computed last."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.then, self.last = nn.Linear(2, 30), nn.Linear(2, 50), nn.Linear(50, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.first(x), self.last(self.then(x))


def test_what_is_returned_stays_to_the_end() -> None:
    inputs = {"x": torch.zeros(1, 2)}
    # The early result, the wide layer, and the input (2) or the last result (2).
    assert peak_activations(Early(), inputs) == 4 * 82
    assert Supernet(Early(), torch.zeros(2, 2)).cost_model.cost((50,)).activation_bytes == 4 * 82


NETWORKS = {
    "resnet": {"width": 16, "blocks": 1, "resolution": 32},
    "unet": {"width": 8, "downs": 5, "resolution": 32},
    "distylegan": {"width": 32, "resolution": 16},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_formula_gives_the_peak_of_extracted_subnets(name: str) -> None:
    module = build(name, **NETWORKS[name]).eval()
    supernet, rng = Supernet(module, example_inputs(module.inputs, 2)), np.random.default_rng(0)
    sample = example_inputs(module.inputs, 1)
    for subnet in (supernet.space.largest, supernet.space.sample(rng), supernet.space.smallest):
        counted = peak_activations(supernet.extract(subnet), sample)
        formula = supernet.cost_model.cost(subnet).activation_bytes
        # Batch norms return statistics of nothing, which the formula leaves out.
        assert formula == pytest.approx(counted, rel=5e-3)


class Looking(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1 if float(x.sum()) > 0 else x


def test_a_module_that_looks_at_values_is_refused() -> None:
    with pytest.raises(MetricError, match="Looking: its memory cannot be counted"):
        peak_activations(Looking(), {"x": torch.zeros(1, 2)})
