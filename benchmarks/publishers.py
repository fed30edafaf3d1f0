"""What a reader makes of a file against the program that wrote it, run here on the same inputs.

FOLDER holds checkouts of the publishers' programs, under the names of PROGRAMS. Each program builds
its network with random weights and statistics, writes it as its training does, and answers; the
file is read without any setting that its tensors show, and what comes out answers the same inputs.
The programs are run: trust them first. Without FOLDER those are compared that are installed.

    python -m benchmarks.publishers [FOLDER] [--only NAME] [--quick]
"""

import importlib
import io
import logging
import pickle
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from packaging.version import Version
from torch import Tensor, nn

from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.batch import Batch, example_inputs
from gancompress.teachers.from_file import from_file, read_network

# The network, what its program saves of it, and its answer to our batch.
Built = tuple[nn.Module, Callable[[], Any], Callable[[Batch], Tensor]]


@dataclass(frozen=True)
class Program:
    """One published program.

    Attributes:
        folder: of its checkout; empty: it is an installed package.
        build: makes its network.
        settings: that its tensors do not show and the file's owner would give.
        stubs: modules that it imports and this comparison does not need.
    """

    folder: str
    build: Callable[[], Built]
    settings: dict[str, Any] = field(default_factory=dict)
    stubs: tuple[str, ...] = ()


def of(module: str, name: str, *arguments: Any, **named: Any) -> Callable[..., nn.Module]:
    return lambda: getattr(importlib.import_module(module), name)(*arguments, **named)


def plainly(make: Callable[..., nn.Module], *names: str) -> Built:
    """A program that saves a state dict and is called with these inputs in turn."""
    module = make()
    return module, module.state_dict, lambda batch: first(module(*(batch[n] for n in names)))


def first(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else output[0]


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


def star_v2(high_pass: int) -> Built:
    model = importlib.import_module("core.model")
    generator = model.Generator(256, 16, w_hpf=high_pass)
    mapping = model.MappingNetwork(16, 16, 3)
    both = nn.ModuleDict({"generator": generator, "mapping_network": mapping})

    def answer(batch: Batch) -> Tensor:
        style = mapping(batch["z"], batch["c"].argmax(dim=1))
        return generator(batch["image"], style)

    return both, lambda: {name: part.state_dict() for name, part in both.items()}, answer


def nvidia(module: str, classes: int, **named: Any) -> Built:
    # Of setuptools before 82.
    sys.modules["pkg_resources"] = SimpleNamespace(parse_version=Version)  # type: ignore[assignment]
    generator = of(module, "Generator", 32, classes, 24, img_channels=3, **named)()

    def saved() -> bytes:
        return pickle.dumps({"G_ema": generator})

    def answer(batch: Batch) -> Tensor:
        return generator(batch["z"], batch.get("c"), noise_mode="const", force_fp32=True)

    return generator, saved, answer


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

PROGRAMS: dict[str, Program] = {
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
}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="of checkouts")
    parser.add_argument("--only", choices=PROGRAMS, help="one program alone")
    options = arguments_of(parser)
    logging.disable()  # what is assumed of each file
    rows = []
    for name, program in PROGRAMS.items():
        if options.only not in (None, name) or (program.folder and options.folder is None):
            continue
        path = options.folder / program.folder if program.folder else None
        rows.append({"program": name, **compared(program, path), "commit": commit(path)})
    record("publishers", rows)


def compared(program: Program, folder: Path | None) -> dict[str, Any]:
    """What the file was recognised as, and the largest difference of an answer."""
    torch.manual_seed(0)
    with importable(folder, program.stubs), tempfile.TemporaryDirectory() as scratch:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module, saved, answer = program.build()
        randomise(module)
        path = Path(scratch) / "net.pth"
        content = saved()
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        found = read_network(path, **program.settings)
        teacher = from_file(path, **program.settings)
        batch = example_inputs(teacher.inputs, n=2)
        with torch.no_grad():
            theirs, ours = answer(batch), teacher(batch)
        return {
            "family": found.family,
            "largest difference": float((theirs - ours).abs().max()),
            "of answers with deviation": float(theirs.std()),
        }


def randomise(module: nn.Module) -> None:
    """Weights of one scale and statistics as after a training, so that every layer matters."""
    for part in module.modules():
        for name, value in part.named_parameters(recurse=False):
            if value.ndim > 1:
                nn.init.normal_(value.data, std=(2 / value[0].numel()) ** 0.5)
            elif not name.endswith("_g"):
                value.data.add_(torch.randn_like(value), alpha=0.1)
        for name, value in part.named_buffers(recurse=False):
            if "mean" in name:
                value.normal_(std=0.3)
            elif "var" in name and value.is_floating_point():
                value.uniform_(0.5, 2.0)
        for hook in part._forward_pre_hooks.values():
            if type(hook).__name__ == "SpectralNorm":  # its vectors belong to the first weights
                for _ in range(20):
                    hook(part, ())
    module.eval()


@contextmanager
def importable(folder: Path | None, stubs: tuple[str, ...]) -> Iterator[None]:
    """Let the modules of ``folder`` be imported, and forget them afterwards."""
    before = set(sys.modules)
    for name in stubs:
        stub = ModuleType(name)
        stub.__getattr__ = lambda _: dict  # type: ignore[method-assign]
        stub.__path__ = []
        sys.modules[name] = stub
    if folder is not None:
        sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if folder is not None:
            sys.path.remove(str(folder))
            for name in set(sys.modules) - before:
                if not name.startswith("torch.") and not name.startswith("torchvision"):
                    del sys.modules[name]


def commit(folder: Path | None) -> str:
    """Of a checkout, as its folder or a file COMMIT in it says."""
    if folder is None:
        return "installed"
    if (told := folder / "COMMIT").is_file():
        return told.read_text().strip()
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
