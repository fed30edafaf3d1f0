"""How a generator or discriminator is had by name: a built-in one, or anyone's own factory."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from gancompress.errors import RecipeError
from gancompress.resolve import check_arguments, resolve

# Name -> where its factory lives; modules are imported when they are first asked for.
BUILT_IN: dict[str, str] = {
    "animegan": "gancompress.generators.animegan:AnimeGANv2Generator",
    "biggan": "gancompress.generators.biggan:BigGANGenerator",
    "consingan": "gancompress.generators.consingan:ConSinGANGenerator",
    "consingan_discriminator": "gancompress.generators.consingan:ConSinGANDiscriminator",
    "dcgan": "gancompress.generators.dcgan:DCGANGenerator",
    "dcgan_discriminator": "gancompress.generators.dcgan:DCGANDiscriminator",
    "dcgan_transposed": "gancompress.generators.dcgan_transposed:TransposedDCGANGenerator",
    "diffusers_decoder": "gancompress.generators.diffusers_networks:DiffusersDecoder",
    "diffusers_unet": "gancompress.generators.diffusers_networks:DiffusersUNet",
    "distylegan": "gancompress.generators.distylegan:DiStyleGANGenerator",
    "distylegan_discriminator": "gancompress.generators.distylegan:DiStyleGANDiscriminator",
    "fastgan": "gancompress.generators.fastgan:FastGANGenerator",
    "hifigan": "gancompress.generators.hifigan:HiFiGANGenerator",
    "multiscale_patchgan": "gancompress.generators.patchgan:MultiscalePatchGAN",
    "munit": "gancompress.generators.munit:MUNITGenerator",
    "patchgan": "gancompress.generators.patchgan:PatchGAN",
    "pix2pixhd": "gancompress.generators.pix2pixhd:Pix2PixHDGenerator",
    "projected_discriminator": "gancompress.generators.projected:ProjectedDiscriminator",
    "resnet": "gancompress.generators.resnet:ResNetGenerator",
    "rrdb": "gancompress.generators.rrdb:RRDBGenerator",
    "sngan": "gancompress.generators.sngan:SNGANGenerator",
    "spade": "gancompress.generators.spade:SPADEGenerator",
    "srresnet": "gancompress.generators.srresnet:SRResNetGenerator",
    "srvgg": "gancompress.generators.srvgg:SRVGGGenerator",
    "stargan": "gancompress.generators.stargan:StarGANGenerator",
    "stargan_v2": "gancompress.generators.stargan_v2:StarGANv2Generator",
    "stylegan2": "gancompress.generators.stylegan2:StyleGAN2Generator",
    "stylegan2_discriminator": (
        "gancompress.generators.stylegan2_discriminator:StyleGAN2Discriminator"
    ),
    "stylegan3": "gancompress.generators.stylegan3:StyleGAN3Generator",
    "tinygan": "gancompress.generators.tinygan:TinyGANGenerator",
    "tinygan_discriminator": "gancompress.generators.tinygan:TinyGANDiscriminator",
    "ugatit": "gancompress.generators.ugatit:UGATITGenerator",
    "unet": "gancompress.generators.unet:UNetGenerator",
}


def build(factory: str, **kwargs: Any) -> nn.Module:
    """Make the module that ``factory`` names.

    Args:
        factory: a name in :data:`BUILT_IN`, ``"package.module:attr"`` or ``"path/file.py:attr"``.
        kwargs: keyword arguments of the factory.

    Raises:
        RecipeError: the name is unknown, the import fails, the arguments do not fit the factory's
            signature, or what it returns is no ``nn.Module``.
    """
    function = resolve(factory, BUILT_IN)
    check_arguments(factory, function, kwargs)
    try:
        module = function(**kwargs)
    except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        if factory not in BUILT_IN:  # the author of a factory wants to see where it fails
            raise
        shown = ", ".join(f"{name}={value!r}" for name, value in kwargs.items())
        raise RecipeError(f"{factory}: cannot be built with {shown}: {error}") from error
    if not isinstance(module, nn.Module):
        raise RecipeError(
            f"{factory}: returned {type(module).__name__}; a factory must return a torch.nn.Module"
        )
    return module


def complete(factory: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """``kwargs`` with the defaults of a built-in factory, which may change from version to version.

    Args:
        factory: as :func:`build` takes it; of one that is not built in nothing is added.
        kwargs: its keyword arguments.
    """
    if factory not in BUILT_IN:
        return dict(kwargs)
    parameters = inspect.signature(resolve(factory, BUILT_IN)).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    return {**defaults, **kwargs}
