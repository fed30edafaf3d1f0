"""What a user may write about where images and the teacher come from; with every default."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from gancompress.options import MOST_WORKERS, option, required, section


@dataclass(frozen=True)
class InputOptions:
    """One named input of a generator of your own."""

    kind: Literal[
        "normal", "truncated_normal", "uniform", "one_hot", "label", "tokens", "image", "label_map"
    ] = required(
        "how it is drawn (normal, one_hot; label, tokens: whole numbers) or that it comes from "
        "data (image)"
    )
    shape: tuple[int, ...] = option((), "of one sample, e.g. [128] or [3, 256, 256]; label: none")
    low: float = option(-1.0, "smallest value; black of an image")
    high: float = option(1.0, "largest value; white of an image")
    classes: int = option(0, "label, tokens: how many numbers there are", low=0)


@dataclass(frozen=True)
class DataOptions:
    """Real images: they train a teacher, and judge what it and its students make."""

    source: str = option(
        "", "'digits' (embedded), a folder or zip of images, or an IDX file; empty: no real data"
    )
    layout: Literal["images", "side_by_side", "photograph"] = option(
        "images",
        "single images, in class folders or not; A|B in one file (pix2pix); or one photograph, "
        "which only teach.objective single_image learns from",
    )
    folder: str = option("", "folder of the images in it, e.g. trainB; empty: everywhere")
    direction: Literal["AtoB", "BtoA"] = option("AtoB", "side_by_side: B (right) or A is taken")
    resolution: int | tuple[int, ...] = option(
        32, "height and width that the images are brought to: one number, or [256, 512]", 4, 16_384
    )
    channels: int = option(3, "1 for greyscale, 3 for colour", low=1, high=4_096)
    crop: Literal["none", "center"] = option(
        "none", "stretch to the resolution, or cut to it first"
    )
    corrupt: Literal["refuse", "skip"] = option("refuse", "files that cannot be read")
    odd: Literal["refuse", "skip", "convert"] = option(
        "convert", "files of 16 bits, with transparency, a palette or other channels"
    )
    held_out: float = option(0.2, "share kept away from training, for reporting", low=0, high=0.9)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        if isinstance(self.resolution, int):
            return self.resolution, self.resolution
        return self.resolution[0], self.resolution[1]

    def mistakes(self) -> list[str]:
        """What does not fit together although every key by itself does."""
        if isinstance(self.resolution, int):
            return []
        if len(self.resolution) != 2 or min(self.resolution) < 4:
            return [
                "data.resolution: one number, or height and width, of at least 4; got "
                f"{list(self.resolution)}"
            ]
        if self.source == "digits" and self.resolution[0] != self.resolution[1]:
            return [f"data.resolution: digits are square, got {list(self.resolution)}"]
        return []


@dataclass(frozen=True)
class OtherInputOptions:
    """Where one of several image inputs comes from; the rest is as in teacher.data."""

    source: str = option("", "a folder or zip; empty: that of teacher.data")
    folder: str = option("", "folder of the inputs in it; empty: everywhere")
    layout: Literal["images", "label_maps"] = option("images", "images, or maps of class numbers")
    classes: int = option(0, "label_maps: number of classes", low=0)
    instances: str = option("", "label_maps: folder of instance maps; outlines become a channel")
    unknown: bool = option(False, "label_maps: a channel of its own for pixels of class 255")


@dataclass(frozen=True)
class TeacherDataOptions:
    """Images or label maps that the teacher is fed, at the size it is meant for."""

    source: str = option("", "a folder or zip of them; empty: every input of the teacher is drawn")
    layout: Literal["images", "side_by_side", "label_maps"] = option(
        "images", "single images, A|B in one file (pix2pix), or maps of class numbers"
    )
    folder: str = option("", "folder of the inputs in it; empty: everywhere")
    direction: Literal["AtoB", "BtoA"] = option("AtoB", "side_by_side: A (left) or B is the input")
    classes: int = option(0, "label_maps: number of classes", low=0, high=65_536)
    instances: str = option("", "label_maps: folder of instance maps; outlines become a channel")
    unknown: bool = option(False, "label_maps: a channel of its own for pixels of class 255")
    crop: Literal["none", "center"] = option(
        "none", "stretch to the input's size, or cut to it first"
    )
    load_size: int = option(
        0,
        "height and width that images are brought to first; inputs are then crops of it, random "
        "ones to train on; 0: they are brought to the size that the teacher is meant for",
        low=0,
        high=16_384,
    )
    crops: int = option(
        1, "random crops of every training image, where there is a load_size", low=1, high=10_000
    )
    flip: bool = option(False, "the mirror image of every training input as a further one")
    corrupt: Literal["refuse", "skip"] = option("refuse", "files that cannot be read")
    odd: Literal["refuse", "skip", "convert"] = option(
        "convert", "files of 16 bits, with transparency, a palette or other channels"
    )
    others: dict[str, OtherInputOptions] = option(
        {}, "of several image inputs, those that come from elsewhere, by name: style, mask, …"
    )

    @property
    def turns(self) -> int:
        """Training samples that one row serves."""
        return self.crops * (1 + self.flip)

    def size(self, shape: Sequence[int]) -> tuple[int, int]:
        """Height and width that images are brought to for an input of ``shape`` (C, H, W)."""
        _, height, width = shape
        return (self.load_size, self.load_size) if self.load_size else (height, width)

    def of(self, name: str) -> "TeacherDataOptions":
        """Where the input ``name`` comes from."""
        other = self.others.get(name)
        if other is None:
            return self
        keys = {field.name: getattr(other, field.name) for field in fields(other)}
        return replace(self, **{**keys, "source": other.source or self.source}, others={})


@dataclass(frozen=True)
class RemoteOptions:
    """A service as the teacher: asked over HTTP, sample by sample; every answer is kept."""

    url: str = option("", "takes POST requests; empty: the teacher is no service")
    version: str = option("", "names service and version; change it when the service changes")
    scores: int = option(0, "how many scores it answers; 0: it answers an image", low=0)
    field: str = option("", "dotted path to the scores in its answer (JSON); empty: all of it")
    logarithm: bool = option(False, "record logarithms of its probabilities, as the term kl wants")
    credential: str = option("", "environment variable that holds its key; empty: an open service")
    cache: str = option("", "folder for its answers, to be shared by runs; empty: in the run")
    rate: float = option(10.0, "requests a second, at most", above=0)
    workers: int = option(4, "requests under way at once", low=1, high=MOST_WORKERS)
    timeout: float = option(60.0, "seconds", above=0, high=86_400)
    attempts: int = option(5, "tries of one request", low=1, high=1_000)


@dataclass(frozen=True)
class TeacherOptions:
    """The generator to compress: a published file, your own module, or one to train."""

    file: str = option("", "a published checkpoint or a student file")
    family: str = option("", "what the file holds; empty: recognised from its contents")
    factory: str = option("dcgan", "built-in name, 'module:attr' or 'file.py:attr'; without a file")
    kwargs: dict[str, Any] = option({}, "arguments of the factory")
    output: str = option(
        "", "which tensor of a tuple, list or mapping that the factory's module returns: 0, image"
    )
    weights: str = option("", "state dict for the factory's module; empty: `teach` trains it")
    inputs: dict[str, InputOptions] = option(
        {}, "inputs, where the module has no `inputs` attribute"
    )
    output_range: tuple[float, ...] = option(
        (-1.0, 1.0), "values of black and white in its images; all that follows is in [-1, 1]"
    )
    data: TeacherDataOptions = section(TeacherDataOptions, "images or label maps as its inputs")
    remote: RemoteOptions = section(RemoteOptions, "a service as the teacher")
    pairs: str = option("", "folder of recorded pairs, where nothing else is left of the teacher")

    @property
    def given(self) -> str:
        """Where a teacher is that there is already; empty for one to train."""
        return self.file or self.weights or self.remote.url or self.pairs

    @property
    def program(self) -> bool:
        """Whether its file is a program, to be run where it is trusted."""
        return self.file.endswith((".onnx", ".pt2")) or bool(self.kwargs.get("trusted"))

    @property
    def black_box(self) -> bool:
        """Whether only its answers are known."""
        return bool(self.remote.url or self.pairs) or (bool(self.file) and self.program)
