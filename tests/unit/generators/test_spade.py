import pytest
import torch
from torch import nn

from gancompress.errors import RecipeError
from gancompress.generators.spade import SPADE, Form, SPADEGenerator

FORM = Form(3, "batch", 3, separable=False, separable_norm="instance")


def test_without_labels_it_is_a_batch_norm() -> None:
    spade = SPADE(channels=4, hidden=5, form=FORM)
    for conv in (spade.mlp_gamma, spade.mlp_beta):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
    x = torch.randn(2, 4, 6, 6)
    expected = nn.functional.batch_norm(x, None, None, training=True)
    assert torch.allclose(spade(x, torch.randn(2, 3, 6, 6)), expected, atol=1e-6)


def test_labels_set_scale_and_shift_of_each_pixel() -> None:
    spade = SPADE(channels=4, hidden=5, form=FORM)
    x, labels = torch.randn(2, 4, 6, 6), torch.randn(2, 3, 12, 12)
    small = labels[:, :, ::2, ::2]
    hidden = spade.mlp_shared(small)
    plain = nn.functional.batch_norm(x, None, None, training=True)
    expected = plain * (1 + spade.mlp_gamma(hidden)) + spade.mlp_beta(hidden)
    assert torch.allclose(spade(x, labels), expected, atol=1e-6)


@pytest.mark.parametrize(("upsampling", "start"), [("normal", 4), ("more", 2), ("most", 1)])
def test_up_sampling_sets_the_first_map(upsampling: str, start: int) -> None:
    module = SPADEGenerator(3, width=2, hidden=4, upsampling=upsampling, size=(128, 128))
    assert module.start == (start, start)
    assert module.eval()(torch.randn(1, 3, 128, 128)).shape == (1, 3, 128, 128)


def test_each_slot_sets_one_block_and_its_hidden_channels() -> None:
    widths = [2, 3, 4, 5, 6, 7, 8, 9]
    module = SPADEGenerator(3, widths=widths, separable=True, size=(128, 256))
    assert module.fc.out_channels == 16 * 2
    inner = [module.get_submodule(f"{name}.conv_0").out_channels for name in module.order]
    assert inner == [16 * 3, 16 * 4, 16 * 5, 8 * 6, 4 * 7, 2 * 8, 9]
    hidden = [module.get_submodule(f"{n}.norm_0.mlp_shared.0").out_channels for n in module.order]
    assert hidden == [2 * width for width in widths[1:]]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"size": (100, 64)}, "multiples of 64"),
        ({"widths": [1, 2]}, "must be eight numbers"),
        ({"separable": True, "size": (64, 64)}, "make a side 128"),
    ],
)
def test_wrong_arguments_are_refused(kwargs: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        SPADEGenerator(3, **kwargs)
