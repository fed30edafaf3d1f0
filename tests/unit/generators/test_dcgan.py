import pytest

from gancompress.errors import RecipeError
from gancompress.generators.dcgan import DCGANDiscriminator, DCGANGenerator


@pytest.mark.parametrize(("resolution", "base"), [(32, 4), (64, 4), (28, 7), (48, 6)])
def test_the_smallest_map_follows_from_the_resolution(resolution: int, base: int) -> None:
    assert DCGANGenerator(width=2, resolution=resolution).base == base


def test_depth_is_the_number_of_up_samplings() -> None:
    module = DCGANGenerator(width=2, depth=2, resolution=32)
    assert (len(module.blocks), module.base) == (2, 8)


def test_first_block_of_the_discriminator_has_no_norm() -> None:
    names = [n for n, _ in DCGANDiscriminator(width=2).named_buffers()]
    assert {name.split(".")[1] for name in names} == {"1", "2"}
    assert not list(DCGANDiscriminator(width=2, norm=False).named_buffers())


@pytest.mark.parametrize("resolution", [5, 31, 6])
def test_a_resolution_that_does_not_halve_is_refused(resolution: int) -> None:
    with pytest.raises(RecipeError, match=f"resolution {resolution}"):
        DCGANGenerator(resolution=resolution)
