"""Every option of the published image-to-image families, by the files that it writes.

Where the publishers' programs alone could show that numbers are equal, names and shapes are held
against what those programs write.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import example_inputs
from gancompress.errors import TeacherError
from gancompress.generators.antialias import BlurDown, BlurUp
from gancompress.generators.build import build
from gancompress.teachers.from_file import from_file, read_network

FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "no norm": ("resnet", {"norm_kind": "none"}),
    "affine instance norm": ("resnet", {"norm_kind": "instance_affine"}),
    "tracked instance norm": ("resnet", {"norm_kind": "instance_tracked"}),
    "batch norm with biases": ("resnet", {"norm_kind": "batch", "bias": True}),
    "mobile, batch norm": ("resnet", {"norm_kind": "batch", "separable": True, "dropout": 0.0}),
    "zeros at the borders": ("resnet", {"padding": "zero"}),
    "zeros at the borders, dropout": ("resnet", {"padding": "zero", "dropout": 0.0}),
    "CUT": ("resnet", {"antialias_down": True, "antialias_up": True}),
    "CUT, down only": ("resnet", {"antialias_down": True}),
    "CUT, up only": ("resnet", {"antialias_up": True}),
    "older class, unequal thirds": (
        "resnet",
        {"widths": [4, 3, 2, 5, 6, 7, 3, 2], "narrow": "first", "separable": True, "dropout": 0.0},
    ),
    "older class, six numbers": (
        "resnet",
        {"widths": [4, 3, 2, 5, 5, 5, 3, 2], "narrow": "first", "separable": True, "dropout": 0.0},
    ),
    "U-Net, instance norm": ("unet", {"norm_kind": "instance", "downs": 7}),
    "U-Net, affine instance norm": ("unet", {"norm_kind": "instance_affine", "downs": 7}),
    "U-Net, no norm": ("unet", {"norm_kind": "none", "downs": 7}),
    "GauGAN, instance norm": ("spade", {"norm_kind": "instance"}),
    "GauGAN, 5×5": ("spade", {"kernel_size": 5}),
    "GauGAN, latent": ("spade", {"z_dim": 6, "size": (64, 128)}),
    "GauGAN, latent, square": ("spade", {"z_dim": 6, "size": (64, 64)}),
    "MUNIT, prelu": ("munit", {"activation": "prelu"}),
}

SIZES: dict[str, dict[str, Any]] = {
    "resnet": {"width": 4},
    "unet": {"width": 2},
    "spade": {"label_channels": 36, "width": 2, "hidden": 4},
    "munit": {"width": 4, "style_dim": 3, "mlp_dim": 5, "blocks": 1},
}


def made(form: str) -> nn.Module:
    factory, kwargs = FORMS[form]
    torch.manual_seed(0)
    module = build(factory, **{**SIZES[factory], **kwargs})
    for tensor in module.state_dict().values():
        if tensor.is_floating_point() and tensor.ndim != 4:
            tensor.add_(torch.rand_like(tensor), alpha=0.3)
    return module.eval()


def agrees(path: Path, module: nn.Module, **settings: Any) -> bool:
    teacher = from_file(path, **settings)
    batch = example_inputs(teacher.inputs, n=1)
    if "image" in batch and teacher.module.__class__.__name__ != "UNetGenerator":
        batch["image"] = batch["image"][..., :32, :32]
    with torch.no_grad():
        return torch.equal(teacher(batch), module(**batch))


@pytest.mark.parametrize("form", FORMS)
def test_form_is_read_off_the_tensors(form: str, tmp_path: Path) -> None:
    module = made(form)
    torch.save(module.state_dict(), tmp_path / "net.pth")
    assert agrees(tmp_path / "net.pth", module)
    _, kwargs = FORMS[form]
    read = read_network(tmp_path / "net.pth").kwargs
    assert {name: read[name] for name in kwargs} == kwargs


# Settings whose tensors are those of the published default: they are assumed, said, and given.
ALIKE: dict[str, tuple[str, dict[str, Any]]] = {
    "replicated borders": ("resnet", {"padding": "replicate"}),
    "MUNIT, leaky": ("munit", {"activation": "lrelu"}),
    "MUNIT, zeros": ("munit", {"padding": "zero"}),
    "GauGAN, size": ("spade", {"size": (128, 128)}),
    "GauGAN, up-sampling": ("spade", {"upsampling": "normal"}),
    "GauGAN, mobile": ("spade", {"separable": True, "separable_norm": "none"}),
}


@pytest.mark.parametrize("form", ALIKE)
def test_what_tensors_do_not_show_is_assumed_and_can_be_said(form: str, tmp_path: Path) -> None:
    factory, kwargs = ALIKE[form]
    torch.manual_seed(0)
    module = build(factory, **{**SIZES[factory], **kwargs}).eval()
    torch.save(module.state_dict(), tmp_path / "net.pth")
    settings = {name: value for name, value in kwargs.items() if name != "separable"}
    for name in settings:
        told = read_network(tmp_path / "net.pth").assumptions
        assert any(text.startswith(f"{name}=") for text in told)
    assert agrees(tmp_path / "net.pth", module, **settings)
    assert not any(
        text.startswith(f"{name}=")
        for text in read_network(tmp_path / "net.pth", **settings).assumptions
        for name in settings
    )


def test_where_no_default_is_published_the_setting_is_asked_for(tmp_path: Path) -> None:
    module = build("srvgg", width=4, convolutions=2, activation="leakyrelu")
    torch.save({"params": module.state_dict()}, tmp_path / "net.pth")
    with pytest.raises(TeacherError, match="activation=relu or activation=leakyrelu"):
        from_file(tmp_path / "net.pth")
    found = read_network(tmp_path / "net.pth", activation="leakyrelu")
    assert torch.equal(found.module(torch.ones(1, 3, 8, 8)), module(torch.ones(1, 3, 8, 8)))


def test_statistics_without_a_count_can_be_used(tmp_path: Path) -> None:
    module = made("tracked instance norm")
    state = {n: v for n, v in module.state_dict().items() if "num_batches" not in n}
    torch.save(state, tmp_path / "net.pth")
    assert "instance_tracked" in " ".join(read_network(tmp_path / "net.pth").assumptions)
    assert not agrees(tmp_path / "net.pth", module)
    assert agrees(tmp_path / "net.pth", module, norm_kind="instance_tracked")


def test_statistics_of_a_compressed_gaugan_are_cut_to_its_maps(tmp_path: Path) -> None:
    widths = [3, 2, 4, 5, 4, 3, 2, 4]
    torch.manual_seed(0)
    module = build("spade", label_channels=36, widths=widths, separable=True, size=(128, 128))
    torch.nn.init.normal_(module.get_buffer("up_0.norm_1.param_free_norm.running_mean"))
    state: dict[str, Tensor] = {}
    for name, value in module.eval().state_dict().items():
        # 64 more channels, as the network before it was compressed had.
        full = name.rpartition(".")[2] in ("running_mean", "running_var")
        state[name] = torch.cat([value, torch.full((64,), 9.0)]) if full else value
    torch.save(state, tmp_path / "latest_net_G.pth")
    assert agrees(tmp_path / "latest_net_G.pth", module, size=(128, 128))


def test_blurs_are_those_of_zero_stuffing_and_a_binomial_filter() -> None:
    x = torch.randn(2, 3, 6, 6)
    up, down = BlurUp(3), BlurDown(3)
    assert torch.allclose(up(torch.ones(1, 3, 5, 5)), torch.ones(1, 3, 10, 10), atol=1e-6)
    assert torch.allclose(down(torch.ones(1, 3, 5, 5)), torch.ones(1, 3, 3, 3), atol=1e-6)
    # The filter [1, 3, 3, 1] over zeros is linear interpolation at quarters.
    inside = 0.75 * x[..., 1:-1, 1:-1] + 0.25 * x[..., 1:-1, :-2]
    rows = 0.75 * inside[..., 1:, :] + 0.25 * inside[..., :-1, :]
    assert torch.allclose(up(x)[..., 4:-2:2, 2:-2:2], rows, atol=1e-6)
    line = F.pad(x, (1, 1, 1, 1), mode="reflect")
    line = (line[..., :-2] + 2 * line[..., 1:-1] + line[..., 2:]) / 4
    line = (line[..., :-2, :] + 2 * line[..., 1:-1, :] + line[..., 2:, :]) / 4
    assert torch.allclose(down(x), line[..., ::2, ::2], atol=1e-6)
