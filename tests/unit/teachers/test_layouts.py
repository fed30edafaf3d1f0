"""However a network was saved, and whatever lies beside it, it is found."""

import argparse
import collections
import datetime
import enum
import logging
import pathlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm

from gancompress.batch import example_inputs
from gancompress.errors import TeacherError, UnsafeFileError
from gancompress.generators.build import build
from gancompress.teachers.from_file import from_file, read_network
from gancompress.teachers.own_weights import weights_for


class Colour(enum.Enum):
    RED = 1


class Settings(dict[str, Any]):
    """A dictionary with attributes, as many programs keep their settings in."""


class Weights(collections.OrderedDict[str, Tensor]):
    pass


def small() -> nn.Module:
    torch.manual_seed(0)
    return build("resnet", width=4, blocks=3).eval()


def agrees(path: Path, module: nn.Module, **settings: Any) -> bool:
    teacher = from_file(path, **settings)
    batch = example_inputs(teacher.inputs, n=1)
    batch["image"] = batch["image"][..., :16, :16]
    with torch.no_grad():
        return torch.allclose(teacher(batch), module(**batch), atol=1e-5)


HARMLESS: dict[str, Any] = {
    "namespace": argparse.Namespace(lr=1e-4, betas=(0.5, 0.999)),
    "device": torch.device("cpu"),
    "defaultdict": collections.defaultdict(list, {"loss": [1.0]}),
    "subclass": Settings(size=256),
    "numpy number": np.float64(0.5),
    "numpy array": np.arange(3),
    "date": datetime.datetime(2026, 1, 2),
    "enum": Colour.RED,
    "path": pathlib.PurePosixPath("runs/mine"),
    "tuple as key": {(1, 2): "a"},
    "type": torch.float32,
    "class": nn.Conv2d,
    "complex": 1 + 2j,
    "range": range(4),
    "counter": collections.Counter("aab"),
    "bytes": bytearray(b"abc"),
    "method": [].append,
    "generator": torch.Generator().get_state(),
}


@pytest.mark.parametrize("what", HARMLESS)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_harmless_metadata_is_read_over(what: str, zipped: bool, tmp_path: Path) -> None:
    module, path = small(), tmp_path / "checkpoint.pth"
    content = {"meta": HARMLESS[what], "state_dict": module.state_dict()}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert agrees(path, module)


def test_what_is_skipped_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.save({"args": HARMLESS["namespace"], "net": small().state_dict()}, tmp_path / "n.pth")
    with caplog.at_level(logging.WARNING, "gancompress.teachers"):
        found = read_network(tmp_path / "n.pth")
        assert read_network(tmp_path / "n.pth").assumptions == found.assumptions
    assert any("argparse.Namespace" in text for text in found.assumptions)
    assert caplog.text.count("argparse.Namespace") == 1  # each stage of a run reads it


def test_subclass_of_a_dictionary_holds_a_state_dict(tmp_path: Path) -> None:
    module = small()
    torch.save(Weights(module.state_dict()), tmp_path / "net.pth")
    assert agrees(tmp_path / "net.pth", module)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_tensors_of_a_whole_module_are_read(zipped: bool, tmp_path: Path) -> None:
    module, path = small(), tmp_path / "whole.pth"
    torch.save({"netG": nn.DataParallel(module)}, path, _use_new_zipfile_serialization=zipped)
    assert agrees(path, module)


def nested(state: dict[str, Tensor]) -> dict[str, Any]:
    other = build("patchgan", width=4).state_dict()
    return {
        "iters": torch.tensor(7),
        "networks": {"D": other, "G": {"weights": state}},
        "optimizer": torch.optim.Adam([nn.Parameter(torch.zeros(3))]).state_dict(),
    }


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{name}": value for name, value in state.items()}


LAYOUTS = {
    "two levels deep": nested,
    "beside a tensor": lambda s: {"latent_avg": torch.zeros(4), "g": s},
    "in a list": lambda s: [s, 3],
    "module.": lambda s: prefixed(s, "module."),
    "_orig_mod.": lambda s: prefixed(s, "_orig_mod."),
    "module._orig_mod.": lambda s: prefixed(s, "module._orig_mod."),
    "generator.": lambda s: prefixed(s, "generator."),
    "net.": lambda s: prefixed(s, "net."),
    "netG_A.": lambda s: prefixed(s, "netG_A."),
    "generator beside a discriminator": lambda s: (
        prefixed(s, "netG.module.") | prefixed(build("patchgan", width=4).state_dict(), "netD.")
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_network_is_found_where_it_lies(layout: str, tmp_path: Path) -> None:
    module = small()
    torch.save(LAYOUTS[layout](dict(module.state_dict())), tmp_path / "net.pth")
    assert agrees(tmp_path / "net.pth", module)


def test_prefixes_of_safetensors_are_seen_through(tmp_path: Path) -> None:
    module = small()
    save_file(prefixed(dict(module.state_dict()), "module."), tmp_path / "net.safetensors")
    assert agrees(tmp_path / "net.safetensors", module)


def test_averaged_weights_go_first_and_it_is_said(tmp_path: Path) -> None:
    module, averaged = small(), small()
    nn.init.constant_(averaged.get_submodule("model.1").bias, 0.5)  # type: ignore[arg-type]
    both = {"params": module.state_dict(), "params_ema": averaged.state_dict()}
    torch.save(both, tmp_path / "net.pth")
    assert agrees(tmp_path / "net.pth", averaged)
    assert agrees(tmp_path / "net.pth", module, part="params")
    assert "params_ema is taken" in " ".join(read_network(tmp_path / "net.pth").assumptions)


def test_two_generators_are_asked_about(tmp_path: Path) -> None:
    state = dict(small().state_dict())
    torch.save(prefixed(state, "netG_A.") | prefixed(state, "netG_B."), tmp_path / "net.pth")
    with pytest.raises(TeacherError, match=r"say which: part=netG_A\|netG_B"):
        from_file(tmp_path / "net.pth")
    assert agrees(tmp_path / "net.pth", small(), part="netG_B")


NORMS = {
    "spectral, old": old_spectral_norm,
    "spectral": parametrizations.spectral_norm,
    "weight, old": old_weight_norm,
    "weight": parametrizations.weight_norm,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("norm", NORMS)
def test_norms_of_weights_are_folded(norm: str, tmp_path: Path) -> None:
    module = small()
    layers = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    for layer in layers:
        NORMS[norm](layer)
    module.train()(torch.rand(1, 3, 16, 16))  # a step of power iteration
    torch.save(module.eval().state_dict(), tmp_path / "net.pth")
    assert agrees(tmp_path / "net.pth", module)


def test_flipped_bit_of_a_tensor_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save(small().state_dict(), path)
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("net/data/8").header_offset + 130
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(TeacherError, match="checksum"):
        from_file(path)


def test_harmful_global_among_harmless_ones_is_refused(tmp_path: Path) -> None:
    torch.save({"net": small().state_dict(), "call": eval}, tmp_path / "net.pth")
    with pytest.raises(UnsafeFileError, match=r"builtin.*eval"):
        from_file(tmp_path / "net.pth")


def test_missing_layer_is_named_by_what_is_in_its_place(tmp_path: Path) -> None:
    state = dict(build("resnet", width=6, blocks=9).state_dict())
    state["model.7.kernel"] = state.pop("model.7.weight")
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(TeacherError) as caught:
        from_file(tmp_path / "net.pth")
    message = str(caught.value)
    assert "model.7.kernel: 24×12×3×3 in the file, where resnet has model.7.weight" in message
    assert "×64×" not in message.split("closest")[1].split("24×12×3×3")[0]
    assert (
        f'teacher: {{factory: "your_file.py:build", weights: {tmp_path}/net.pth, '
        "inputs: {image: {kind: image, shape: [3, 256, 256]}}}" in message
    )


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 3)
        self.extra = nn.Parameter(torch.zeros(2))


def test_weights_of_an_own_network_are_found_where_they_lie(tmp_path: Path) -> None:
    module, path = Own(), tmp_path / "mine.pth"
    torch.save({"args": HARMLESS["namespace"], "net": prefixed(module.state_dict(), "m.")}, path)
    found = weights_for(Own(), path, "mine.py:build")
    assert torch.equal(found["first.weight"], module.first.weight)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_of_an_own_network_that_are_not_finite_are_refused(
    value: float, tmp_path: Path
) -> None:
    state = Own().state_dict()
    state["extra"][1] = value
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(TeacherError, match="extra holds numbers that are not finite"):
        weights_for(Own(), tmp_path / "mine.pth", "mine.py:build")


def test_weights_of_another_network_name_what_differs(tmp_path: Path) -> None:
    torch.save(nn.Linear(4, 5).state_dict(), tmp_path / "mine.pth")
    with pytest.raises(TeacherError, match=r"does not fit what 'mine\.py:build'.*first\.weight"):
        weights_for(Own(), tmp_path / "mine.pth", "mine.py:build")
