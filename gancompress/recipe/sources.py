"""What a user may write about where images and the teacher come from; with every default."""

from dataclasses import dataclass, field
from typing import Any, Literal

from gancompress.recipe.keys import key, required


@dataclass(frozen=True)
class InputKeys:
    """One named input of a generator of your own."""

    kind: Literal["normal", "truncated_normal", "uniform", "one_hot", "image", "label_map"] = (
        required("how it is drawn (normal, one_hot, …) or that it comes from data (image)")
    )
    shape: tuple[int, ...] = required("shape of one sample, e.g. [128] or [3, 256, 256]")
    low: float = key(-1.0, "smallest value; black of an image")
    high: float = key(1.0, "largest value; white of an image")


@dataclass(frozen=True)
class Data:
    """Real images: they train a teacher, and judge what it and its students make."""

    source: str = key(
        "", "'digits' (embedded), a folder or zip of images, or an IDX file; empty: no real data"
    )
    layout: Literal["images", "side_by_side", "photograph"] = key(
        "images",
        "single images, in class folders or not; A|B in one file (pix2pix); or one photograph, "
        "which only teach.objective single_image learns from",
    )
    folder: str = key("", "folder of the images in it, e.g. trainB; empty: everywhere")
    direction: Literal["AtoB", "BtoA"] = key("AtoB", "side_by_side: B (right) or A is taken")
    resolution: int | tuple[int, ...] = key(
        32, "height and width that the images are brought to: one number, or [256, 512]", low=4
    )
    channels: int = key(3, "1 for greyscale, 3 for colour", low=1)
    crop: Literal["none", "center"] = key("none", "stretch to the resolution, or cut to it first")
    corrupt: Literal["refuse", "skip"] = key("refuse", "files that cannot be read")
    odd: Literal["refuse", "skip", "convert"] = key(
        "convert", "files of 16 bits, with transparency, a palette or other channels"
    )
    held_out: float = key(0.2, "share kept away from training, for reporting", low=0, high=0.9)

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
class TeacherData:
    """Images or label maps that the teacher is fed, at the size it is meant for."""

    source: str = key("", "a folder or zip of them; empty: every input of the teacher is drawn")
    layout: Literal["images", "side_by_side", "label_maps"] = key(
        "images", "single images, A|B in one file (pix2pix), or maps of class numbers"
    )
    folder: str = key("", "folder of the inputs in it; empty: everywhere")
    direction: Literal["AtoB", "BtoA"] = key("AtoB", "side_by_side: A (left) or B is the input")
    classes: int = key(0, "label_maps: number of classes", low=0)
    instances: str = key("", "label_maps: folder of instance maps; outlines become a channel")
    unknown: bool = key(False, "label_maps: a channel of its own for pixels of class 255")
    crop: Literal["none", "center"] = key("none", "stretch to the input's size, or cut to it first")
    flip: bool = key(False, "the mirror image of every training input as a further one")
    corrupt: Literal["refuse", "skip"] = key("refuse", "files that cannot be read")
    odd: Literal["refuse", "skip", "convert"] = key(
        "convert", "files of 16 bits, with transparency, a palette or other channels"
    )


@dataclass(frozen=True)
class Remote:
    """A service as the teacher: asked over HTTP, sample by sample; every answer is kept."""

    url: str = key("", "takes POST requests; empty: the teacher is no service")
    version: str = key("", "names service and version; change it when the service changes")
    scores: int = key(0, "how many scores it answers; 0: it answers an image", low=0)
    field: str = key("", "dotted path to the scores in its answer (JSON); empty: all of it")
    logarithm: bool = key(False, "record logarithms of its probabilities, as the term kl wants")
    credential: str = key("", "environment variable that holds its key; empty: an open service")
    cache: str = key("", "folder for its answers, to be shared by runs; empty: in the run")
    rate: float = key(10.0, "requests a second, at most", low=0)
    workers: int = key(4, "requests under way at once", low=1)
    timeout: float = key(60.0, "seconds", low=0)
    attempts: int = key(5, "tries of one request", low=1)


@dataclass(frozen=True)
class Teacher:
    """The generator to compress: a published file, your own module, or one to train."""

    file: str = key("", "a published checkpoint or a student file")
    family: str = key("", "what the file holds; empty: recognised from its contents")
    factory: str = key("dcgan", "built-in name, 'module:attr' or 'file.py:attr'; without a file")
    kwargs: dict[str, Any] = key({}, "arguments of the factory")
    weights: str = key("", "state dict for the factory's module; empty: `teach` trains it")
    inputs: dict[str, InputKeys] = key({}, "inputs, where the module has no `inputs` attribute")
    output_range: tuple[float, ...] = key(
        (-1.0, 1.0), "values of black and white in its images; all that follows is in [-1, 1]"
    )
    data: TeacherData = field(
        default_factory=TeacherData, metadata={"doc": "images or label maps that it is fed"}
    )
    remote: Remote = field(default_factory=Remote, metadata={"doc": "a service as the teacher"})
    pairs: str = key("", "folder of recorded pairs, where nothing else is left of the teacher")

    @property
    def given(self) -> str:
        """Where a teacher is that there is already; empty for one to train."""
        return self.file or self.weights or self.remote.url or self.pairs
