"""`apply TAGGER IN OUT.csv`: the best tags of every picture, by a network that answers scores."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gancompress.assemble.open_generator import GeneratorFile
from gancompress.atomic import write_json, write_text
from gancompress.batch import Input, in_range
from gancompress.data.decode import Form, decode
from gancompress.data.images import to_float
from gancompress.data.sources import IMAGE_SUFFIXES, image_names, open_source
from gancompress.errors import DataError
from gancompress.progress import progress_bar
from gancompress.workflows.apply import opened_network, the_image_input

# What tags are written to; anything else is a picture or a folder of pictures.
SUFFIXES = (".csv", ".json")


@dataclass(frozen=True)
class Tagged:
    """A picture and its best tags, best first, with the network's scores as they are."""

    picture: str
    tags: list[tuple[str, float]]


def tag(
    what: GeneratorFile, source: Path, output: Path, *, top: int = 30, names: Path | None = None
) -> list[Tagged]:
    """Write the best tags of every picture in ``source`` to a table or a JSON file.

    Args:
        what: a network of one image (N, C, H, W) to scores (N, K), or an ONNX file of one.
        source: a picture, or a folder or zip of pictures; each is brought to the network's size.
        output: ends in ``.csv`` (picture, rank, tag, score) or ``.json``.
        top: how many tags of each; at most K.
        names: a text file of K lines, the tags in the order of the scores; else they are numbered.

    Raises:
        DataError: the network answers no scores, the names are not as many, or a picture cannot be
            read.
    """
    run, inputs = opened_network(what)
    name, entry = the_image_input(what, inputs)
    found: list[Tagged] = []
    tags: list[str] = []
    for picture, data in progress_bar(_pictures(source), desc="apply"):
        scores = run({name: _fitted(picture, data, entry)})
        if scores.ndim != 2:
            raise DataError(
                f"{what.path}: makes images, no scores; name a folder or a .png for them, not "
                f"{output}"
            )
        tags = tags or _tags(names, scores.shape[1])
        best = scores[0].topk(min(top, scores.shape[1]))
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        found.append(Tagged(picture, [(tags[place], score) for place, score in pairs]))
    _write(found, output)
    return found


def _pictures(source: Path) -> list[tuple[str, bytes]]:
    if source.is_file() and source.suffix.lower() in IMAGE_SUFFIXES:
        return [(source.name, source.read_bytes())]
    files = open_source(source)
    return [(name, files.read(name)) for name in image_names(files)]


def _fitted(picture: str, data: bytes, entry: Input) -> Tensor:
    channels, height, width = entry.shape
    try:
        pixels, _ = decode(data, Form(channels, (height, width), "none"))
    # Whatever Pillow raises for a file that it cannot read.
    except Exception as error:
        raise DataError(f"{picture}: not a readable picture ({error})") from error
    return in_range(to_float(torch.from_numpy(pixels))[None], entry)


def _tags(names: Path | None, count: int) -> list[str]:
    if names is None:
        return [str(number) for number in range(count)]
    try:
        tags = names.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--tags {names}: cannot be read as text ({error})") from error
    if len(tags) != count:
        raise DataError(
            f"--tags {names}: {len(tags)} lines, but the network gives {count} scores; give a line "
            "for each, in their order"
        )
    return tags


def _write(found: list[Tagged], output: Path) -> None:
    if output.suffix.lower() == ".json":
        rows = {
            one.picture: [{"tag": name, "score": score} for name, score in one.tags]
            for one in found
        }
        write_json(output, rows)
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["picture", "rank", "tag", "score"])
    for one in found:
        for rank, (name, score) in enumerate(one.tags, 1):
            table.writerow([one.picture, rank, name, f"{score:.6g}"])
    write_text(output, text.getvalue())
