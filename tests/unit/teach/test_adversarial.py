"""Teaching a generator against a discriminator."""

from pathlib import Path

import pytest
import torch

from gancompress.batch import draw_inputs
from gancompress.data.images import images_from_tensor
from gancompress.generators.dcgan import DCGANDiscriminator, DCGANGenerator
from gancompress.teach.adversarial import teach_adversarial
from gancompress.training.losses import ADVERSARIAL
from gancompress.training.optimise import make_accelerator


@pytest.mark.parametrize("loss", sorted(ADVERSARIAL))
def test_every_loss_teaches_which_class_is_bright(tmp_path: Path, loss: str) -> None:
    # Class 0 is dark, class 1 is bright: learned only if real images and classes get through.
    torch.manual_seed(0)
    labels = torch.arange(64) % 2
    pixels = (60 + 140 * labels)[:, None, None, None].expand(64, 1, 8, 8)
    pixels = (pixels + torch.randint(-20, 20, (64, 1, 8, 8))).to(torch.uint8)
    images = images_from_tensor(pixels, labels=labels, classes=("dark", "bright"))
    generator = DCGANGenerator(z_dim=4, classes=2, width=8, resolution=8, channels=1)
    discriminator = DCGANDiscriminator(
        classes=2, width=8, resolution=8, channels=1, dropout=0, norm=False, published_init=False
    )
    taught = teach_adversarial(
        generator,
        discriminator,
        images,
        generator.inputs,
        accelerator=make_accelerator("cpu", "no"),
        steps=150,
        batch_size=16,
        loss=loss,  # type: ignore[arg-type]
        r1=10.0 if loss == "wasserstein" else 0.1,
        r1_every=2,
        learning_rate=3e-3,
        discriminator_learning_rate=3e-3,
        betas=(0.0, 0.99),
        ema=0.9,
        augment=False,
        seed=0,
        checkpoint=tmp_path / "c.pt",
        checkpoint_seconds=1000,
        log=lambda event: None,
        log_every=50,
    )
    batch = draw_inputs(generator.inputs, range(40), seed=5)
    with torch.no_grad():
        brightness = taught(**batch).mean((1, 2, 3))
    dark, bright = brightness[0::2].mean(), brightness[1::2].mean()
    # Really -0.53 and 0.57.
    assert bright - dark > 0.5
    assert abs(float(dark) + 0.53) < 0.5
    assert abs(float(bright) - 0.57) < 0.5
