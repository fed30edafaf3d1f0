"""The FID network and its preparation against pytorch-fid's own, on equal (random) weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_fid import inception as theirs
from pytorch_fid.fid_score import compute_statistics_of_path

from gancompress.data.images import Reading, images_from_tensor, open_images
from gancompress.metrics.collect import collect
from gancompress.metrics.features import NetworkExtractor
from gancompress.metrics.frechet import frechet_distance
from gancompress.metrics.inception import InceptionNetwork, inception_extractor


@pytest.fixture(scope="module")
def ours() -> NetworkExtractor:
    torch.manual_seed(0)
    network = InceptionNetwork()
    for parameter in network.parameters():
        if parameter.dim() > 1:  # keeps activations alive through the depth of the network
            torch.nn.init.kaiming_normal_(parameter)
    return inception_extractor(network, "random")


@pytest.fixture
def pytorch_fid_network(ours: NetworkExtractor, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    weights = ours.network.net.state_dict()  # type: ignore[union-attr, operator]
    monkeypatch.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: weights)
    return theirs.InceptionV3([3]).eval()


def _images(count: int, size: int) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, 3, size, size), dtype=np.uint8))


@pytest.mark.parametrize("size", [32, 320])
def test_features_equal_pytorch_fid(
    ours: NetworkExtractor, pytorch_fid_network: torch.nn.Module, size: int
) -> None:
    images = _images(2, size)
    with torch.inference_mode():
        expected = pytorch_fid_network(images.float() / 255)[0].flatten(1)
    found = ours(images).features
    assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())


def test_distance_from_tensors_equals_pytorch_fid_from_files(
    ours: NetworkExtractor, pytorch_fid_network: torch.nn.Module, tmp_path: Path
) -> None:
    images = _images(6, 32)
    for index, image in enumerate(images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / f"{index}.png")
    mean, covariance = compute_statistics_of_path(
        str(tmp_path), pytorch_fid_network, 6, 2048, "cpu", 0
    )
    for source in (
        images_from_tensor(images),
        open_images(tmp_path, reading=Reading(cache=tmp_path / "cache")),
    ):
        found = collect(source, ours, batch_size=4).statistics
        scale = float(np.abs(mean).max())
        np.testing.assert_allclose(found.mean, mean, atol=1e-5 * scale)
        np.testing.assert_allclose(found.covariance, covariance, atol=1e-5 * scale**2)
    # Both are of one set of images, whatever way they came.
    assert frechet_distance(found, found) < 1e-6
