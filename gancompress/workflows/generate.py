"""`generate NETWORK OUT --count N`: images of a noise generator, as folders, a zip or tensors."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from gancompress.assemble.open_generator import GeneratorFile, open_generator
from gancompress.atomic import replacing, write_json
from gancompress.batch import DRAWN, InputSpec, class_count, draw_inputs
from gancompress.data.images import to_uint8
from gancompress.errors import DataError, RecipeError
from gancompress.progress import progress_bar
from gancompress.report.grid import picture_of, save_png
from gancompress.teachers.teacher import ModuleTeacher

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Attributes:
        count: images in all.
        seed: of the stream of inputs; image *i* is the same whatever the count.
        label: class of all images; None for classes in turn.
        classes: number of classes; 0 where the generator is told none.
    """

    count: int
    seed: int
    label: int | None
    classes: int

    def class_of(self, index: int) -> int:
        """The class of image ``index``."""
        return self.label if self.label is not None else index % max(self.classes, 1)

    def name_of(self, index: int) -> str:
        """``class/number.png``, or the number alone where there are no classes."""
        width = max(6, len(str(self.count - 1)))
        name = f"{index:0{width}d}.png"
        return f"class_{self.class_of(index):03d}/{name}" if self.classes else name


def generate(
    what: GeneratorFile,
    output: Path,
    *,
    count: int,
    seed: int = 0,
    label: int | None = None,
    batch_size: int = 64,
) -> Order:
    """Write ``count`` images of a generator, with a manifest that says how to make them again.

    A folder holds ``class_003/000017.png`` (or ``000017.png`` without classes), as every reader of
    class folders takes them; images that are there are not made again. ``.zip`` holds the same,
    ``.safetensors`` the tensors ``images`` (N, C, H, W), uint8, and ``labels`` (N,), int64.

    Args:
        what: the generator.
        output: a folder, or a file ending in ``.zip`` or ``.safetensors``.
        count: images.
        seed: of their inputs.
        label: the class of all; None for classes in turn.
        batch_size: images at once.

    Raises:
        DataError: the generator's inputs cannot be drawn, or the folder holds other images.
        RecipeError: there is no such class.
    """
    generator = open_generator(what)
    if fed := [name for name, entry in generator.inputs.items() if entry.kind not in DRAWN]:
        raise DataError(
            f"{what}: is fed {', '.join(fed)}, which cannot be drawn from a seed; "
            "`gancompress apply` is for networks that are fed images"
        )
    order = Order(count, seed, label, _classes(generator.inputs))
    if label is not None and not 0 <= label < order.classes:
        known = f"0 to {order.classes - 1}" if order.classes else "none: it is told no class"
        raise RecipeError(f"--label {label}: its classes are {known}")
    manifest = {
        "generator": generator.fingerprint,
        "seed": seed,
        "label": label,
        "classes": order.classes,
        "inputs": "image i: draw_inputs(inputs, [i], seed, labels=[class])",
    }
    write = {".zip": _to_zip, ".safetensors": _to_tensors}.get(output.suffix.lower(), _to_folder)
    write(generator, order, output, manifest, batch_size)
    return order


def _classes(inputs: InputSpec) -> int:
    return class_count(inputs)


def _made(
    generator: ModuleTeacher, order: Order, indices: list[int], batch_size: int
) -> Iterator[tuple[int, Tensor]]:
    """Number and pixels, uint8 (C, H, W), of the images ``indices``."""
    with progress_bar(total=len(indices), desc="generate", unit="image") as bar:
        for start in range(0, len(indices), batch_size):
            chosen = indices[start : start + batch_size]
            labels = [order.class_of(index) for index in chosen] if order.classes else None
            images = generator(draw_inputs(generator.inputs, chosen, order.seed, labels))
            yield from zip(chosen, to_uint8(images.cpu()), strict=True)
            bar.update(len(chosen))


def _to_folder(
    generator: ModuleTeacher,
    order: Order,
    output: Path,
    manifest: dict[str, object],
    batch_size: int,
) -> None:
    _require_same(output, manifest)
    write_json(output / MANIFEST, manifest)
    missing = [i for i in range(order.count) if not (output / order.name_of(i)).exists()]
    for index, pixels in _made(generator, order, missing, batch_size):
        save_png(picture_of(pixels), output / order.name_of(index))


def _require_same(output: Path, manifest: dict[str, object]) -> None:
    if not output.exists() or not any(output.iterdir()):
        return
    try:
        found = json.loads((output / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{output}: holds other files; name an empty folder") from error
    if found != manifest:
        raise DataError(
            f"{output}: holds images of another generator, seed or label; name another folder"
        )


def _to_zip(
    generator: ModuleTeacher,
    order: Order,
    output: Path,
    manifest: dict[str, object],
    batch_size: int,
) -> None:
    # PNGs do not get smaller by being compressed again.
    with replacing(output) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(MANIFEST, json.dumps(manifest, indent=2))
        for index, pixels in _made(generator, order, list(range(order.count)), batch_size):
            data = io.BytesIO()
            picture_of(pixels).save(data, format="PNG")
            archive.writestr(order.name_of(index), data.getvalue())


def _to_tensors(
    generator: ModuleTeacher,
    order: Order,
    output: Path,
    manifest: dict[str, object],
    batch_size: int,
) -> None:
    every = list(range(order.count))
    images = torch.stack([p for _, p in _made(generator, order, every, batch_size)])
    labels = torch.tensor([order.class_of(index) for index in every])
    with replacing(output) as temporary:
        tensors = {"images": images, "labels": labels}
        save_file(tensors, temporary, metadata={"manifest": json.dumps(manifest)})
