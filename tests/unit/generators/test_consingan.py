import copy

import pytest
import torch

from gancompress.batch import example_inputs
from gancompress.errors import DataError, RecipeError
from gancompress.generators.consingan import Borders, ConSinGANGenerator


@pytest.mark.parametrize("borders", ["noise", "zero"])
def test_noise_of_any_size_makes_an_image_of_that_size(borders: Borders) -> None:
    module = ConSinGANGenerator([(10, 12), (14, 18)], width=4, borders=borders)
    shapes = module.noise_shapes([(10, 30), (13, 41)])
    noise = {name: torch.randn(1, *shape) for name, shape in shapes.items()}
    assert module(**noise).shape == (1, 3, 13, 41)


def test_a_new_stage_starts_as_a_copy_of_the_last() -> None:
    module = ConSinGANGenerator([(10, 12), (14, 18)], width=4)
    module.grow((20, 26), noise_amp=0.1)
    last, before = module.body[2].state_dict(), module.body[1].state_dict()
    assert all(torch.equal(last[name], before[name]) for name in before)
    assert module.noise_amp.tolist() == pytest.approx([1.0, 1.0, 0.1])
    assert module(**example_inputs(module.inputs, n=1)).shape == (1, 3, 20, 26)


def test_growing_leaves_the_earlier_stages_alone() -> None:
    module = ConSinGANGenerator([(10, 12)], width=4)
    before = copy.deepcopy(module.body[0].state_dict())
    module.grow((14, 18))
    after = module.body[0].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_noise_of_amplitude_zero_changes_nothing() -> None:
    module = ConSinGANGenerator([(10, 12), (14, 18)], width=4)
    module.noise_amp[1] = 0.0
    noise = example_inputs(module.inputs, n=1)
    other = {**noise, "noise_1": torch.randn_like(noise["noise_1"])}
    assert torch.equal(module(**noise), module(**other))


def test_a_missing_noise_map_is_named() -> None:
    module = ConSinGANGenerator([(10, 12), (14, 18)], width=4)
    with pytest.raises(DataError, match="2 stages need the inputs noise_1"):
        module(noise_0=torch.randn(1, 3, 10, 12))


def test_a_pyramid_without_sizes_is_refused() -> None:
    with pytest.raises(RecipeError, match="height and width of each stage"):
        ConSinGANGenerator([])


@pytest.mark.parametrize("borders", ["noise", "zero"])
def test_resizing_by_products_changes_nothing(borders: Borders) -> None:
    torch.manual_seed(0)
    module = ConSinGANGenerator([(10, 12), (14, 18), (20, 31)], width=4, borders=borders)
    noise = example_inputs(module.inputs, n=2)
    images, gradients = [], []
    for module.by_products in (False, True):
        module.zero_grad()
        images.append(module(**noise))
        images[-1].square().mean().backward()
        gradients.append(module.head.conv.weight.grad.clone())  # type: ignore[union-attr,operator]
    torch.testing.assert_close(images[1], images[0], rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-9)


def test_stages_grow_with_the_picture_asked_for() -> None:
    module = ConSinGANGenerator([(10, 12), (14, 18)], width=4)
    assert module.inputs_for((14, 18)) == module.inputs
    shapes = {name: entry.shape for name, entry in module.inputs_for((28, 27)).items()}
    assert shapes == {"noise_0": (3, 20, 18), "noise_1": (4, 34, 33)}
    with pytest.raises(DataError, match="too small"):
        module.inputs_for((0, 18))
