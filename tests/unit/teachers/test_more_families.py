"""Files of further families are read off their tensors, as their programs name them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gancompress.batch import example_inputs
from gancompress.generators.build import build
from gancompress.generators.pix2pixhd import Pix2PixHDGenerator
from gancompress.teachers.from_file import from_file, read_network

BIGGAN = {"z_dim": 9, "classes": 3, "widths": [16, 16, 8], "attention": [1], "shared_dim": 4}
FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "pix2pixHD, global": ("pix2pixhd", {"width": 4, "downs": 4, "blocks": 2}),
    "pix2pixHD, three halvings": ("pix2pixhd", {"width": 4, "downs": 3, "norm_kind": "batch"}),
    "pix2pixHD, local": ("pix2pixhd", {"width": 4, "downs": 3, "blocks": 2, "enhancers": 1}),
    "pix2pixHD, two enhancers": (
        "pix2pixhd",
        {"width": 8, "downs": 2, "blocks": 1, "enhancers": 2, "enhancer_blocks": 1},
    ),
    "StarGAN": ("stargan", {"width": 4, "blocks": 2, "attributes": 3}),
    "StarGAN, untracked": ("stargan", {"width": 4, "tracked": False}),
    "U-GAT-IT": ("ugatit", {"width": 4, "blocks": 2}),
    "U-GAT-IT, full": ("ugatit", {"width": 4, "light": False, "resolution": 32}),
    "AnimeGANv2": ("animegan", {"width": 4, "blocks": 3}),
    "BigGAN": ("biggan", {**BIGGAN, "hierarchical": False}),
    "BigGAN, hierarchical": ("biggan", {**BIGGAN, "hierarchical": True}),
    "BigGAN, classes in each norm": ("biggan", {**BIGGAN, "shared_dim": 0}),
    "BigGAN-deep": ("biggan", {**BIGGAN, "hierarchical": True, "depth": 2}),
    "SNGAN": ("sngan", {"z_dim": 8, "widths": [8, 8, 4]}),
    "cGAN-PD": ("sngan", {"z_dim": 8, "widths": [8, 4], "bottom": 6, "classes": 3}),
    "FastGAN": ("fastgan", {"z_dim": 8, "width": 8, "resolution": 256}),
    "HiFi-GAN V2": ("hifigan", {"mels": 5, "width": 16}),
    "HiFi-GAN V3": (
        "hifigan",
        {
            "mels": 5,
            "width": 16,
            "rates": [8, 8, 4],
            "rate_kernels": [16, 16, 8],
            "kernels": [3, 5, 7],
            "dilations": [[1, 2], [2, 6], [3, 12]],
            "paired": False,
        },
    ),
}


def made(name: str) -> nn.Module:
    factory, kwargs = FILES[name]
    torch.manual_seed(0)
    module = build(factory, **kwargs)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point() and tensor.ndim != 4:
            tensor.add_(torch.rand_like(tensor), alpha=0.3)
    return module.eval()


@pytest.mark.parametrize("name", FILES)
def test_file_is_read_off_its_tensors(name: str, tmp_path: Path) -> None:
    factory, kwargs = FILES[name]
    module, path = made(name), tmp_path / "net.pth"
    torch.save(module.state_dict(), path)
    settings = {"size": (32, 64)} if factory == "pix2pixhd" else {}
    found = read_network(path, **settings)
    assert found.family == factory
    assert {key: found.kwargs[key] for key in kwargs} == kwargs
    if factory == "biggan":  # of its norms, in no tensor
        assert "eps=1e-05 is assumed: of its norms, as published" in found.assumptions
    teacher = from_file(path, **settings)
    size = 64 if factory == "pix2pixhd" else 32
    batch = example_inputs(teacher.inputs, n=1)
    batch = {n: v[..., :32, :size] if v.ndim == 4 else v for n, v in batch.items()}
    with torch.no_grad():
        assert torch.equal(teacher(batch), module(**batch))


def star(**kwargs: Any) -> nn.Module:
    torch.manual_seed(0)
    return build("stargan_v2", resolution=1024, style_dim=5, channel_max=32, **kwargs).eval()


@pytest.mark.parametrize("high_pass", [False, True])
def test_stargan_v2_goes_with_its_mapping_network(high_pass: bool, tmp_path: Path) -> None:
    module = star(domains=3, high_pass=high_pass)
    state = module.state_dict()
    parts: dict[str, dict[str, Tensor]] = {"generator": {}, "mapping_network": {}}
    for name, value in state.items():
        inner = name.startswith("mapping_network.")
        part = "mapping_network" if inner else "generator"
        parts[part][f"module.{name.removeprefix('mapping_network.')}"] = value
    torch.save({**parts, "style_encoder": {"module.x": torch.zeros(3)}}, tmp_path / "nets_ema.ckpt")
    teacher = from_file(tmp_path / "nets_ema.ckpt")
    assert list(teacher.inputs) == ["image", "z", "c"]
    found = read_network(tmp_path / "nets_ema.ckpt")
    assert (found.kwargs["high_pass"], found.kwargs["resolution"]) == (high_pass, 1024)
    batch = {"image": torch.rand(1, 3, 256, 256), "z": torch.randn(1, 16), "c": torch.eye(3)[1:2]}
    with torch.no_grad():
        assert torch.equal(teacher(batch), module(**batch))


def test_stargan_v2_alone_is_given_a_style(tmp_path: Path) -> None:
    torch.save({"generator": star().state_dict()}, tmp_path / "g.ckpt")
    assert list(from_file(tmp_path / "g.ckpt").inputs) == ["image", "s"]


def test_layers_are_named_and_shaped_as_the_programs_write_them() -> None:
    local = Pix2PixHDGenerator(36, width=64, downs=3, enhancers=1, size=(32, 32)).state_dict()
    for name, shape in {
        "model.1.weight": (64, 36, 7, 7),
        "model.13.conv_block.1.weight": (512, 512, 3, 3),
        "model.28.weight": (128, 64, 3, 3),
        "model1_1.1.weight": (32, 36, 7, 7),
        "model1_1.4.weight": (64, 32, 3, 3),
        "model1_2.0.conv_block.5.bias": (64,),
        "model1_2.3.weight": (64, 32, 3, 3),
        "model1_2.7.weight": (3, 32, 7, 7),
    }.items():
        assert tuple(local[name].shape) == shape
    drawing = build("animegan").state_dict()
    assert tuple(drawing["block_c.1.layers.1.1.weight"].shape) == (256, 1, 3, 3)
    assert tuple(drawing["block_c.2.layers.0.1.weight"].shape) == (512, 256, 1, 1)
    assert tuple(drawing["out_layer.0.weight"].shape) == (3, 32, 1, 1)
    faces = build("stargan").state_dict()
    assert tuple(faces["main.0.weight"].shape) == (64, 8, 7, 7)
    assert tuple(faces["main.9.main.3.weight"].shape) == (256, 256, 3, 3)
    selfie = build("ugatit", light=False).state_dict()
    assert tuple(selfie["FC.0.weight"].shape) == (256, 64 * 64 * 256)
    assert tuple(selfie["UpBlock1_4.norm2.rho"].shape) == (1, 256, 1, 1)
    assert tuple(selfie["UpBlock2.3.rho"].shape) == (1, 128, 1, 1)


def test_vectors_of_a_single_step_are_folded_into_the_weights(tmp_path: Path) -> None:
    module, path = made("BigGAN"), tmp_path / "G_ema.pth"
    state = dict(module.state_dict())
    weight = state["blocks.0.0.conv1.weight"]
    left, _, _ = torch.linalg.svd(weight.flatten(1), full_matrices=False)
    state["blocks.0.0.conv1.weight"] = 3 * weight / torch.linalg.matrix_norm(weight.flatten(1), 2)
    state |= {"blocks.0.0.conv1.u0": left[:, :1].T, "blocks.0.0.conv1.sv0": torch.ones(1)}
    torch.save(state, path)
    found = read_network(path).module.state_dict()["blocks.0.0.conv1.weight"]
    norm = torch.linalg.matrix_norm(found.flatten(1), 2)
    assert torch.allclose(norm, torch.ones([]), atol=1e-5)


def test_biggan_converted_from_tensorflow_is_its_program(tmp_path: Path) -> None:
    pytest.importorskip("pytorch_pretrained_biggan")
    from benchmarks.publishers import PROGRAMS, compared

    found = compared(PROGRAMS["pytorch-pretrained-biggan"], None)
    assert found["family"] == "biggan_converted"
    # Different orders of summation of some hundred numbers, tanh at the end.
    assert found["largest difference"] < 1e-5
