"""StyleGAN3's pickles, as persistence writes them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gancompress.generators.build import build
from gancompress.teachers.from_file import from_file, read_network
from tests.unit.teachers.published import EasyDict, Persistent, as_persistent, dumps, stylegan2_ada

SMALL = {"z_dim": 8, "w_dim": 6, "resolution": 16, "channel_base": 64, "channel_max": 8}
R = {"kernel_size": 1, "radial": True}


def made(**kwargs: Any) -> nn.Module:
    torch.manual_seed(0)
    return build("stylegan3", **{**SMALL, **kwargs}).eval()


@pytest.mark.parametrize("kwargs", [{}, R, {"classes": 3}, {"resolution": 32, "layers": 10}])
def test_pickle_computes_the_same(kwargs: dict[str, Any], tmp_path: Path) -> None:
    module = made(**kwargs, conv_clamp=3.0)
    generator = as_persistent(module, "Generator", _init_kwargs=EasyDict(z_dim=8))
    synthesis = generator.meta["state"]["_modules"]["synthesis"].meta["state"]["_modules"]
    for name, layer in synthesis.items():
        if name.startswith("L"):
            layer.meta["state"]["conv_clamp"] = 3
    content = {"G": generator, "D": Persistent("Discriminator"), "G_ema": generator}
    (tmp_path / "stylegan3-t.pkl").write_bytes(dumps(content))
    found = read_network(tmp_path / "stylegan3-t.pkl")
    assert {key: found.kwargs[key] for key in kwargs} == kwargs
    teacher = from_file(tmp_path / "stylegan3-t.pkl")
    batch = teacher.sample_inputs(range(2), 0)
    with torch.no_grad():
        assert torch.allclose(teacher(batch), module(**batch), atol=1e-5)


def test_flattened_records_of_stylegan2_are_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = build("stylegan2", z_dim=6, w_dim=7, channel_base=64, conv_clamp=2.0, classes=0)
    path = stylegan2_ada(module, tmp_path / "n.pkl")
    generator = as_persistent(
        module, "Generator", _init_kwargs=EasyDict(z_dim=6, channel_base=64, conv_clamp=2.0)
    )
    path.write_bytes(dumps({"G_ema": generator}))
    assert read_network(path).kwargs["conv_clamp"] == 2.0
