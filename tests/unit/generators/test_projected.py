"""A discriminator on the maps of a fixed network."""

import torch

from gancompress.generators.projected import ProjectedDiscriminator

NETWORK = "tests.unit.distillation.test_features:extractor"


def built(classes: int = 0) -> ProjectedDiscriminator:
    torch.manual_seed(0)
    return ProjectedDiscriminator(NETWORK, classes=classes, mixed=8, width=8)


def test_every_scale_gives_sixteen_logits() -> None:
    discriminator = built()
    logits, maps = discriminator(torch.rand(2, 3, 16, 16) * 2 - 1)
    assert logits.shape == (2, 16 * len(maps))
    assert {level.shape[1] for level in maps} == {8}


def test_network_and_mixing_do_not_learn_and_the_image_gets_gradients() -> None:
    discriminator = built().train()
    image = torch.rand(2, 3, 16, 16, requires_grad=True)
    discriminator(image)[0].sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    learning = {n.partition(".")[0] for n, p in discriminator.named_parameters() if p.requires_grad}
    assert learning == {"heads", "logits"}
    assert not any(module.training for module in discriminator.fixed.modules())


def test_the_class_is_heard() -> None:
    discriminator, image = built(classes=2).eval(), torch.rand(2, 3, 16, 16)
    first, second = (
        discriminator(image, torch.eye(2)[[number] * 2])[0].detach() for number in (0, 1)
    )
    assert not torch.allclose(first, second)
