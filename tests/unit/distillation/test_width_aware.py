"""A discriminator that is told the widths of the subnet it judges."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gancompress.distillation.batch import ConditionedImages, with_widths
from gancompress.distillation.width_aware import WidthAware
from gancompress.errors import RecipeError
from gancompress.generators.build import build
from gancompress.supernet import SearchSpace, Subnet
from tests.unit.distillation.small import Discriminator, against, run

SPACE = SearchSpace(("a", "b"), ((8, 16), (4, 8)), ((), ()))


def test_each_sample_is_told_the_relative_widths_of_its_subnet() -> None:
    images = ConditionedImages(torch.zeros(5, 3, 8, 8), {"c": torch.ones(5, 2)})
    cuts = [slice(0, None, 2), slice(1, None, 2)]
    found = with_widths(images, SPACE, [Subnet((16, 8)), Subnet((8, 8))], cuts)
    assert found.conditions["widths"].tolist() == [[1, 1], [0.5, 1], [1, 1], [0.5, 1], [1, 1]]
    assert "c" in found.conditions
    assert "widths" not in images.conditions


@pytest.mark.parametrize(
    ("name", "size", "kwargs"),
    [
        ("distylegan_discriminator", 32, {"width": 8}),
        ("patchgan", 32, {"in_channels": 3, "width": 8}),
        ("multiscale_patchgan", 64, {"in_channels": 3, "width": 8}),
    ],
)
def test_it_judges_as_before_until_it_learns_what_widths_mean(
    name: str, size: int, kwargs: dict[str, int]
) -> None:
    torch.manual_seed(0)
    conditions = {"c": torch.eye(10)[:2]} if name == "distylegan_discriminator" else {}
    network = build(name, **kwargs).eval()
    images = torch.randn(2, 3, size, size)
    aware = WidthAware(network, 2, (images, conditions)).eval()
    narrow, wide = torch.full((2, 2), 0.25), torch.ones(2, 2)
    expected, _ = network(images, **conditions)
    torch.testing.assert_close(aware(images, widths=narrow, **conditions)[0], expected)
    nn.init.ones_(aware.project.weight)
    logits = [aware(images, widths=widths, **conditions)[0] for widths in (narrow, wide)]
    assert not torch.allclose(*logits)


def test_a_discriminator_without_maps_is_refused() -> None:
    class Blind(nn.Module):
        def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
            return image.mean((1, 2, 3)), []

    with pytest.raises(RecipeError, match=r"distill\.discriminator\.widths: needs"):
        WidthAware(Blind(), 2, (torch.zeros(1, 3, 8, 8), {}))


def test_it_learns_widths_in_a_distillation(tmp_path: Path) -> None:
    events: list[Any] = []
    terms = {"l1": 1.0, "adversarial": 0.1, "adversarial_real": 0.1}
    run(
        tmp_path, terms, networks=against(), events=events, steps=4, widths=True, r1=1.0,
        gradient_penalty=1.0, relativistic=True,
    )  # fmt: skip
    state = torch.load(tmp_path / "distill.pt", weights_only=True)["state"]["discriminator"]
    assert bool(state["project.weight"].any())
    assert {f"network.{name}" for name in Discriminator().state_dict()} < set(state)
