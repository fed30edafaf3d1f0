"""What of other libraries' networks is elastic, unmodified, beside Torch-Pruning at half width.

    pip install timm diffusers torch-pruning torchvision
    python -m benchmarks.elastic_libraries [NETWORK ...]

For each: the share of multiply-adds that is in layers that narrower subnets make smaller, the
smallest subnet's share of them, seconds of conversion, whether the subnets extracted at the
smallest and at half width are exact, and what Torch-Pruning's magnitude pruner leaves at a ratio of
.5 (or why there is nothing). Networks are those of the libraries with fewer or narrower layers.
Target: 95 % elastic, the smallest under a tenth.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.elastic import clock
from benchmarks.record import record
from benchmarks.start import arguments_of, is_quick, parser_of
from gancompress.errors import GancompressError
from gancompress.supernet import Supernet

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.zoo.checks import elastic_macs

Inputs = dict[str, Any]


class Plain(nn.Module):
    """The tensor out of what diffusers' networks answer."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, **inputs: Any) -> Tensor:
        made = self.inner(**inputs)
        sample: Tensor = made if isinstance(made, Tensor) else made.sample
        return sample


def timm(name: str, **options: Any) -> nn.Module:
    made: nn.Module = import_module("timm").create_model(name, pretrained=False, **options)
    return made


def vision(name: str) -> nn.Module:
    made: nn.Module = import_module("torchvision.models").get_model(name, weights=None)
    return made


def vae_decoder() -> nn.Module:
    blocks = ("UpDecoderBlock2D",) * 3
    made: nn.Module = import_module("diffusers.models.autoencoders.vae").Decoder(
        in_channels=4, out_channels=3, up_block_types=blocks,
        block_out_channels=(64, 128, 128), layers_per_block=1,
    )  # fmt: skip
    return made


def unet() -> nn.Module:
    return Plain(
        import_module("diffusers").UNet2DModel(
            sample_size=16, block_out_channels=(64, 128), layers_per_block=1,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        )
    )  # fmt: skip


def dit() -> nn.Module:
    return Plain(
        import_module("diffusers").DiTTransformer2DModel(
            num_attention_heads=4, attention_head_dim=16, in_channels=4, out_channels=4,
            num_layers=2, sample_size=8, patch_size=2, norm_num_groups=8,
        )
    )  # fmt: skip


def image(size: int) -> Inputs:
    return {"x": torch.randn(2, 3, size, size)}


def denoised(name: str, channels: int, size: int, **more: Any) -> Inputs:
    return {name: torch.randn(2, channels, size, size), "timestep": torch.tensor([3, 3]), **more}


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Inputs]]] = {
    "timm ViT": (lambda: timm("vit_tiny_patch16_224", img_size=64, depth=3), lambda: image(64)),
    "timm Swin": (
        lambda: timm("swin_tiny_patch4_window7_224", img_size=56, depths=(1, 1, 1, 1)),
        lambda: image(56),
    ),
    "timm ConvNeXt": (lambda: timm("convnext_atto", depths=(1, 1, 2, 1)), lambda: image(64)),
    "torchvision ResNet-50": (lambda: vision("resnet50"), lambda: image(64)),
    "torchvision MobileNetV3": (lambda: vision("mobilenet_v3_small"), lambda: image(64)),
    "diffusers VAE decoder": (vae_decoder, lambda: {"sample": torch.randn(2, 4, 8, 8)}),
    "diffusers UNet2D": (unet, lambda: denoised("sample", 3, 16)),
    "diffusers DiT": (
        dit,
        lambda: denoised("hidden_states", 4, 8, class_labels=torch.tensor([1, 2])),
    ),
}


def row(name: str) -> dict[str, Any]:
    """What is elastic of one network."""
    make, inputs = NETWORKS[name]
    torch.manual_seed(0)
    module, example = make().eval(), inputs()
    start = clock()
    supernet = Supernet(module, example)
    seconds = clock() - start
    smallest, largest = supernet.space.smallest, supernet.space.largest
    small, full = (supernet.cost_model.cost(s) for s in (smallest, largest))
    return {
        "network": name,
        "MACs": full.macs,
        "elastic": elastic_macs(supernet),
        "smallest MACs": small.macs / full.macs,
        "smallest parameters": small.params / full.params,
        "widths": len(supernet.space.groups),
        "s": seconds,
        "exact": is_exact(supernet),
        "Torch-Pruning": torch_pruning(make(), example),
    }


def is_exact(supernet: Supernet) -> bool:
    """Whether extraction proves the smallest and the half-width subnet equal to the supernet's."""
    try:
        for subnet in (supernet.space.smallest, supernet.space.uniform(0.5)):
            supernet.extract(subnet)
    except GancompressError:
        return False
    return True


def torch_pruning(module: nn.Module, example: Inputs) -> str:
    """The share of multiply-adds that Torch-Pruning leaves at a ratio of .5, or its error.

    The last layer keeps its outputs, as the pruner asks its users to say.
    """
    pruning = import_module("torch_pruning")
    layers = [m for m in module.eval().modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    try:
        pruner = pruning.pruner.MagnitudePruner(
            module, example, pruning.importance.MagnitudeImportance(p=2),
            pruning_ratio=0.5, ignored_layers=layers[-1:],
        )  # fmt: skip
        before, _ = pruning.utils.count_ops_and_params(module, example)
        pruner.step()
        after, _ = pruning.utils.count_ops_and_params(module, example)
        with torch.no_grad():
            module(**example)
    except Exception as error:  # whatever a third party raises
        return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])[:80]
    return f"{after / before:.3f} left"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("networks", nargs="*", choices=[*NETWORKS, []], help="default: all")
    names = arguments_of(parser).networks or (["timm ViT"] if is_quick() else list(NETWORKS))
    libraries = {name: version(name) for name in ("timm", "diffusers", "torch-pruning")}
    rows = [row(name) for name in names]
    record("elastic_libraries", rows, target="95 % elastic, a tenth", libraries=libraries)


if __name__ == "__main__":
    main()
