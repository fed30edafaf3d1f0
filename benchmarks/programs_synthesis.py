"""Programs that make pictures, or sound, of noise."""

import importlib
import pickle
import sys
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest import mock

from packaging.version import Version
from torch import Tensor, nn

from benchmarks.program import Built, Program, first, of, plainly
from gancompress.batch import Batch


def biggan(module: str, **named: Any) -> Built:
    make = of(module, "Generator", skip_init=True, no_optim=True, **named)
    network = make()
    return network, network.state_dict, lambda b: network(b["z"], network.shared(b["c"]))


def converted_biggan() -> Built:
    package = importlib.import_module("pytorch_pretrained_biggan")
    stages = [(16, 8), (8, 4), (4, 2), (2, 1)]
    layers = [layer for a, b in stages for layer in ((False, a, a), (True, a, b))]
    config = package.BigGANConfig(channel_width=8, layers=layers, attention_layer_position=4)
    network = package.BigGAN(config)
    nn.init.ones_(network.generator.bn.weight)  # it leaves both as the memory was
    nn.init.zeros_(network.generator.bn.bias)

    def answer(batch: Batch) -> Tensor:
        return network(batch["z"], nn.functional.one_hot(batch["c"], 1000).float(), 1.0)

    return network, network.state_dict, answer


def fastgan(size: int) -> Built:
    network = of("models", "Generator", ngf=16, nz=32, im_size=size)()

    def answer(batch: Batch) -> Tensor:
        for part in network.modules():  # it draws new noise for each picture
            if type(part).__name__ == "NoiseInjection":
                part.weight.zero_()
        return first(network(batch["z"]))

    return network, network.state_dict, answer


def hifigan(**config: Any) -> Built:
    return plainly(of("models", "Generator", SimpleNamespace(**config)), "mel")


def nvidia(module: str, classes: int, **named: Any) -> Built:
    # Of setuptools before 82.
    sys.modules["pkg_resources"] = SimpleNamespace(parse_version=Version)  # type: ignore[assignment]
    generator = of(module, "Generator", 32, classes, 24, img_channels=3, **named)()

    def saved() -> bytes:
        return pickle.dumps({"G_ema": generator})

    def answer(batch: Batch) -> Tensor:
        return generator(batch["z"], batch.get("c"), noise_mode="const", force_fp32=True)

    return generator, saved, answer


def rosinality() -> Built:
    with mock.patch("torch.utils.cpp_extension.load"):  # kernels for CUDA
        network = of("model", "Generator", 32, 16, 3)()

    def saved() -> dict[str, Any]:
        return {"g_ema": network.state_dict(), "latent_avg": network.mean_latent(64)}

    return network, saved, lambda b: first(network([b["z"]], randomize_noise=False))


SMALL = {"img_resolution": 32, "channel_base": 512, "channel_max": 32, "num_fp16_res": 0}
STYLE2, STYLE3 = "training.networks_stylegan2", "training.networks_stylegan3"
V1 = {
    "resblock": "1",
    "upsample_rates": [8, 8, 2, 2],
    "upsample_kernel_sizes": [16, 16, 4, 4],
    "upsample_initial_channel": 32,
    "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5]] * 3,
}
V3 = {
    "resblock": "2",
    "upsample_rates": [8, 8, 4],
    "upsample_kernel_sizes": [16, 16, 8],
    "upsample_initial_channel": 32,
    "resblock_kernel_sizes": [3, 5, 7],
    "resblock_dilation_sizes": [[1, 2], [2, 6], [3, 12]],
}
MIMICRY = ("torch_mimicry.training", "torch_mimicry.datasets", "torch_mimicry.metrics")

SYNTHESIS: dict[str, Program] = {
    "pytorch-pretrained-biggan": Program("", converted_biggan),
    "BigGAN, hierarchical": Program(
        "BigGAN-PyTorch",
        partial(biggan, "BigGAN", G_ch=8, resolution=64, G_attn="32", hier=True, shared_dim=16),
    ),
    "BigGAN, classes in each norm": Program(
        "BigGAN-PyTorch",
        partial(biggan, "BigGAN", G_ch=8, resolution=32, n_classes=10, G_shared=False, G_attn="0"),
    ),
    "BigGAN-deep": Program(
        "BigGAN-PyTorch",
        partial(biggan, "BigGANdeep", G_ch=8, resolution=64, G_attn="32", hier=True, shared_dim=16),
    ),
    "FastGAN 256": Program("FastGAN-pytorch", partial(fastgan, 256)),
    "FastGAN 1024": Program("FastGAN-pytorch", partial(fastgan, 1024)),
    "SNGAN 32": Program(
        "mimicry",
        partial(plainly, of("torch_mimicry.nets.sngan.sngan_32", "SNGANGenerator32", ngf=16), "z"),
        stubs=MIMICRY,
    ),
    "SNGAN 48": Program(
        "mimicry",
        partial(plainly, of("torch_mimicry.nets.sngan.sngan_48", "SNGANGenerator48", ngf=32), "z"),
        stubs=MIMICRY,
    ),
    "cGAN-PD": Program(
        "mimicry",
        partial(
            plainly,
            of("torch_mimicry.nets.cgan_pd.cgan_pd_32", "CGANPDGenerator32", 10, ngf=16),
            "z",
            "c",
        ),
        stubs=MIMICRY,
    ),
    "HiFi-GAN V1": Program("hifi-gan", partial(hifigan, **V1)),
    "HiFi-GAN V3": Program("hifi-gan", partial(hifigan, **V3)),
    "StyleGAN2": Program("stylegan3", partial(nvidia, STYLE2, 5, conv_clamp=256, **SMALL)),
    "StyleGAN2, orig": Program(
        "stylegan3", partial(nvidia, STYLE2, 5, architecture="orig", **SMALL)
    ),
    "StyleGAN2, resnet": Program(
        "stylegan3",
        partial(
            nvidia,
            STYLE2,
            5,
            architecture="resnet",
            mapping_kwargs={"embed_features": 8, "layer_features": 40, "num_layers": 3},
            conv_clamp=256,
            **SMALL,
        ),
    ),
    "StyleGAN3-T": Program("stylegan3", partial(nvidia, STYLE3, 0, **SMALL)),
    "StyleGAN3-R": Program(
        "stylegan3", partial(nvidia, STYLE3, 5, conv_kernel=1, use_radial_filters=True, **SMALL)
    ),
    "StyleGAN2 of rosinality": Program("stylegan2-pytorch", rosinality),
}
