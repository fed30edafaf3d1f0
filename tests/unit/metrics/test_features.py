import pytest
import torch

from gancompress.errors import MetricError
from gancompress.metrics.features import hash_weights, network_extractor
from tests.unit.metrics.networks import Pooled, broken, pictures, tiny


def test_features_do_not_depend_on_batch_size_or_order() -> None:
    extractor, images = tiny(), pictures(20)
    whole = extractor(images).features
    pieces = torch.cat([extractor(part).features for part in images.split(3)])
    torch.testing.assert_close(pieces, whole)
    torch.testing.assert_close(extractor(images.flip(0)).features, whole.flip(0))


def test_grey_images_are_seen_as_rgb() -> None:
    grey = pictures(3, channels=1)
    extractor = tiny()
    assert torch.equal(extractor(grey).features, extractor(grey.repeat(1, 3, 1, 1)).features)


def test_images_of_another_size_are_resized() -> None:
    assert tiny()(pictures(2, size=20)).features.shape == (2, 12)


def test_nan_features_are_an_error() -> None:
    black = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    with pytest.raises(MetricError, match="extractor broken: features hold NaN"):
        broken()(black)


def test_fingerprint_changes_with_weights_and_preparation() -> None:
    other = Pooled()
    other.conv.weight.data[0, 0, 0, 0] += 1e-6
    prints = {
        tiny().fingerprint,
        network_extractor("tiny", other, size=8, channels=3).fingerprint,
        network_extractor("tiny", Pooled(), size=16, channels=3).fingerprint,
        network_extractor("tiny", Pooled(), size=8, channels=3, antialias=False).fingerprint,
    }
    assert len(prints) == 4
    assert tiny().fingerprint == tiny().fingerprint


def test_hash_sees_names_types_and_values() -> None:
    weight = torch.ones(4)
    assert hash_weights({"a": weight}) != hash_weights({"b": weight})
    assert hash_weights({"a": weight}) != hash_weights({"a": weight.double()})
    assert hash_weights({"a": weight}) != hash_weights({"a": weight.view(2, 2)})
