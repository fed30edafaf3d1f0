"""Every published network whose size can be checked without its weights: how it is built, and what
was published of it.

Figures keep the digits that were published ("2.67G", "11.4M", "2,984,771,584"): a count of ours
must round to each of them.
"""

from dataclasses import replace
from typing import Any

from gancompress.generators.published_size import Figures, PublishedSize, Quantity
from gancompress.generators.sizes_of_weights import SIZES_OF_WEIGHTS


def _compressed(
    model: str,
    config: str,
    params: int | None,
    published: Figures,
    recounted: Figures = (),
    note: str = "",
) -> PublishedSize:
    """A ResNet of GAN Compression: separable, nine blocks, widths by its configuration string."""
    name, _, older = config.partition(" ")
    kwargs: dict[str, Any] = {
        "dropout": 0.0,
        "separable": True,
        "widths": [int(width) for width in name.split("_")],
        "narrow": "first" if older else "all",
    }
    return PublishedSize(
        model=model,
        config=config,
        factory="resnet",
        kwargs=kwargs,
        params=params,
        published=published,
        recounted=recounted,
        note=note,
    )


def _sized(params: str, macs: str, quantity: Quantity = "paper") -> Figures:
    """What a paper prints of a network: parameters and MACs."""
    return ((params, "params"), (macs, quantity))


def _counted(paper: str, exact: str) -> Figures:
    """A recount of both conventions."""
    return ((paper, "paper"), (exact, "exact"))


def _mobile(width: int, params: int, macs: str) -> PublishedSize:
    kwargs = {"dropout": 0.0, "separable": True, "width": width}
    figures: Figures = ((macs, "paper"),)
    return PublishedSize(
        model="mobile ResNet",
        config=f"ngf {width}",
        factory="resnet",
        kwargs=kwargs,
        params=params,
        recounted=figures,
    )


def _omgd_resnet(width: int, params: int, macs: str) -> PublishedSize:
    return replace(
        _mobile(width, params, macs),
        model="mobile ResNet (OMGD)",
        recounted=((macs, "paper without InstanceNorm"),),
        note="without InstanceNorm",
    )


def _unet(model: str, width: int, params: int, recounted: Figures) -> PublishedSize:
    return PublishedSize(
        model=model,
        config=f"ngf {width}",
        factory="unet",
        kwargs={"width": width},
        params=params,
        recounted=recounted,
    )


_RESNETS = (
    PublishedSize(
        model="ResNet-9 (CycleGAN, pix2pix)",
        config="ngf 64",
        factory="resnet",
        kwargs={"dropout": 0.0},
        params=11_378_179,
        published=_sized("11.4M", "56.8G"),
        recounted=_counted("56.832G", "49.55G"),
    ),
    _compressed(
        "horse2zebra, paper",
        "24_24_24_32_20_16",
        341_627,
        _sized(".342M", "2.67G"),
        _counted("2.670G", "1.94G"),
    ),
    _compressed(
        "horse2zebra, retrained",
        "16_16_32_16_32_32_16_16",
        356_867,
        _sized(".357M", "2.55G"),
        _counted("2.546G", "1.85G"),
    ),
    _compressed(
        "horse2zebra, fast",
        "16_16_24_16_32_64_16_24",
        355_235,
        _sized(".355M", "2.64G"),
        _counted("2.641G", "1.94G"),
    ),
    _compressed(
        "edges2shoes, paper",
        "32_32_40_48_16_32 (older class)",
        699_875,
        _sized(".700M", "4.81G"),
        _counted("4.809G", "3.76G"),
        note="the older class narrows only the first of every three blocks",
    ),
    _compressed(
        "edges2shoes, retrained",
        "32_32_48_32_48_48_16_16",
        822_051,
        _sized(".822M", "4.99G"),
        _counted("4.994G", "4.06G"),
    ),
    _compressed(
        "edges2shoes, fast",
        "24_24_40_56_24_56_16_40",
        702_835,
        _sized(".703M", "4.83G", "paper without InstanceNorm"),
        _counted("4.863G", "3.70G"),
        note="published without InstanceNorm, unlike its neighbours; 4.86G with it",
    ),
    _compressed(
        "cityscapes, paper",
        "48_32_40_40_24_32",
        707_347,
        _sized(".707M", "5.66G"),
        _counted("5.665G", "4.10G"),
    ),
    _compressed(
        "cityscapes, retrained",
        "32_32_48_32_32_48_24_24",
        780_819,
        _sized(".781M", "5.59G"),
        _counted("5.592G", "4.03G"),
    ),
    _compressed(
        "maps",
        "32_32_48_32_48_32_16_16",
        746_211,
        _sized(".746M", "4.68G"),
        _counted("4.683G", "3.75G"),
    ),
    _compressed(
        "mobile ResNet",
        "16_16_32_16_16_64_16_24",
        None,
        (("2,984,771,584", "paper"),),
        note="every digit published",
    ),
    _compressed(
        "mobile ResNet",
        "16_16_16_48_64_64_24_16",
        None,
        (("2,597,322,752", "paper"),),
        note="every digit published",
    ),
    _mobile(96, 4_418_307, "40.23G"),
    _mobile(64, 1_987_075, "18.37G"),
    _mobile(48, 1_130_883, "10.60G"),
    _mobile(32, 514_307, "4.955G"),
    _omgd_resnet(16, 137_347, "1.408G"),
    _omgd_resnet(12, 80_547, ".858G"),
    _omgd_resnet(8, 38_723, ".440G"),
)

_UNETS = (
    _unet("UNet-256 (pix2pix)", 64, 54_413_955, _counted("18.14G", "6.05G")),
    _unet("UNet-256 (OMGD)", 16, 3_404_451, (("1.219G", "paper"),)),
    _unet("UNet-256 (OMGD)", 12, 1_915_899, ((".707G", "paper"),)),
    _unet("UNet-256 (OMGD)", 8, 852_307, ((".333G", "paper"),)),
)

_GAUGANS = (
    PublishedSize(
        model="GauGAN cityscapes",
        config="ngf 64, more, 36×256×512",
        factory="spade",
        kwargs={},
        params=93_048_003,
        published=_sized("93.0M", "281G"),
        recounted=(("281.28G", "paper"),),
    ),
    PublishedSize(
        model="GauGAN cityscapes, paper",
        config="32_32_48_32_32_32_32_24 (separable)",
        factory="spade",
        kwargs={"separable": True, "widths": [32, 32, 48, 32, 32, 32, 32, 24]},
        params=20_425_019,
        published=_sized("20.4M", "31.7G"),
        recounted=(("31.66G", "paper"),),
    ),
    PublishedSize(
        model="GauGAN COCO-Stuff",
        config="ngf 64, normal, 184×256×256",
        factory="spade",
        kwargs={"label_channels": 184, "upsampling": "normal", "size": (256, 256)},
        params=97_480_899,
        published=_sized("97.5M", "191G"),
        recounted=(("191.14G", "paper"),),
    ),
)

_OTHERS = (
    PublishedSize(
        model="MUNIT edges2shoes",
        config="ngf 64",
        factory="munit",
        kwargs={},
        params=15_026_187,
        published=_sized("15.0M", "77.3G"),
        inputs={"image": (3, 256, 256)},
        note="with its style encoder at work; a given style saves 6.25G",
    ),
    PublishedSize(
        model="DiStyleGAN generator",
        config="ngf 256, 10 classes, 32×32",
        factory="distylegan",
        kwargs={},
        params=2_054_368,
        recounted=(("115.4M", "paper"),),
    ),
    PublishedSize(
        model="DiStyleGAN discriminator",
        config="ndf 128",
        factory="distylegan_discriminator",
        kwargs={},
        params=3_415_178,
        inputs={"image": (3, 32, 32), "c": (10,)},
    ),
    PublishedSize(
        model="StyleGAN2-ADA CIFAR-10",
        config="10 classes, mapping depth 2",
        factory="stylegan2",
        kwargs={},
        params=20_215_315,
        published=(("over 20M", "params"),),
    ),
    PublishedSize(
        model="StyleGAN2 FFHQ",
        config="256×256",
        factory="stylegan2",
        kwargs={"classes": 0, "resolution": 256, "mapping_layers": 8},
        params=30_034_338,
        published=_sized("30.0M", "45.1G", "exact without depthwise filters"),
        note="published as executed, without the resampling filters",
    ),
    PublishedSize(
        model="TinyGAN generator",
        config="128×128, 1000 classes",
        factory="tinygan",
        kwargs={},
        params=3_070_659,
        recounted=((".429G", "paper"),),
    ),
)

PUBLISHED_SIZES: tuple[PublishedSize, ...] = (
    *_RESNETS,
    *_UNETS,
    *_GAUGANS,
    *_OTHERS,
    *SIZES_OF_WEIGHTS,
)
