"""Files that are no teacher, as people have them: each with the next step that must be named."""

import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from gancompress.generators.build import build

AGAIN = "download it again"
CONVERT = "another framework.*safetensors.*factory"
GIVE = "give the generator's file"
FACTORY = r'teacher: \{factory: "your_file\.py:build", weights: .*, inputs: '


def saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def legacy(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("net.pth"))
    return file.getvalue()


def state(*shapes: tuple[str, tuple[int, ...]]) -> dict[str, Tensor]:
    return {name: torch.zeros(shape) for name, shape in shapes}


def resnet() -> dict[str, Tensor]:
    return dict(build("resnet", width=4, blocks=9).state_dict())


def without(name: str) -> dict[str, Tensor]:
    tensors = resnet()
    del tensors[name]
    return tensors


def adam() -> dict[str, Any]:
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def scripted() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), file)
    return file.getvalue()


def spoilt(value: float) -> dict[str, Tensor]:
    tensors = resnet()
    tensors["model.4.bias"][0] = value
    return tensors


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, w=np.zeros(3))
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def two(side: str) -> dict[str, Tensor]:
    return {f"{side}{i}.{n}": v for i in ("A", "B") for n, v in resnet().items()}


PATCH = state(
    ("model.0.weight", (64, 3, 4, 4)),
    ("model.2.weight", (128, 64, 4, 4)),
    ("model.11.weight", (1, 512, 4, 4)),
)
HD = state(
    ("scale0_layer0.0.weight", (64, 39, 4, 4)),
    ("scale0_layer4.0.weight", (1, 512, 4, 4)),
)
STYLE_D = state(("b4.fc.weight", (512, 8192)), ("b4.out.weight", (1, 512)))
ROSINALITY_D = state(("convs.0.0.weight", (64, 3, 1, 1)), ("final_linear.1.weight", (1, 512)))
MUNIT_D = state(("cnns.0.0.conv.weight", (64, 3, 4, 4)))
LORA = state(("unet.down.lora_A.weight", (4, 320)), ("unet.down.lora_B.weight", (320, 4)))
CLIP = state(("text_model.embeddings.token_embedding.weight", (100, 8)))
VGG = state(("features.0.weight", (64, 3, 3, 3)), ("classifier.0.weight", (10, 64)))
RESNET50 = state(("layer1.0.conv1.weight", (64, 64, 1, 1)), ("fc.weight", (1000, 2048)))
VIT = state(("patch_embed.proj.weight", (8, 3, 16, 16)), ("head.weight", (10, 8)))
LPIPS = state(("lin0.model.1.weight", (1, 64, 1, 1)))
LDM = state(("model.diffusion_model.input_blocks.0.0.weight", (8, 4, 3, 3)))
UNET_D = state(("conv0.weight", (64, 3, 3, 3)), ("conv9.weight", (1, 64, 3, 3)))
UNKNOWN = state(("stem.weight", (8, 3, 3, 3)), ("head.bias", (3,)))

# Name -> the file's name, its content, and what the one message must say.
FILES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    # Downloads that went wrong.
    "empty": ("net.pth", lambda: b"", f"empty; {AGAIN}"),
    "HTML page": ("net.pth", lambda: b"<!DOCTYPE html><html>", f"a web page.*{AGAIN}"),
    "XML answer": ("net.pth", lambda: b"<?xml version='1.0'?><Error>", f"a web page.*{AGAIN}"),
    "LFS pointer": ("net.pth", lambda: b"version https://git-lfs.github.com/spec/v1\n", "lfs pull"),
    "truncated zip": ("net.pth", lambda: saved(resnet())[:-900], f"truncated.*{AGAIN}"),
    "truncated legacy": ("net.pth", lambda: legacy(resnet())[:-900], AGAIN),
    "truncated pickle": ("net.pkl", lambda: pickle.dumps({"G": "x" * 999})[:-9], AGAIN),
    "truncated safetensors": ("n.safetensors", lambda: save(resnet())[:-900], f"damaged.*{AGAIN}"),
    "random bytes": ("net.pth", lambda: bytes(range(1, 200)), AGAIN),
    "zeros": ("net.pth", lambda: bytes(500), AGAIN),
    "JSON error": ("net.pth", lambda: b'{"message": "Not Found"}', "a JSON text.*weights beside"),
    # Archives and other kinds of file.
    "gzip": ("net.tar.gz", lambda: b"\x1f\x8b" + bytes(40), "gzip archive; unpack it"),
    "tar": ("net.tar", tarred, "tar archive; unpack it"),
    "7z": ("net.7z", lambda: b"7z\xbc\xaf\x27\x1c" + bytes(40), "7z archive; unpack it"),
    "RAR": ("net.rar", lambda: b"Rar!\x1a\x07" + bytes(40), "RAR archive; unpack it"),
    "zip of checkpoints": ("n.zip", lambda: zipped("a/net_G.pth", "a/x.txt"), "unpack it"),
    "zip of something else": ("n.zip", lambda: zipped("a/readme.md"), "not one that torch.save"),
    "PNG": ("net.png", lambda: b"\x89PNG\r\n\x1a\n" + bytes(40), f"a picture.*{AGAIN}"),
    "JPEG": ("net.jpg", lambda: b"\xff\xd8\xff\xe0" + bytes(40), f"a picture.*{AGAIN}"),
    "PDF": ("paper.pdf", lambda: b"%PDF-1.7\n" + bytes(40), f"a PDF.*{AGAIN}"),
    "film": ("demo.mp4", lambda: b"\x00\x00\x00\x20ftypisom" + bytes(40), f"a film.*{AGAIN}"),
    "configuration": ("config.yaml", lambda: b"gen:\n  dim: 64\n", "a YAML text.*weights beside"),
    "text": ("readme.txt", lambda: b"Weights of G\n", "a text.*weights beside"),
    "program": ("model.py", lambda: b"import torch\n", "as a factory it is named"),
    # Other frameworks.
    "Keras HDF5": ("net.h5", lambda: b"\x89HDF\r\n\x1a\n" + bytes(40), f"Keras.*{CONVERT}"),
    "Keras 3": (
        "n.keras",
        lambda: zipped("metadata.json", "model.weights.h5"),
        f"Keras.*{CONVERT}",
    ),
    "TensorFlow graph": ("frozen.pb", lambda: b"\n\x1d\n\x05input\x12", f"graph.*{CONVERT}"),
    "TensorFlow index": ("m.ckpt.index", lambda: b"\x00\x00\x08\x01", f"TensorFlow.*{CONVERT}"),
    "TensorFlow data": ("m.ckpt.data-00000-of-00001", lambda: bytes(99), f"TensorFlow.*{CONVERT}"),
    "TensorFlow list": ("checkpoint", lambda: b'model_checkpoint_path: "m"', CONVERT),
    "TensorFlow Lite": ("n.tflite", lambda: b"\x1c\x00\x00\x00TFL3" + bytes(40), CONVERT),
    "PaddlePaddle program": ("n.pdmodel", lambda: b"\n\xa1\x02\n\x04feed", f"Paddle.*{CONVERT}"),
    "PaddlePaddle inference": ("n.pdiparams", lambda: bytes(99), f"PaddlePaddle.*{CONVERT}"),
    "PaddlePaddle": ("n.pdparams", lambda: pickle.dumps({"w": np.zeros(3)}), CONVERT),
    "ncnn network": ("net.param", lambda: b"7767517\n75 83\n", "ncnn.*PyTorch checkpoint"),
    "ncnn binary": ("net.param.bin", lambda: struct.pack("<I", 7767517), "ncnn.*PyTorch"),
    "GGUF": ("net.gguf", lambda: b"GGUF\x03\x00\x00\x00" + bytes(40), "GGUF.*original weights"),
    "Caffe": ("net.caffemodel", lambda: b"\n\x07network", f"Caffe.*{CONVERT}"),
    "MXNet": ("net.params", lambda: b"\x12\x01\x00\x00" + bytes(40), f"MXNet.*{CONVERT}"),
    "Flax": ("net.msgpack", lambda: b"\x81\xa6params", f"Flax.*{CONVERT}"),
    "Core ML": ("net.mlmodel", lambda: b"\x08\x05\x12\x10", f"Core ML.*{CONVERT}"),
    "TensorRT": ("net.engine", lambda: b"ftrt" + bytes(40), f"TensorRT.*{CONVERT}"),
    "numpy array": ("net.npy", npy, "array of numpy.*factory"),
    "numpy arrays": ("net.npz", npz, CONVERT),
    "StyleGAN of TensorFlow": (
        "s.pkl",
        lambda: b"cdnnlib.tflib.network\nNetwork\n)R.",
        "legacy.py",
    ),
    "ONNX": ("net.onnx", lambda: b"\x08\x09\x12\x07pytorch", "ONNX graph.*trusted=True"),
    "exported program": ("n.pt2", lambda: zipped("n/archive_format", "n/version"), "trusted=True"),
    # Files of torch.save without a generator.
    "optimizer": ("optim.pth", lambda: saved(adam()), "optimizer.*has the weights"),
    "optimizer under a key": ("o.pth", lambda: saved({"g_optim": adam()}), "optimizer.*weights"),
    "list": ("net.pth", lambda: saved([1, 2]), r"a list.*save network\.state_dict"),
    "tensor": ("net.pth", lambda: saved(torch.zeros(3)), r"a Tensor.*save network\.state_dict"),
    "settings only": ("net.pth", lambda: saved({"epoch": 3}), r"no tensors.*state_dict"),
    "TorchScript": ("net.pt", scripted, "TorchScript"),
    "not finite": ("net.pth", lambda: saved(spoilt(float("nan"))), r"model\.4\.bias.*not finite"),
    "PatchGAN": ("latest_net_D.pth", lambda: saved(PATCH), f"discriminator.*{GIVE}"),
    "discriminator of pix2pixHD": ("d.pth", lambda: saved(HD), f"multi-scale.*{GIVE}"),
    "discriminator of StyleGAN2": ("d.pth", lambda: saved(STYLE_D), f"StyleGAN2.*{GIVE}"),
    "discriminator of rosinality": ("d.pt", lambda: saved({"d": ROSINALITY_D}), GIVE),
    "discriminator of MUNIT": ("dis.pt", lambda: saved({"a": MUNIT_D}), f"MUNIT.*{GIVE}"),
    "discriminator of Real-ESRGAN": ("net_d.pth", lambda: saved({"params": UNET_D}), GIVE),
    "LoRA": ("lora.safetensors", lambda: save(LORA), "a LoRA.*merge it"),
    "text encoder": ("te.safetensors", lambda: save(CLIP), "text encoder.*decoder"),
    "VGG": ("vgg.pth", lambda: saved(VGG), "a classifier.*extractor"),
    "ResNet-50": ("resnet50.pth", lambda: saved(RESNET50), "a classifier.*extractor"),
    "ViT": ("vit.pth", lambda: saved(VIT), "a classifier.*extractor"),
    "LPIPS": ("lpips.pth", lambda: saved(LPIPS), "LPIPS, not a generator"),
    "latent diffusion": ("sd.ckpt", lambda: saved({"state_dict": LDM}), "AutoencoderKL"),
    # Generators, nearly.
    "unknown network": ("net.pth", lambda: saved(UNKNOWN), FACTORY),
    "a layer missing": (
        "net.pth",
        lambda: saved(without("model.7.weight")),
        f"model.7.weight: missing.*{FACTORY}",
    ),
    "two generators": ("net.pth", lambda: saved(two("net")), r"say which: part=netA\|netB"),
    "a part that is not there": ("g.pth", lambda: saved({"c": {"x": torch.zeros(2)}}), FACTORY),
    "header of safetensors": (
        "n.safetensors",
        lambda: struct.pack("<Q", 9) + json.dumps({"a": 1}).encode()[:9],
        f"damaged.*{AGAIN}",
    ),
}
