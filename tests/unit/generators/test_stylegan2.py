import pytest
import torch

from gancompress.errors import RecipeError
from gancompress.generators.stylegan2 import NoiseMode, StyleGAN2Generator
from tests.rounding import assert_same_but_for_rounding


def _small(**kwargs: object) -> StyleGAN2Generator:
    torch.manual_seed(0)
    module = StyleGAN2Generator(8, 3, 8, resolution=16, channel_max=6, **kwargs).eval()
    for name, parameter in module.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(0.3)
    return module


Z, C = torch.randn(2, 8), torch.eye(3)[:2]


@pytest.mark.parametrize("mode", ["const", "none"])
def test_stored_noise_and_no_noise_are_deterministic(mode: NoiseMode) -> None:
    module = _small(noise_mode=mode)
    assert torch.equal(module(Z, C), module(Z, C))


def test_random_noise_follows_the_seed() -> None:
    module = _small(noise_mode="random")
    images = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        images.append(module(Z, C))
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_the_noise_modes_differ() -> None:
    module = _small()
    const = module(Z, C)
    module.noise_mode = "none"
    assert not torch.equal(const, module(Z, C))


def test_truncation_to_zero_gives_the_mean_image() -> None:
    module = _small(truncation_psi=0.0)
    module.mapping.w_avg.normal_()
    ws = module.mapping.w_avg.expand(1, module.synthesis.num_ws, -1)
    mean = module.synthesis(ws)
    assert_same_but_for_rounding(module(Z, C), mean.expand(2, -1, -1, -1))


def test_truncation_moves_w_towards_its_mean() -> None:
    module = _small()
    module.mapping.w_avg.normal_()
    full, half = module.mapping(Z, C), module.mapping(Z, C, truncation_psi=0.5)
    assert torch.allclose(half, (full + module.mapping.w_avg) / 2, atol=1e-6)


def test_training_follows_the_mean_of_w() -> None:
    module = _small().train()
    w = module.mapping(Z, C)
    assert torch.allclose(module.mapping.w_avg, 0.005 * w.mean(dim=0), atol=1e-7)


def test_each_layer_takes_its_own_w() -> None:
    module = _small(noise_mode="none")
    ws = torch.randn(1, module.synthesis.num_ws, 8)
    image = module.synthesis(ws)
    for layer in range(module.synthesis.num_ws):
        changed = ws.clone()
        changed[:, layer] += 1
        assert not torch.equal(module.synthesis(changed), image)


def test_activations_are_clamped() -> None:
    module = _small(conv_clamp=0.1)
    image = module(Z, C)
    # Three image layers of at most ± 0.1, enlarged by a filter that averages.
    assert image.abs().max() <= 0.3 + 1e-6


@pytest.mark.parametrize("resolution", [4, 24])
def test_a_resolution_that_is_no_power_of_two_is_refused(resolution: int) -> None:
    with pytest.raises(RecipeError, match=f"resolution {resolution}"):
        StyleGAN2Generator(resolution=resolution)
