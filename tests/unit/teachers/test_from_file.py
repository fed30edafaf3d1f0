"""Checkpoints of every published form, written as their authors' programs write them."""

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from gancompress.batch import example_inputs
from gancompress.errors import TeacherError
from gancompress.generators.build import build
from gancompress.generators.munit import MUNITGenerator
from gancompress.generators.resnet import ResNetGenerator
from gancompress.generators.spade import SPADEGenerator
from gancompress.generators.stylegan2 import StyleGAN2Generator
from gancompress.generators.unet import UNetGenerator
from gancompress.student.file import Architecture, Student, save_student
from gancompress.teachers.from_file import from_file, read_network
from gancompress.teachers.teacher import ModuleTeacher
from tests.rounding import assert_same_but_for_rounding, same_but_for_rounding
from tests.unit.teachers.published import as_persistent, dumps, stylegan2_ada

# Factory and arguments of small networks of each published form.
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "cyclegan-9": ("resnet", {"width": 4, "blocks": 9}),
    "cyclegan-6-dropout": ("resnet", {"width": 4, "blocks": 6, "dropout": 0.5}),
    "pix2pix-batch": ("resnet", {"width": 4, "blocks": 6, "norm_kind": "batch", "in_channels": 1}),
    "mobile": ("resnet", {"width": 8, "separable": True, "dropout": 0.0}),
    "cut": ("resnet", {"widths": (4, 3, 2, 5, 6, 7, 3, 2), "separable": True, "dropout": 0.0}),
    "cut-older": ("resnet", {"widths": (4, 3, 2, 5, 3, 2), "separable": True, "narrow": "first"}),
    "unet-256": ("unet", {"width": 2, "downs": 8}),
    "unet-128": ("unet", {"width": 2, "downs": 7, "out_channels": 1}),
    "unet-instance": ("unet", {"width": 2, "downs": 7, "norm_kind": "instance"}),
    "munit": ("munit", {"width": 4, "style_dim": 3, "mlp_dim": 5, "blocks": 2}),
    "distylegan": ("distylegan", {"z_dim": 6, "classes": 3, "width": 16, "project_dim": 5}),
    "stylegan2": ("stylegan2", {"z_dim": 6, "w_dim": 7, "channel_base": 64, "conv_clamp": None}),
}


def network(name: str) -> nn.Module:
    """The network with weights and statistics that are all different from their initial values."""
    factory, kwargs = NETWORKS[name]
    torch.manual_seed(1)
    return disturbed(build(factory, **kwargs))


def disturbed(module: nn.Module) -> nn.Module:
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(torch.rand_like(tensor), alpha=0.1)
    return module.eval()


def agree(teacher: ModuleTeacher, module: nn.Module) -> bool:
    """The same outputs, at a size that is quick to compute."""
    batch = example_inputs(teacher.inputs, n=1 if "image" in teacher.inputs else 2)
    if "image" in batch and not isinstance(module, UNetGenerator):
        batch["image"] = batch["image"][:, :, :32, :32]
    with torch.no_grad():
        return same_but_for_rounding(teacher(batch), module(**batch))


@pytest.mark.parametrize("name", NETWORKS)
def test_state_dict_is_recognised_and_computes_the_same(name: str, tmp_path: Path) -> None:
    module, path = network(name), tmp_path / "latest_net_G.pth"
    torch.save(module.state_dict(), path)
    factory, kwargs = NETWORKS[name]
    found = read_network(path)
    assert found.factory == factory
    read = {key: tuple(v) if isinstance(v, list) else v for key, v in found.kwargs.items()}
    expected = {k: v for k, v in kwargs.items() if k not in ("dropout", "channel_base", "widths")}
    assert expected.items() <= read.items()
    rebuilt = build(found.factory, **found.kwargs)
    rebuilt.load_state_dict(found.module.state_dict())
    assert agree(from_file(path), module)


def test_config_of_a_compressed_generator_is_read_off_its_shapes(tmp_path: Path) -> None:
    for name, config in (
        ("cut", [4, 3, 2, 5, 6, 7, 3, 2]),
        ("cut-older", [4, 3, 2, 5, 5, 5, 3, 2]),
    ):
        torch.save(network(name).state_dict(), tmp_path / name)
        assert read_network(tmp_path / name).kwargs["widths"] == config


def in_old_format(module: nn.Module) -> dict[str, Tensor]:
    """With the statistics that instance norms had before PyTorch 0.4, never counting batches."""
    state = dict(module.state_dict())
    for name, inner in module.named_modules():
        if isinstance(inner, nn.InstanceNorm2d):
            state[f"{name}.running_mean"] = torch.zeros(inner.num_features)
            state[f"{name}.running_var"] = torch.ones(inner.num_features)
    return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}


VARIANTS = {
    "old statistics": in_old_format,
    "DataParallel": lambda m: {f"module.{k}": v for k, v in m.state_dict().items()},
    "inside a checkpoint": lambda m: {"epoch": 3, "state_dict": m.state_dict(), "optimizer": {}},
    "ordered": lambda m: OrderedDict(m.state_dict()),
    "parameters": lambda m: {k: nn.Parameter(v, False) for k, v in m.state_dict().items()},
    "double precision": lambda m: {k: v.double() for k, v in m.state_dict().items()},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", ["cyclegan-9", "pix2pix-batch"])
def test_variants_of_a_file_are_the_same_network(
    variant: str, zipped: bool, name: str, tmp_path: Path
) -> None:
    module, path = network(name), tmp_path / "net.pth"
    torch.save(VARIANTS[variant](module), path, _use_new_zipfile_serialization=zipped)
    assert agree(from_file(path), module)


@pytest.mark.parametrize("labels", [36, 184])
def test_spectral_norm_of_gaugan_is_folded(labels: int, tmp_path: Path) -> None:
    size = (64, 128) if labels == 36 else (64, 64)
    upsampling = "more" if labels == 36 else "normal"
    torch.manual_seed(0)
    module = disturbed(
        SPADEGenerator(labels, width=4, hidden=8, spectral=True, upsampling=upsampling, size=size)
    )
    torch.save(module.state_dict(), tmp_path / "latest_net_G.pth")
    teacher = from_file(tmp_path / "latest_net_G.pth", size=size)
    assert not any("weight_orig" in name for name in teacher.module.state_dict())
    batch = example_inputs(teacher.inputs)
    with torch.no_grad():
        expected = module(**batch)
    assert torch.allclose(teacher(batch), expected, atol=1e-5)


def test_gaugan_in_mobile_form_is_recognised(tmp_path: Path) -> None:
    widths = (3, 2, 4, 5, 4, 3, 2, 4)
    module = SPADEGenerator(36, widths=widths, separable=True)
    torch.save(module.state_dict(), tmp_path / "net.pth")
    found = read_network(tmp_path / "net.pth")
    assert (found.family, found.kwargs["widths"]) == ("spade", list(widths))


def test_spectral_norm_without_its_vectors_is_refused(tmp_path: Path) -> None:
    state = SPADEGenerator(36, width=2, hidden=4, spectral=True).state_dict()
    del state["up_1.conv_0.weight_u"]
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(TeacherError, match=r"up_1\.conv_0\.weight_orig.*spectral norm"):
        from_file(tmp_path / "net.pth")


def test_munit_file_of_two_autoencoders_translates_between_them(tmp_path: Path) -> None:
    a, b = network("munit"), disturbed(network("munit"))
    assert isinstance(a, MUNITGenerator)
    assert isinstance(b, MUNITGenerator)
    parts = {"a": a.state_dict(), "b": b.state_dict()}
    # The adaptive norms' statistics, which every file holds and no network uses.
    parts["a"]["dec.model.0.model.0.model.0.norm.running_mean"] = torch.zeros(16)
    torch.save(parts, tmp_path / "gen.pt")
    with pytest.raises(TeacherError, match=r"say which: part=a\|b\|a2b\|b2a"):
        from_file(tmp_path / "gen.pt")
    teacher = from_file(tmp_path / "gen.pt", part="a2b")
    batch = {"image": torch.rand(1, 3, 32, 32), "z": torch.rand(1, 3)}
    with torch.no_grad():
        expected = b.dec(a.enc_content(batch["image"]), b.mlp(batch["z"]))
    assert_same_but_for_rounding(teacher(batch), expected)


@pytest.mark.parametrize("classes", [0, 10])
def test_stylegan2_ada_pickle_computes_the_same(classes: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = disturbed(StyleGAN2Generator(6, classes, 7, 16, channel_base=64, conv_clamp=2.0))
    teacher = from_file(stylegan2_ada(module, tmp_path / "network.pkl", conv_clamp=2.0))
    assert list(teacher.inputs) == (["z", "c"] if classes else ["z"])
    assert agree(teacher, module)


@pytest.mark.parametrize("architecture", ["orig", "resnet"])
@pytest.mark.parametrize("flat", [False, True], ids=["stylegan2-ada", "stylegan3"])
def test_pickles_of_other_architectures_and_lengths_are_read_off_their_tensors(
    architecture: Any, flat: bool, tmp_path: Path
) -> None:
    lengths = {"architecture": architecture, "embed_features": 3, "layer_features": 9}
    module = disturbed(
        StyleGAN2Generator(
            6, 3, 7, 16, mapping_layers=3, channel_base=64, conv_clamp=2.0, **lengths
        )
    )
    path = stylegan2_ada(
        module, tmp_path / "n.pkl", flat=flat, conv_clamp=2.0, architecture=architecture
    )
    found = read_network(path)
    assert {name: found.kwargs[name] for name in lengths} == lengths
    assert found.kwargs["conv_clamp"] == 2.0
    assert agree(from_file(path), module)


def test_clamp_of_a_pickle_without_arguments_is_read_off_its_layers(tmp_path: Path) -> None:
    module = network("stylegan2")
    generator = as_persistent(module, "Generator")
    state = generator.meta["state"]
    layer = state["_modules"]["synthesis"].meta["state"]["_modules"]["b4"].meta["state"]
    layer["_modules"]["conv1"].meta["state"]["conv_clamp"] = 256
    (tmp_path / "n.pkl").write_bytes(dumps({"G_ema": generator}))
    assert read_network(tmp_path / "n.pkl").kwargs["conv_clamp"] == 256.0


@pytest.mark.parametrize(("key", "value"), [("activation", "linear"), ("use_noise", False)])
def test_other_form_of_stylegan2_is_refused(key: str, value: Any, tmp_path: Path) -> None:
    path = stylegan2_ada(network("stylegan2"), tmp_path / "n.pkl", **{key: value})
    with pytest.raises(TeacherError, match=f"synthesis_kwargs.{key} is {value!r}"):
        from_file(path)


def test_settings_go_before_what_was_read(tmp_path: Path) -> None:
    path = stylegan2_ada(network("stylegan2"), tmp_path / "n.pkl")
    module = from_file(path, truncation_psi=0.0, noise_mode="none").module
    images = module(torch.randn(2, 6), torch.eye(10)[:2])
    assert_same_but_for_rounding(images[0], images[1])  # all latents become the mean


def distylegan_folder(folder: Path, **config: int) -> Path:
    torch.save(network("distylegan").state_dict(), folder / "generator.pt")
    torch.save({}, folder / "discriminator.pt")
    published = {"c_dim": 3, "z_dim": 6, "ngf": 16, "nc": 3, "project_dim": 5, "ndf": 8}
    (folder / "config.json").write_text(json.dumps({**published, **config}))
    return folder


def test_distylegan_folder_is_read(tmp_path: Path) -> None:
    assert agree(from_file(distylegan_folder(tmp_path)), network("distylegan"))


def test_distylegan_folder_of_two_generators_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="ngf is 32, the tensors say 16"):
        from_file(distylegan_folder(tmp_path, ngf=32))


def test_student_is_a_teacher(tmp_path: Path) -> None:
    module = ResNetGenerator(width=4, blocks=6)
    architecture = Architecture("resnet", {"width": 4, "blocks": 6})
    path = tmp_path / "student.safetensors"
    save_student(Student(module.eval(), module.inputs, architecture), path)
    assert agree(from_file(path), module)


def test_safetensors_of_a_known_family_are_read(tmp_path: Path) -> None:
    module = network("cyclegan-9")
    save_file(module.state_dict(), tmp_path / "net.safetensors")
    assert agree(from_file(tmp_path / "net.safetensors"), module)


def test_file_that_fits_nearly_names_the_tensors_that_do_not(tmp_path: Path) -> None:
    state = network("cyclegan-9").state_dict()
    state["model.12.conv_block.5.weight"] = torch.zeros(16, 16, 5, 5)
    del state["model.22.bias"]
    state["model.30.weight"] = torch.zeros(2)
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(TeacherError) as caught:
        from_file(tmp_path / "net.pth")
    message = str(caught.value)
    assert "it holds 48 tensors: model.1.weight 4×3×7×7" in message
    assert "closest is resnet: 46 tensors fit" in message
    assert "model.12.conv_block.5.weight: 16×16×5×5 in the file, 16×16×3×3 in resnet" in message
    assert "model.22.bias: missing in the file, 4 in resnet" in message
    assert "model.30.weight: 2 in the file, not in resnet" in message


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    state = network("cyclegan-9").state_dict()
    state["model.4.bias"][0] = torch.nan
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(TeacherError, match=r"model\.4\.bias holds numbers that are not finite"):
        from_file(tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\x89PNG\r\n\x1a\n0123456789", "a picture"),
        (b"\x00\x01\x02", "truncated or not a checkpoint"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00{}", "damaged"),
    ],
)
def test_what_is_no_checkpoint_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "teacher.pkl").write_bytes(content)
    with pytest.raises(TeacherError, match=rf"teacher\.pkl.*{message}"):
        from_file(tmp_path / "teacher.pkl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "a list, not a state dict"),
        ({"epoch": 1}, "holds no tensors"),
        ({"w": torch.zeros(3)}, "none of these names is known"),
        (torch.zeros(3), "a Tensor, not a state dict"),
    ],
)
def test_torch_file_without_a_generator_is_refused(
    content: Any, message: str, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(TeacherError, match=message):
        from_file(tmp_path / "net.pth")


def test_unknown_family_part_or_setting_is_named(tmp_path: Path) -> None:
    torch.save(network("cyclegan-9").state_dict(), tmp_path / "net.pth")
    for asked, message in (
        ({"family": "pixelcnn"}, "'pixelcnn': expected one of resnet"),
        ({"part": "netG"}, "has no part 'netG'"),
        ({"colour": 3}, "colour: not arguments of"),
        ({"family": "unet"}, "not a generator of"),
    ):
        with pytest.raises(TeacherError, match=message):
            from_file(tmp_path / "net.pth", **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("cifar10.pkl", r"nvlabs.*cifar10\.pkl"),
        ("horse2zebra.pth", r"cyclegan/pretrained_models/horse2zebra\.pth"),
        ("facades_label2photo.pth", r"pix2pix/models-pytorch/facades_label2photo\.pth"),
        ("gaugan_cityscapes.pth", r"NVlabs/SPADE"),
        ("mine.pth", "mend the path"),
    ],
)
def test_missing_file_tells_where_to_get_it(name: str, where: str, tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=rf"(?s)no such file.*{where}") as caught:
        from_file(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
