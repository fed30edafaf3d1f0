import pytest
import torch

from gancompress.errors import RecipeError
from gancompress.generators.distylegan import DiStyleGANDiscriminator, DiStyleGANGenerator


@pytest.mark.parametrize(("resolution", "blocks"), [(8, 1), (16, 2), (32, 3), (64, 4)])
def test_each_doubling_of_the_resolution_is_one_block(resolution: int, blocks: int) -> None:
    module = DiStyleGANGenerator(z_dim=4, width=16, resolution=resolution)
    assert sum(name.startswith("upsample") for name, _ in module.named_children()) == blocks


def test_unconditional_form_needs_no_class() -> None:
    generator = DiStyleGANGenerator(z_dim=4, width=16, classes=0, resolution=8).eval()
    discriminator = DiStyleGANDiscriminator(width=4, classes=0, resolution=8)
    image = generator(torch.randn(1, 4))
    assert list(generator.inputs) == ["z"]
    assert discriminator(image)[0].shape == (1, 1)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"resolution": 24}, "resolution 24: must be a power of two, 8 or more"),
        ({"resolution": 4}, "resolution 4"),
        ({"width": 20}, "width 20: must be a multiple of 8"),
    ],
)
def test_wrong_arguments_are_refused(kwargs: dict[str, int], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        DiStyleGANGenerator(**kwargs)
