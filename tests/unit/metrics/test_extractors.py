import hashlib
import urllib.error
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18, squeezenet1_0

from gancompress.errors import MetricError
from gancompress.metrics import inception as inception_module
from gancompress.metrics.extractors import open_extractor
from gancompress.metrics.inception import CHECKSUM, frechet_name, inception
from gancompress.metrics.networks import read_weights, torchvision_backbone
from tests.unit.metrics.networks import pictures, tiny

HERE = "tests.unit.metrics.networks"


@pytest.mark.parametrize("attribute", ["tiny", "ready"])
def test_module_attribute_may_be_an_extractor_or_make_one(attribute: str) -> None:
    assert open_extractor(f"{HERE}:{attribute}").fingerprint == tiny().fingerprint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "is none of: inception"),
        (f"{HERE}:number", "is int"),
        (f"{HERE}:absent", "absent"),
        ("no_such_package.anywhere:thing", "no_such_package"),
        ("squeezenet", "squeezenet:FILE"),
        ("squeezenet:absent.safetensors", "no such weight file"),
        ("torchvision:absent", "no classifier 'absent'"),
        ("absent.safetensors", "cannot be read"),
    ],
)
def test_what_is_no_extractor_is_named_in_the_error(text: str, reason: str) -> None:
    with pytest.raises(MetricError, match=reason):
        open_extractor(text)


def test_torchvision_backbone_reads_before_the_last_layer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = resnet18(weights=None).eval()
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    extractor = open_extractor(f"torchvision:resnet18:{tmp_path / 'w.safetensors'}")
    found = extractor(pictures(2, size=224))
    assert found.features.shape == (2, 512)
    assert found.logits is not None
    torch.testing.assert_close(network.fc(found.features), found.logits)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(MetricError, match="does not fit"):
        torchvision_backbone("resnet18", tmp_path / "w.safetensors")


def test_weight_files_that_would_run_code_are_refused(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    torch.save({"w": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(MetricError, match="refused"):
        read_weights(tmp_path / "bomb.pth")
    assert not (tmp_path / "exploded").exists()


def test_damaged_weight_files_are_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1000)}, tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes((tmp_path / "w.pth").read_bytes()[:500])
    with pytest.raises(MetricError, match=r"w\.pth"):
        read_weights(tmp_path / "w.pth")


def test_another_file_is_not_taken_for_the_fid_network(tmp_path: Path) -> None:
    path = tmp_path / "inception.pth"
    path.write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()[:8]
    with pytest.raises(
        MetricError, match=f"begins with {found}, the FID network's with {CHECKSUM}"
    ):
        inception(path)


def test_without_a_connection_the_error_says_where_to_put_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(MetricError) as caught:
        inception()
    message = str(caught.value)
    assert inception_module.URL in message
    assert str(tmp_path / "checkpoints" / "pt_inception-2015-12-05-6726825d.pth") in message
    assert "inception:FILE" in message


def test_the_download_is_checked_and_shows_progress(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, object] = {}

    def deliver(url: str, place: str, **settings: object) -> None:
        asked.update(settings)
        Path(place).write_bytes(b"not really")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", deliver)
    with pytest.raises(MetricError, match="SHA-256"):
        inception()
    assert asked == {"hash_prefix": CHECKSUM, "progress": True}


def test_only_the_official_network_gives_a_fid() -> None:
    from dataclasses import replace

    assert frechet_name(tiny()) == "fd_tiny"
    assert frechet_name(replace(tiny(), name="inception")) == "fd_inception"
    official = replace(tiny(), name="inception", fingerprint=CHECKSUM + "0" * 8)
    assert frechet_name(official) == "fid"


def test_a_size_may_be_named_with_the_network(tmp_path: Path) -> None:
    network = squeezenet1_0(weights=None)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    small, usual = (
        open_extractor(f"{head}:{tmp_path / 'w.safetensors'}")
        for head in ("squeezenet@64", "squeezenet")
    )
    assert (small.size, usual.size) == (64, 224)
    assert small.fingerprint != usual.fingerprint
    with pytest.raises(MetricError, match="squeezenet at 32 px"):
        open_extractor(f"squeezenet@32:{tmp_path / 'w.safetensors'}")
