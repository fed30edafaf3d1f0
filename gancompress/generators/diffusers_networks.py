"""Networks that the diffusers package builds from its own ``config.json``, as generators here."""

import math
from typing import Any

from torch import Tensor, nn

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError


class DiffusersDecoder(nn.Module):
    """The decoder of an ``AutoencoderKL``: latents, scaled as diffusion leaves them, to images.

    Args:
        config: of the autoencoder, as its ``config.json`` has it.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__()
        whole = _built("AutoencoderKL", config)
        self.scaling, self.shift = whole.config.scaling_factor, whole.config.shift_factor or 0.0
        self.post_quant_conv, self.decoder = whole.post_quant_conv, whole.decoder
        # Every level of the decoder but the last doubles the size.
        size = math.ceil(_side(whole.config) / 2 ** (len(whole.config.block_out_channels) - 1))
        self.inputs: InputSpec = {"z": Input("normal", (whole.config.latent_channels, size, size))}

    def forward(self, z: Tensor) -> Tensor:
        """(N, latent channels, h, w) to images (N, 3, H, W), about [-1, 1]."""
        h = z / self.scaling + self.shift
        if self.post_quant_conv is not None:
            h = self.post_quant_conv(h)
        return self.decoder(h)  # type: ignore[no-any-return]


class DiffusersUNet(nn.Module):
    """A ``UNet2DModel``: noisy images and steps to what its scheduler is told.

    Args:
        config: of the network, as its ``config.json`` has it.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.unet = _built("UNet2DModel", config)
        told = self.unet.config
        side = _side(told)
        self.inputs: InputSpec = {
            "sample": Input("normal", (told.in_channels, side, side)),
            "timestep": Input("label", (), classes=told.num_train_timesteps or 1000),
        }
        if told.num_class_embeds:
            self.inputs["class_labels"] = Input("label", (), classes=told.num_class_embeds)

    def forward(
        self, sample: Tensor, timestep: Tensor, class_labels: Tensor | None = None
    ) -> Tensor:
        """(N, C, H, W), steps (N,) and classes (N,) to (N, C, H, W), which is no image."""
        given = {} if class_labels is None else {"class_labels": class_labels}
        return self.unet(sample, timestep, return_dict=False, **given)[0]  # type: ignore[no-any-return]


def _side(config: Any) -> int:
    """Of the images that it is meant for; 64 where it does not say."""
    size = config.sample_size or 64
    return int(size if isinstance(size, int) else size[0])


def _built(name: str, config: dict[str, Any]) -> Any:
    try:
        import diffusers
    except ImportError as error:
        raise RecipeError(
            f'{name}: a network of diffusers; pip install "gancompress[diffusers]"'
        ) from error
    try:
        return getattr(diffusers, name)(**config)
    except (AttributeError, AssertionError, KeyError, ZeroDivisionError) as error:
        raise RecipeError(f"{name}: cannot be built from its config.json: {error!r}") from error
