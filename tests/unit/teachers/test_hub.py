"""Networks as the Hugging Face hub keeps them: folders of diffusers, and names instead of paths."""

import gc
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from gancompress.batch import example_inputs
from gancompress.errors import TeacherError
from gancompress.generators.build import build
from gancompress.teachers.from_file import from_file, read_network
from gancompress.teachers.hub import located

diffusers = pytest.importorskip("diffusers")
SMALL = {"block_out_channels": (8, 16), "norm_num_groups": 4, "sample_size": 16}


def autoencoder() -> Any:
    torch.manual_seed(0)
    up = {
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "down_block_types": ("DownEncoderBlock2D",) * 2,
    }
    return diffusers.AutoencoderKL(latent_channels=3, shift_factor=0.2, **up, **SMALL).eval()


def unet(classes: int | None) -> Any:
    torch.manual_seed(0)
    kinds = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D")}
    kinds |= {"up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
    return diffusers.UNet2DModel(num_class_embeds=classes, **kinds, **SMALL).eval()


def test_decoder_of_an_autoencoder_is_the_teacher(tmp_path: Path) -> None:
    theirs = autoencoder()
    theirs.save_pretrained(tmp_path)
    teacher = from_file(tmp_path)
    batch = example_inputs(teacher.inputs, n=2)
    assert batch["z"].shape == (2, 3, 8, 8)
    with torch.no_grad():
        latents = batch["z"] / theirs.config.scaling_factor + 0.2
        assert torch.equal(teacher(batch), theirs.decode(latents).sample)
    found = read_network(tmp_path)
    again = build(found.factory, **json.loads(json.dumps(found.kwargs)))
    again.load_state_dict(teacher.module.state_dict())


@pytest.mark.parametrize("classes", [None, 4])
def test_network_of_a_diffusion_model_is_a_teacher(classes: int | None, tmp_path: Path) -> None:
    theirs = unet(classes)
    theirs.save_pretrained(tmp_path, safe_serialization=False)
    teacher = from_file(tmp_path)
    batch = example_inputs(teacher.inputs, n=2)
    with torch.no_grad():
        assert torch.equal(teacher(batch), theirs(**batch).sample)


def test_attention_is_read_under_its_older_names(tmp_path: Path) -> None:
    theirs = autoencoder()
    theirs.save_pretrained(tmp_path)
    file = tmp_path / "diffusion_pytorch_model.safetensors"
    older = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = load_file(file)
    for new, old in older.items():
        tensors = {name.replace(f".{new}.", f".{old}."): value for name, value in tensors.items()}
    save_file(tensors, file)
    assert from_file(tmp_path).module.state_dict().keys()


def test_weights_of_another_configuration_are_refused(tmp_path: Path) -> None:
    autoencoder().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "latent_channels": 9}))
    with pytest.raises(TeacherError, match=r"do not fit its config.json: post_quant_conv"):
        from_file(tmp_path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "config.json: not a JSON text"),
        ("[" * 100_000, "config.json: not a JSON text"),
        ("[]", "config.json: a JSON list"),
        ('{"_class_name": "FluxTransformer2DModel"}', "AutoencoderKL and UNet2DModel are read"),
        ('{"_class_name": "AutoencoderKL", "norm_num_groups": 0}', "cannot be built"),
        ('{"_class_name": "AutoencoderKL", "block_out_channels": [99999999]}', "do not fit|built"),
    ],
)
def test_configuration_that_is_none_is_named(config: str, message: str, tmp_path: Path) -> None:
    save_file({"decoder.x": torch.zeros(1)}, tmp_path / "diffusion_pytorch_model.safetensors")
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(Exception, match=message) as caught:
        from_file(tmp_path)
    assert type(caught.value).__module__ == "gancompress.errors"


def test_a_pipeline_names_the_folders_of_its_networks(tmp_path: Path) -> None:
    autoencoder().save_pretrained(tmp_path / "vae")
    with pytest.raises(TeacherError, match=r"several networks; give the folder of one: .*vae"):
        from_file(tmp_path)


def test_a_folder_with_one_file_of_weights_is_that_file(tmp_path: Path) -> None:
    module = build("dcgan_transposed", z_dim=8, widths=[8, 4])
    (tmp_path / "config.json").write_text('{"model_type": "dcgan"}')
    torch.save(module.state_dict(), tmp_path / "pytorch_model.bin")
    assert read_network(tmp_path).family == "dcgan_transposed"
    (tmp_path / "pytorch_model.bin").rename(tmp_path / "net_G.pth")
    assert read_network(tmp_path).family == "dcgan_transposed"
    (tmp_path / "net_D.pth").write_bytes(b"")
    with pytest.raises(TeacherError, match=r"without one file of weights \(net_D.pth, net_G.pth\)"):
        read_network(tmp_path)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache, offline, with one repository."""
    constants = pytest.importorskip("huggingface_hub").constants
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--somebody--faces"
    snapshot = repository / "snapshots" / ("a" * 40)
    autoencoder().save_pretrained(snapshot / "vae")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    return snapshot


@pytest.mark.parametrize("place", ["hf://somebody/faces/vae", Path("hf://somebody/faces@main/vae")])
def test_a_name_on_the_hub_is_its_folder_in_the_cache(place: str | Path, cache: Path) -> None:
    assert located(place).samefile(cache / "vae")
    assert list(from_file(place).inputs) == ["z"]


def test_a_file_on_the_hub_is_one_in_the_cache(cache: Path) -> None:
    assert located("hf://somebody/faces/vae/config.json").samefile(cache / "vae" / "config.json")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (
            "hf://somebody/others",
            "cannot be fetched .* not in the hub's cache.*hf download somebody",
        ),
        ("hf://faces", "write hf://owner/name"),
    ],
)
def test_what_the_hub_does_not_give_is_named(place: str, message: str, cache: Path) -> None:
    with pytest.raises(TeacherError, match=message):
        located(place)


def test_half_precision_takes_no_more_than_three_times_its_file(tmp_path: Path) -> None:
    module = build("dcgan_transposed", z_dim=64, widths=[1024, 512, 256, 128])
    path = tmp_path / "g.safetensors"
    save_file({n: v.half() for n, v in module.state_dict().items() if v.ndim}, path)
    held: list[int] = []
    kept = torch.Tensor.isfinite

    def counted(value: torch.Tensor) -> torch.Tensor:
        held.append(in_tensors())
        return kept(value)

    before = in_tensors()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "isfinite", counted)
        read_network(path)
    # The file, and what its numbers take in float32; one tensor, the largest, is there twice.
    assert max(held) - before < 2.7 * path.stat().st_size


def in_tensors() -> int:
    """Bytes of all tensors that are alive; those of tracers, which other tests leave, have none."""
    plain = (torch.Tensor, torch.nn.Parameter)
    alive = [t for t in gc.get_objects() if type(t) in plain and not t.is_meta]
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in alive}
    return sum(storages.values())
