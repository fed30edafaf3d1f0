"""`apply NETWORK IN OUT`: an image translator on a picture, a folder or zip of them, or a film."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gancompress.assemble.open_generator import GeneratorFile, open_generator
from gancompress.batch import Input, InputSpec, in_range
from gancompress.data.decode import Form, decode
from gancompress.data.images import to_float
from gancompress.data.sources import IMAGE_SUFFIXES, image_names, open_source
from gancompress.data.video import READERS, redraw_video
from gancompress.errors import DataError
from gancompress.exporters.onnx import run_onnx
from gancompress.generators.any_size import SizeRule, Translator, find_size_rule, translate
from gancompress.progress import progress_bar
from gancompress.report.grid import picture_of, save_png

# Pictures of more pixels are cut into tiles where that changes nothing.
WHOLE = 1024 * 1024
TILE = 512


@dataclass(frozen=True)
class Network:
    """An image translator and which sizes it takes.

    Attributes:
        run: images as the network wants them to images in [-1, 1].
        entry: its input.
        rule: which sizes it takes.
    """

    run: Translator
    entry: Input
    rule: SizeRule


@dataclass(frozen=True)
class Applied:
    """What :func:`apply` did.

    Attributes:
        written: pictures made, or frames of a film.
        kept: pictures that were there from an earlier call, or a film.
        rule: which sizes the network takes.
    """

    written: int
    kept: int
    rule: SizeRule


def apply(
    what: GeneratorFile,
    source: Path,
    output: Path,
    *,
    tile: int | None = None,
    compare: Path | None = None,
    side_by_side: bool = False,
    overwrite: bool = False,
) -> Applied:
    """Write what the network makes of every picture in ``source``, as PNG, or of a film, as MP4.

    Pictures keep their size where the network takes any size (times its enlargement); a network
    of one size gets them resized. Pictures that are there already are left alone, so that a call
    that was stopped goes on where it was.

    Args:
        what: a generator, or an ONNX file.
        source: a picture, a folder or zip of pictures, or a film.
        output: of a picture: a file ending in ``.png``, or a folder; of a film: a file ending in
            ``.mp4``; otherwise a folder, in which the pictures are named as in the source.
        tile: largest side in pixels that is run at once; 0: always whole. By default pictures
            above a megapixel are cut where the network's outputs provably do not change by it.
        compare: a second network, shown between input and output.
        side_by_side: show input and output beside each other in one picture.
        overwrite: make pictures again that are there.

    Raises:
        DataError: the network translates no images, or a picture or film cannot be read.
        MissingPackageError: films need the extra ``video``.
    """
    networks = [_open(what)]
    if compare is not None:
        networks.insert(0, _open(GeneratorFile(compare)))
    with_input = side_by_side or compare is not None
    drawn = partial(_drawn, networks, tile=tile, with_input=with_input)
    if _is_film(source, output):
        kept = int(output.exists() and not overwrite)
        written = 0 if kept else redraw_video(source, output, drawn)
        return Applied(written, kept, networks[-1].rule)
    written = kept = 0
    pictures = list(_pictures(source, output))
    for name, read, target in progress_bar(pictures, desc="apply"):
        if target.exists() and not overwrite:
            kept += 1
            continue
        save_png(drawn(_read(name, read())), target)
        written += 1
    return Applied(written, kept, networks[-1].rule)


def _open(what: GeneratorFile) -> Network:
    run, inputs = opened_network(what)
    name, entry = the_image_input(what, inputs)

    def translator(image: Tensor) -> Tensor:
        made: Tensor = run({name: image})
        return made

    channels, height, width = entry.shape
    return Network(translator, entry, find_size_rule(translator, (channels, height, width)))


def opened_network(what: GeneratorFile) -> tuple[Callable[[dict[str, Tensor]], Tensor], InputSpec]:
    """A network as a function of a batch, and what it is fed."""
    return _onnx(what.path) if what.path.suffix == ".onnx" else _module(what)


def the_image_input(what: GeneratorFile, inputs: InputSpec) -> tuple[str, Input]:
    """The one input of a network that is fed one image.

    Raises:
        DataError: it is fed anything else.
    """
    images = [name for name, entry in inputs.items() if entry.kind == "image"]
    if len(images) != 1 or len(inputs) != 1:
        fed = ", ".join(f"{name} ({entry.kind})" for name, entry in inputs.items()) or "nothing"
        raise DataError(
            f"{what}: is fed {fed}; apply is for networks that are fed one image. "
            "`gancompress generate` makes images from noise"
        )
    return images[0], inputs[images[0]]


def _onnx(path: Path) -> tuple[Callable[[dict[str, Tensor]], Tensor], InputSpec]:
    network = run_onnx(path)
    if not network.inputs:
        raise DataError(
            f"{path}: does not say what it is fed; apply reads files of `gancompress export`"
        )
    return network, network.inputs


def _module(what: GeneratorFile) -> tuple[Callable[[dict[str, Tensor]], Tensor], InputSpec]:
    teacher = open_generator(what)
    return teacher, teacher.inputs


def _pictures(source: Path, output: Path) -> Iterator[tuple[str, Callable[[], bytes], Path]]:
    """Name, bytes and target of every picture."""
    if source.is_file() and source.suffix.lower() in IMAGE_SUFFIXES:
        single = output.suffix.lower() == ".png"
        yield source.name, source.read_bytes, output if single else output / f"{source.stem}.png"
        return
    if output.suffix.lower() == ".png":
        raise DataError(f"{output}: {source} holds several pictures; name a folder for them")
    files = open_source(source)
    targets: dict[PurePosixPath, str] = {}
    for name in image_names(files):
        target = PurePosixPath(name).with_suffix(".png")
        if target.is_absolute():
            raise DataError(f"{source}, {name}: leads out of {output}; rename it in the archive")
        if target in targets:
            raise DataError(
                f"{source}: {targets[target]} and {name} would both become {target}; rename one"
            )
        targets[target] = name
        yield name, lambda name=name: files.read(name), output / target  # type: ignore[misc]


def _is_film(source: Path, output: Path) -> bool:
    """Whether a film is to be made, and of one."""
    given = source.suffix.lower() in READERS and source.is_file()
    if output.suffix.lower() == ".mp4":
        if not given:
            raise DataError(f"{output}: {source} is no film ({', '.join(READERS)})")
        return True
    if given and source.suffix.lower() not in IMAGE_SUFFIXES:
        raise DataError(f"{output}: {source} is a film; name an .mp4 for what is made of it")
    return False


def _drawn(
    networks: list[Network], original: Image.Image, *, tile: int | None, with_input: bool
) -> Image.Image:
    """What the networks make of a picture, beside each other, after it where that is asked for."""
    made = [_translated(network, _tensor(original, network.entry), tile) for network in networks]
    return _joined([_tensor(original, networks[-1].entry), *made] if with_input else made)


def _read(name: str, data: bytes) -> Image.Image:
    try:
        pixels, _ = decode(data, Form(3, None, "none"))
    # Whatever Pillow raises for a file that it cannot read.
    except Exception as error:
        raise DataError(f"{name}: not a readable picture ({error})") from error
    return picture_of(torch.from_numpy(pixels))


def _tensor(picture: Image.Image, entry: Input) -> Tensor:
    """A picture as floats in [-1, 1], (1, C, H, W)."""
    pixels = np.array(picture.convert("L" if entry.shape[0] == 1 else "RGB"))
    image = torch.from_numpy(pixels if pixels.ndim == 3 else pixels[..., None])
    return to_float(image.permute(2, 0, 1))[None]


def _translated(network: Network, original: Tensor, tile: int | None) -> Tensor:
    image = in_range(original, network.entry)
    if tile is None:
        large = image.shape[2] * image.shape[3] > WHOLE
        tile = TILE if large and network.rule.reach is not None else 0
    return translate(network.run, image, network.rule, tile=tile)


def _joined(images: list[Tensor]) -> Image.Image:
    """Images beside each other, all as high and wide as the largest."""
    height, width = (max(image.shape[d] for image in images) for d in (2, 3))
    same = [
        image
        if image.shape[2:] == (height, width)
        else F.interpolate(image, (height, width), mode="bicubic", antialias=True)
        for image in images
    ]
    channels = max(image.shape[1] for image in same)
    row = torch.cat([image.expand(-1, channels, -1, -1) for image in same], dim=3)
    return picture_of(row[0])
