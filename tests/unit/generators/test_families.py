"""What holds for every family: finite, batch-agnostic, in range, trainable, copyable."""

import copy
import inspect
import re

import pytest
import torch
from torch import Tensor, nn

from gancompress.batch import Batch, example_inputs, rows
from gancompress.generators.build import BUILT_IN, build
from tests.unit.generators.families import DISCRIMINATORS, GENERATORS

# Their last layer is linear.
_UNBOUNDED = ("stylegan2", "stylegan3", "srresnet", "rrdb", "srvgg", "stargan_v2", "diffusers")


def _generator(name: str) -> tuple[nn.Module, Batch]:
    torch.manual_seed(0)
    factory, kwargs = GENERATORS[name]
    module = build(factory, **kwargs)
    return module, example_inputs(module.inputs, n=3)


def _discriminator(name: str) -> tuple[nn.Module, dict[str, Tensor]]:
    torch.manual_seed(0)
    factory, kwargs, shapes = DISCRIMINATORS[name]
    return build(factory, **kwargs), {k: torch.randn(4, *shape) for k, shape in shapes.items()}


def in_float64(batch: Batch) -> Batch:
    """Numbers of classes stay whole."""
    return {k: v.double() if v.is_floating_point() else v for k, v in batch.items()}


def test_every_built_in_network_is_tested_here() -> None:
    tested = {factory for factory, *_ in (*GENERATORS.values(), *DISCRIMINATORS.values())}
    # It needs a network to look through, see test_projected.py.
    assert tested == set(BUILT_IN) - {"projected_discriminator"}


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_is_finite_in_float64(name: str) -> None:
    module, batch = _generator(name)
    output = module.double().eval()(**in_float64(batch))
    assert output.dtype == torch.float64
    assert output.isfinite().all()
    assert output.std() > 0


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_makes_one_image_for_each_sample(name: str) -> None:
    module, batch = _generator(name)
    output = module(**batch)
    assert output.ndim == (3 if name.startswith("hifigan") else 4)  # a wave
    assert output.shape[0] == 3
    if not name.startswith(_UNBOUNDED):
        assert output.abs().max() <= 1


@pytest.mark.parametrize("name", GENERATORS)
def test_a_sample_does_not_depend_on_the_others(name: str) -> None:
    module, batch = _generator(name)
    module.eval().double()
    batch = in_float64(batch)
    with torch.no_grad():
        together, alone = module(**batch)[1:2], module(**rows(batch, slice(1, 2)))
    assert torch.allclose(together, alone, atol=1e-10)


@pytest.mark.parametrize("name", GENERATORS)
def test_inputs_are_named_as_forward_takes_them(name: str) -> None:
    module, batch = _generator(name)
    inspect.signature(module.forward).bind(**batch)


@pytest.mark.parametrize("name", GENERATORS)
def test_gradients_reach_every_parameter_of_a_generator(name: str) -> None:
    module, batch = _generator(name)
    module(**batch).square().sum().backward()
    # MUNIT's style encoder rests while a style is given, FastGAN's noises while there is none.
    without = {n for n, p in module.named_parameters() if p.grad is None}
    resting = r"enc_style.*|feat_(8|32|128|512)\.[26]\.weight"
    assert all(re.fullmatch(resting, parameter) for parameter in without)


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_can_be_copied_after_a_training_step(name: str) -> None:
    module, batch = _generator(name)
    module(**batch).sum().backward()
    copied = copy.deepcopy(module).eval()
    assert torch.equal(copied(**batch), module.eval()(**batch))


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminator_gives_logits_and_maps_from_shallow_to_deep(name: str) -> None:
    module, batch = _discriminator(name)
    logits, features = module(**batch)
    assert logits.shape[0] == 4
    assert len(features) >= 2
    scales = getattr(module, "discriminators", [module])
    per_scale = len(features) // len(scales)
    for first in range(0, len(features), per_scale):
        sides = [feature.shape[-1] for feature in features[first : first + per_scale]]
        assert sides == sorted(sides, reverse=True)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_gradients_reach_every_parameter_of_a_discriminator(name: str) -> None:
    module, batch = _discriminator(name)
    logits, _ = module(**batch)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_gradient_penalty_reaches_the_weights(name: str) -> None:
    module, batch = _discriminator(name)
    module.eval()
    image = batch.pop("image").requires_grad_()
    logits, _ = module(image=image, **batch)
    (gradient,) = torch.autograd.grad(logits.sum(), image, create_graph=True)
    gradient.square().sum().backward()
    norms = [p.grad.norm() for p in module.parameters() if p.grad is not None]
    assert torch.stack(norms).max() > 0


@pytest.mark.parametrize("name", [n for n in DISCRIMINATORS if "c" in DISCRIMINATORS[n][2]])
def test_the_class_changes_the_logits(name: str) -> None:
    module, batch = _discriminator(name)
    module.eval()
    classes = batch["c"].shape[1]
    first, second = (torch.eye(classes)[[i] * 4] for i in (0, 1))
    one, _ = module(image=batch["image"], c=first)
    other, _ = module(image=batch["image"], c=second)
    assert not torch.equal(one, other)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is present")
@pytest.mark.parametrize("name", GENERATORS)
def test_a_gpu_makes_the_same_images(name: str) -> None:
    module, batch = _generator(name)
    module.eval().double()
    batch = {k: v.double() for k, v in batch.items()}
    expected = module(**batch)
    images = module.cuda()(**{k: v.cuda() for k, v in batch.items()})
    assert torch.allclose(images.cpu(), expected, atol=1e-8)
