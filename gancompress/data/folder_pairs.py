"""Pairs in the published FakeCIFAR10 folder layout: ``class_K/image_I.png`` and ``noise_I.pt``."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gancompress.atomic import replacing
from gancompress.batch import Batch, Input, InputSpec
from gancompress.data.decode import open_picture
from gancompress.data.encoding import LatentFormat
from gancompress.data.images import to_float
from gancompress.data.manifest import Plan
from gancompress.data.pairs import PairStore, PairWriter
from gancompress.errors import DataError

_CLASS = re.compile(r"class_(\d+)")
_IMAGE = re.compile(r"image_(\d+)\.png")


@dataclass(frozen=True)
class _Sample:
    label: int
    number: int
    image: Path

    @property
    def noise(self) -> Path:
        return self.image.with_name(f"noise_{self.number}.pt")


def import_folder_pairs(
    folder: str | Path,
    path: str | Path,
    *,
    teacher: str,
    held_out: int,
    shard_size: int,
    latents: LatentFormat = "float32",
) -> PairStore:
    """Read a folder of pairs into a store; started again, it goes on where it stopped.

    Samples are ordered by number and then class, so that any stretch of them is balanced.

    Args:
        folder: holds ``class_0``, ``class_1``, …; each ``image_I.png`` has its latent, a tensor
            of any shape, in ``noise_I.pt`` beside it.
        path: folder of the store.
        teacher: fingerprint of the teacher that made them.
        held_out: how many pairs are not for training.
        shard_size: pairs a file.
        latents: ``float16`` halves them; their images are then those of the unrounded ones.

    Raises:
        DataError: nothing is there, or a file is missing, unreadable, or of another shape.
    """
    samples = _samples(Path(folder))
    noise, _ = _read(samples[0])
    inputs: InputSpec = {
        "z": Input("normal", tuple(noise.shape)),
        "c": Input("one_hot", (max(sample.label for sample in samples) + 1,)),
    }
    plan = Plan(
        inputs=inputs,
        teacher=teacher,
        seed=0,
        count=len(samples),
        held_out=held_out,
        shard_size=shard_size,
        output="uint8",
        latents=latents,
    )
    writer = PairWriter(path, plan)
    for shard in writer.missing():
        chosen = [samples[index] for index in plan.samples(shard)]
        batch, images = _stack(chosen, inputs)
        writer.write(shard, batch, to_float(images))
    writer.finish()
    return PairStore(path)


def export_folder_pairs(store: PairStore, folder: str | Path) -> None:
    """Write a store in the folder layout: one PNG and one tensor file a pair.

    Raises:
        DataError: the store does not hold images from one latent and one class each.
    """
    kinds = {name: entry.kind for name, entry in store.inputs.items()}
    classes = [name for name, kind in kinds.items() if kind == "one_hot"]
    latents = [
        name for name, kind in kinds.items() if kind in ("normal", "truncated_normal", "uniform")
    ]
    if len(classes) != 1 or len(latents) != 1 or len(kinds) != 2 or store.plan.output != "uint8":
        raise DataError(
            f"{store.path}: inputs {kinds}, outputs {store.plan.output}; the folder layout holds "
            "images (uint8) from one latent and one class only"
        )
    numbers = dict.fromkeys(range(store.inputs[classes[0]].shape[0]), 0)
    for index in range(len(store)):
        batch, output = store.batch([index])
        label = int(batch[classes[0]].argmax())
        place = Path(folder) / f"class_{label}"
        with replacing(place / f"image_{numbers[label]}.png") as file:
            _picture(output[0]).save(file, format="PNG")
        with replacing(place / f"noise_{numbers[label]}.pt") as file:
            torch.save(batch[latents[0]][0].clone(), file)
        numbers[label] += 1


def _samples(folder: Path) -> list[_Sample]:
    samples = []
    for place in sorted(folder.glob("class_*")):
        label = _CLASS.fullmatch(place.name)
        for file in sorted(place.iterdir()) if label and place.is_dir() else ():
            number = _IMAGE.fullmatch(file.name)
            if label and number and file.is_file():
                samples.append(_Sample(int(label[1]), int(number[1]), file))
    if not samples:
        raise DataError(f"{folder}: no class_K/image_I.png files")
    return sorted(samples, key=lambda sample: (sample.number, sample.label))


def _read(sample: _Sample) -> tuple[Tensor, Tensor]:
    """Latent without a leading dimension of one, and uint8 (C, H, W)."""
    if not sample.noise.is_file():  # a pipe would wait for its writer
        raise DataError(f"{sample.image}: has no latent beside it, {sample.noise.name}; add it")
    try:
        noise = torch.load(sample.noise, map_location="cpu", weights_only=True)
        with open_picture(sample.image.read_bytes()) as opened:
            pixels = np.asarray(opened if opened.mode in ("L", "RGB") else opened.convert("RGB"))
    except Exception as error:  # Pillow's decoders raise whatever they like on damaged files.
        raise DataError(f"{sample.image} and {sample.noise.name}: {error}") from error
    if not isinstance(noise, Tensor):
        raise DataError(f"{sample.noise}: holds {type(noise).__name__}, expected a tensor")
    ordered = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    image = torch.from_numpy(ordered.copy())
    return (noise[0] if noise.ndim > 1 and len(noise) == 1 else noise).float(), image


def _stack(samples: list[_Sample], inputs: InputSpec) -> tuple[Batch, Tensor]:
    noises: list[Tensor] = []
    images: list[Tensor] = []
    for sample in samples:
        noise, image = _read(sample)
        if tuple(noise.shape) != inputs["z"].shape or (images and image.shape != images[0].shape):
            raise DataError(
                f"{sample.image}: image {tuple(image.shape)}, latent {tuple(noise.shape)}; "
                "others have another shape"
            )
        noises.append(noise)
        images.append(image)
    labels = torch.tensor([sample.label for sample in samples])
    one_hot = torch.nn.functional.one_hot(labels, inputs["c"].shape[0]).float()
    return {"z": torch.stack(noises), "c": one_hot}, torch.stack(images)


def _picture(image: Tensor) -> Image.Image:
    array = image.permute(1, 2, 0).numpy()
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
