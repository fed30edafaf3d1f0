"""Programs that make pictures of pictures."""

import importlib
from argparse import Namespace
from functools import partial

from torch import Tensor, nn

from benchmarks.program import Built, Program, of, plainly
from gancompress.batch import Batch


def star_v2(high_pass: int) -> Built:
    model = importlib.import_module("core.model")
    generator = model.Generator(256, 16, w_hpf=high_pass)
    mapping = model.MappingNetwork(16, 16, 3)
    both = nn.ModuleDict({"generator": generator, "mapping_network": mapping})

    def answer(batch: Batch) -> Tensor:
        style = mapping(batch["z"], batch["c"].argmax(dim=1))
        return generator(batch["image"], style)

    return both, lambda: {name: part.state_dict() for name, part in both.items()}, answer


def cut(kind: str, norm: str, **named: bool) -> Built:
    return plainly(of("models.networks", "define_G", 3, 3, 8, kind, norm, **named), "image")


def spade(norm: str, size: int, classes: int, upsampling: str, z_dim: int = 0) -> Built:
    make = of("models.networks.generator", "SPADEGenerator", Namespace(
        ngf=8, semantic_nc=classes, norm_G=norm, crop_size=size, aspect_ratio=1.0,
        num_upsampling_layers=upsampling, use_vae=z_dim > 0, z_dim=z_dim,
    ))  # fmt: skip
    return plainly(make, "label_map", *(["z"] if z_dim else []))


def munit(activation: str, padding: str) -> Built:
    config = {"dim": 8, "mlp_dim": 32, "style_dim": 8, "n_downsample": 2, "n_res": 4}
    network = of("networks", "AdaINGen", 3, {**config, "activ": activation, "pad_type": padding})()

    def answer(batch: Batch) -> Tensor:
        return network.decode(network.encode(batch["image"])[0], batch["z"])

    return network, lambda: {"a": network.state_dict(), "b": network.state_dict()}, answer


def compressed(kind: str, norm: str, config: list[int] | None) -> Built:
    networks = importlib.import_module("models.networks")
    named = {"norm_layer": networks.get_norm_layer(norm), "n_blocks": 9}
    widths = {"config": {"channels": config}} if config else {"ngf": 8}
    return plainly(lambda: networks.get_netG_cls(kind)(3, 3, **widths, **named), "image")


def compressed_spade(kind: str, config: list[int] | None) -> Built:
    networks = importlib.import_module("models.networks")
    options = Namespace(
        ngf=8, semantic_nc=36, norm_G="spadesyncbatch3x3", crop_size=512, aspect_ratio=2.0,
        num_upsampling_layers="more", separable_conv_norm="instance",
    )  # fmt: skip
    widths = [{"channels": config}] if config else []
    return plainly(lambda: networks.get_netG_cls(kind)(options, *widths), "label_map")


def upscaler(module: str, name: str, *arguments: int) -> Built:
    network = of(module, name, 3, 3, *arguments)()
    # Its images are in [0, 1], a teacher's in [-1, 1].
    return network, network.state_dict, lambda b: 2 * network(b["image"]) - 1


CUT, COMPRESSION = "contrastive-unpaired-translation", "gan-compression"
BASICSR = ("basicsr", "basicsr.archs", "basicsr.ops", "basicsr.ops.dcn", "basicsr.utils")
RRDB = "basicsr.archs.rrdbnet_arch", "RRDBNet"

TRANSLATION: dict[str, Program] = {
    "StarGAN": Program(
        "stargan", partial(plainly, of("model", "Generator", 8, 5, 2), "image", "c")
    ),
    "StarGAN v2": Program("stargan-v2", partial(star_v2, 0), stubs=("munch", "core.wing")),
    "U-GAT-IT, light": Program(
        "UGATIT-pytorch",
        partial(
            plainly,
            of("networks", "ResnetGenerator", 3, 3, 8, 2, img_size=64, light=True),
            "image",
        ),
    ),
    "U-GAT-IT, full": Program(
        "UGATIT-pytorch",
        partial(
            plainly,
            of("networks", "ResnetGenerator", 3, 3, 8, 2, img_size=64, light=False),
            "image",
        ),
    ),
    "AnimeGANv2": Program("animegan2-pytorch", partial(plainly, of("model", "Generator"), "image")),
    "pix2pixHD, global": Program(
        "pix2pixHD",
        partial(
            plainly,
            of("models.networks", "define_G", 5, 3, 8, "global", 4, 2, norm="instance"),
            "label_map",
        ),
        {"size": (64, 128)},
    ),
    "pix2pixHD, local": Program(
        "pix2pixHD",
        partial(
            plainly,
            of("models.networks", "define_G", 5, 3, 8, "local", 3, 2, 1, 2, norm="instance"),
            "label_map",
        ),
        {"size": (64, 128)},
    ),
    "CycleGAN ResNet-9": Program(
        CUT, partial(cut, "resnet_9blocks", "instance", no_antialias=True, no_antialias_up=True)
    ),
    "CUT ResNet-9": Program(CUT, partial(cut, "resnet_9blocks", "instance")),
    "CUT ResNet-6, batch norm": Program(
        CUT, partial(cut, "resnet_6blocks", "batch", use_dropout=True)
    ),
    "pix2pix U-Net 256": Program(CUT, partial(cut, "unet_256", "batch", use_dropout=True)),
    "pix2pix U-Net 128, instance norm": Program(CUT, partial(cut, "unet_128", "instance")),
    "SPADE, COCO": Program(
        "SPADE",
        partial(spade, "spectralspadesyncbatch3x3", 64, 184, "normal"),
        {"size": (64, 64)},
        stubs=("dill",),
    ),
    "SPADE, instance norm, VAE": Program(
        "SPADE",
        partial(spade, "spectralspadeinstance5x5", 128, 20, "more", z_dim=16),
        {"upsampling": "more", "size": (128, 128)},
        stubs=("dill",),
    ),
    "SPADE, most layers": Program(
        "SPADE",
        partial(spade, "spadesyncbatch3x3", 128, 20, "most"),
        {"size": (128, 128)},
        stubs=("dill",),
    ),
    "MUNIT": Program("MUNIT", partial(munit, "relu", "reflect"), {"part": "a"}),
    "MUNIT, lrelu, zeros": Program(
        "MUNIT",
        partial(munit, "lrelu", "zero"),
        {"part": "a", "activation": "lrelu", "padding": "zero"},
    ),
    "GAN Compression, mobile ResNet": Program(
        COMPRESSION, partial(compressed, "mobile_resnet_9blocks", "instance", None)
    ),
    "GAN Compression, mobile ResNet, batch norm": Program(
        COMPRESSION, partial(compressed, "mobile_resnet_9blocks", "batch", None)
    ),
    "GAN Compression, cut ResNet": Program(
        COMPRESSION,
        partial(compressed, "sub_mobile_resnet_9blocks", "instance", [8, 8, 16, 8, 16, 16, 8, 8]),
    ),
    "GAN Compression, cut ResNet, older": Program(
        COMPRESSION,
        partial(compressed, "legacy_sub_mobile_resnet_9blocks", "instance", [8, 8, 16, 24, 8, 8]),
    ),
    "GAN Compression, mobile GauGAN": Program(
        COMPRESSION, partial(compressed_spade, "mobile_spade", None)
    ),
    "GAN Compression, cut GauGAN": Program(
        COMPRESSION,
        partial(compressed_spade, "sub_mobile_spade", [8, 6, 8, 6, 8, 6, 8, 6]),
        double=True,
    ),
    "ESRGAN of BasicSR, ×4": Program(
        "BasicSR", partial(upscaler, *RRDB, 4, 16, 3, 8), stubs=BASICSR
    ),
    "ESRGAN of BasicSR, ×2": Program(
        "BasicSR", partial(upscaler, *RRDB, 2, 16, 3, 8), stubs=BASICSR
    ),
    "SRVGGNetCompact": Program(
        "BasicSR",
        partial(upscaler, "basicsr.archs.srvgg_arch", "SRVGGNetCompact", 16, 4, 4),
        stubs=BASICSR,
    ),
    "BSRGAN, ×4": Program(
        "KAIR", partial(upscaler, "models.network_rrdbnet", "RRDBNet", 16, 3, 8, 4)
    ),
    "ESRGAN of KAIR, ×4": Program(
        "KAIR", partial(upscaler, "models.network_rrdb", "RRDB", 16, 3, 8, 4)
    ),
}
