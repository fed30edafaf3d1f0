"""Networks that nobody wrote for this project: what is extracted is what was searched."""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from tests.zoo.checks import check_supernet, elastic_share
from tests.zoo.networks import SHARED, ZOO, style_wave

NETWORKS = [
    pytest.param(name, marks=pytest.mark.slow) if network.slow else name
    for name, network in ZOO.items()
]


@pytest.mark.parametrize("name", NETWORKS)
def test_zoo_becomes_a_supernet(name: str) -> None:
    torch.manual_seed(0)
    module = ZOO[name].make()
    supernet = check_supernet(module, ZOO[name].batch(module))
    assert elastic_share(supernet) >= ZOO[name].elastic


@pytest.mark.skipif(
    not (SHARED / "weights" / "style-wave.safetensors").exists(),
    reason=f"no weights/style-wave.safetensors under GANCOMPRESS_SHARED ({SHARED})",
)
def test_style_wave_matches_the_published_output() -> None:
    with zipfile.ZipFile(SHARED / "data" / "facades-train.zip") as archive:
        photograph = Image.open(io.BytesIO(archive.read("1.jpg"))).crop((0, 0, 256, 256))
    image = torch.from_numpy(np.array(photograph)).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        output = style_wave()(image)[0].permute(1, 2, 0).round().byte().numpy()
    golden = np.array(Image.open(SHARED / "weights" / "style-wave-golden.png"))
    assert np.abs(output.astype(int) - golden.astype(int)).max() <= 1
