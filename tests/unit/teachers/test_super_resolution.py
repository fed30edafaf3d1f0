"""Real-ESRGAN's and ESRGAN's files in each of their layouts."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import example_inputs
from gancompress.generators.build import build
from gancompress.teachers.from_file import from_file, read_network
from tests.zoo.rrdb import RRDBNet

SMALL = {"width": 4, "growth": 2, "blocks": 3, "resolution": 8}


def esrgan_names(name: str) -> str:
    """BasicSR's name as ESRGAN's own release has it."""
    name = re.sub(r"^body\.(\d+)\.rdb(\d)\.", r"RRDB_trunk.\1.RDB\2.", name)
    name = name.replace("conv_body.", "trunk_conv.").replace("conv_hr.", "HRconv.")
    return re.sub(r"^conv_up(\d)\.", r"upconv\1.", name)


def places(doublings: int, blocks: int = 3) -> dict[str, str]:
    """BasicSR's layers as ESRGAN's older files number them."""
    names = {"conv_first": "model.0", "conv_body": f"model.1.sub.{blocks}"}
    names |= {f"conv_up{index}": f"model.{3 * index}" for index in range(1, doublings + 1)}
    after = 3 * doublings + 2
    return {**names, "conv_hr": f"model.{after}", "conv_last": f"model.{after + 2}"}


def older_names(name: str, doublings: int) -> str:
    name = re.sub(r"^body\.(\d+)\.rdb(\d)\.(conv\d)\.", r"model.1.sub.\1.RDB\2.\3.0.", name)
    layer, _, rest = name.partition(".")
    return f"{places(doublings)[layer]}.{rest}" if layer in places(doublings) else name


def agree(path: Path, module: nn.Module) -> bool:
    teacher = from_file(path)
    batch = example_inputs(teacher.inputs, n=1)
    batch["image"] = batch["image"][..., :8, :8]
    with torch.no_grad():
        return torch.equal(teacher(batch), 2 * module(batch["image"]) - 1)


def test_rrdb_computes_what_esrgan_does() -> None:
    torch.manual_seed(0)
    theirs, ours = RRDBNet(width=4, growth=2, blocks=3), build("rrdb", **SMALL)
    ours.load_state_dict(theirs.state_dict())
    image = torch.rand(1, 3, 8, 8)
    assert torch.allclose(ours(image), theirs(image), atol=1e-6)


@pytest.mark.parametrize(("doublings", "unshuffle"), [(2, 1), (2, 2), (2, 4), (1, 1), (0, 1)])
def test_enlargement_of_an_rrdb_file_is_read_off_its_tensors(
    doublings: int, unshuffle: int, tmp_path: Path
) -> None:
    module = build("rrdb", **SMALL, doublings=doublings, unshuffle=unshuffle)
    torch.save({"params_ema": module.state_dict()}, tmp_path / "net_g.pth")
    kwargs = read_network(tmp_path / "net_g.pth").kwargs
    assert (kwargs["doublings"], kwargs["unshuffle"]) == (doublings, unshuffle)
    assert agree(tmp_path / "net_g.pth", module)


@pytest.mark.parametrize("doublings", [0, 1, 2, 3])
@pytest.mark.parametrize("layout", ["esrgan", "older", "kair"])
def test_older_names_of_esrgan_are_the_same_network(
    layout: str, doublings: int, tmp_path: Path
) -> None:
    module = build("rrdb", **SMALL, doublings=doublings)
    names = {
        "esrgan": esrgan_names,
        "older": lambda name: older_names(name, doublings),
        "kair": lambda name: re.sub(r"(conv\d)\.0\.", r"\1.", older_names(name, doublings)),
    }
    named: dict[str, Tensor] = {
        names[layout](name): value for name, value in module.state_dict().items()
    }
    torch.save(named, tmp_path / "RRDB_ESRGAN.pth")
    assert agree(tmp_path / "RRDB_ESRGAN.pth", module)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_compact_network_is_read_off_its_tensors(scale: int, tmp_path: Path) -> None:
    module = build("srvgg", width=4, convolutions=3, scale=scale)
    torch.save({"params": module.state_dict()}, tmp_path / "net.pth")
    assert read_network(tmp_path / "net.pth").kwargs["scale"] == scale
    assert agree(tmp_path / "net.pth", module)


def test_compact_network_adds_to_the_enlarged_image() -> None:
    module = build("srvgg", width=4, convolutions=1, scale=2)
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    image = torch.rand(1, 3, 4, 4)
    assert torch.equal(module(image), F.interpolate(image, scale_factor=2.0, mode="nearest"))
