"""The one pass over a set of image files: what is usable, what is odd, and the decoded pixels."""

import hashlib
import itertools
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import PIL
from torch import Tensor, from_file, uint8

from gancompress.atomic import replacing, write_json
from gancompress.data.decode import Form, Pixels, decode, is_remark
from gancompress.data.sources import Source
from gancompress.errors import DataError

Corrupt = Literal["refuse", "skip"]
Odd = Literal["refuse", "skip", "convert"]

_FORMAT = 2
_CHUNK = 256


@dataclass(frozen=True)
class Problem:
    """An image file that could not be read, or not without loss.

    Attributes:
        name: of the file in its folder or archive.
        reason: what is wrong with it.
        action: what was done about it.
    """

    name: str
    reason: str
    action: Literal["skipped", "converted"]


@dataclass(frozen=True)
class Survey:
    """What the pass found.

    Attributes:
        names: the usable images, in order.
        shape: (C, H, W) of every one.
        digest: SHA-256 of the decoded pixels, hexadecimal.
        problems: the odd and the corrupt.
        pixels: uint8 (n, C, H, W) in a memory map; None where they would exceed the limit.
    """

    names: list[str]
    shape: tuple[int, int, int]
    digest: str
    problems: tuple[Problem, ...]
    pixels: Tensor | None


def default_cache() -> Path:
    """``$GANCOMPRESS_CACHE``, or else ``~/.cache/gancompress``, or else below the system's own."""
    try:
        return Path(os.environ.get("GANCOMPRESS_CACHE", "~/.cache/gancompress")).expanduser()
    except RuntimeError:  # a user without a home, as in some containers
        return Path(tempfile.gettempdir(), f"gancompress-{os.getuid()}")


def survey(
    source: Source,
    names: Sequence[str],
    form: Form,
    *,
    corrupt: Corrupt,
    odd: Odd,
    cache: Path,
    limit: int,
) -> Survey:
    """Decode every image once; later calls on unchanged files read the result from ``cache``.

    Args:
        source: where the files lie.
        names: which of them.
        form: channels, size and crop to bring them to; without a size all must have the first's.
        corrupt: refuse with an error, or skip, files that cannot be read.
        odd: refuse, skip, or convert files that do not decode to ``form`` without loss.
        cache: folder that keeps results.
        limit: bytes of decoded pixels up to which they are kept too.

    Raises:
        DataError: a file was refused, or none is left.
    """
    stamps = [f"{name}|{source.stamp(name)}" for name in names]
    # Files of one name, size and time are not the same ones in another place.
    rules: list[Any] = [_FORMAT, PIL.__version__, asdict(form), corrupt, odd, limit, source.place]
    key = hashlib.sha256(json.dumps([rules, stamps]).encode()).hexdigest()[:24]
    place = cache / "images" / key
    found = _read(place)
    if found is None:
        try:
            _decode_all(source, names, form, corrupt, odd, place, limit)
            found = _read(place)
        except OSError as error:
            raise DataError(
                f"{place}: cannot be written ({error}); set GANCOMPRESS_CACHE to a folder with room"
            ) from error
    if found is None:
        raise DataError(f"{place}: does not hold what was written to it; check the disk")
    return found


def _read(place: Path) -> Survey | None:
    """What an earlier pass left; None where that is nothing, or damaged."""
    try:
        index = json.loads((place / "index.json").read_text(encoding="utf-8"))
        names = [str(name) for name in index["names"]]
        channels, height, width = (int(side) for side in index["shape"])
        problems = tuple(Problem(**entry) for entry in index["problems"])
        kept, digest = bool(index["kept"]), str(index["digest"])
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    shape = (channels, height, width)
    pixels = _mapped(place / "pixels.u8", len(names), shape, digest) if kept else None
    return (
        None
        if kept and pixels is None
        else Survey(names=names, shape=shape, digest=digest, problems=problems, pixels=pixels)
    )


def _mapped(file: Path, count: int, shape: tuple[int, int, int], digest: str) -> Tensor | None:
    """The pixels in ``file``; None where they are not those that were written to it."""
    size = count * shape[0] * shape[1] * shape[2]
    if min(*shape, count) < 1 or not file.is_file() or file.stat().st_size != size:
        return None
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while part := opened.read(1 << 20):
            found.update(part)
    if found.hexdigest() != digest:
        return None
    return from_file(str(file), shared=False, size=size, dtype=uint8).view(count, *shape)


def _decode_all(
    source: Source,
    names: Sequence[str],
    form: Form,
    corrupt: Corrupt,
    odd: Odd,
    place: Path,
    limit: int,
) -> None:
    kept: list[str] = []
    problems: list[Problem] = []
    shape: tuple[int, ...] | None = None
    digest = hashlib.sha256()
    fits = True
    with replacing(place / "pixels.u8") as temporary, temporary.open("wb") as file:
        for name, pixels, reason in _examine(source, names, form):
            if pixels is not None and shape is None:
                shape = pixels.shape
                fits = pixels.nbytes * len(names) <= limit
            problem = _problem(source, name, pixels, reason, shape, corrupt, odd)
            if problem is not None:
                problems.append(problem)
            if pixels is None or (problem is not None and problem.action == "skipped"):
                continue
            kept.append(name)
            digest.update(pixels.tobytes())
            if fits:
                file.write(pixels.tobytes())
    if shape is None or not kept:
        raise DataError(f"{source.path}: none of {len(names)} images can be used: {problems[0]}")
    index = {
        "names": kept,
        "shape": shape,
        "digest": digest.hexdigest(),
        "problems": [asdict(problem) for problem in problems],
        "kept": fits,
    }
    write_json(place / "index.json", index)


def _examine(
    source: Source, names: Sequence[str], form: Form
) -> Iterator[tuple[str, Pixels | None, str | None]]:
    """Every file in order: its pixels and what is odd, or None and why it cannot be read."""

    def one(name: str) -> tuple[str, Pixels | None, str | None]:
        try:
            return (name, *decode(source.read(name), form))
        except Exception as error:  # Pillow's decoders raise whatever they like on damaged files.
            return name, None, f"{type(error).__name__}: {error}"

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        remaining = iter(names)
        while chunk := list(itertools.islice(remaining, _CHUNK)):
            yield from pool.map(one, chunk)


def _problem(
    source: Source,
    name: str,
    pixels: Pixels | None,
    reason: str | None,
    shape: tuple[int, ...] | None,
    corrupt: Corrupt,
    odd: Odd,
) -> Problem | None:
    """What is wrong with a file and what is done about it; None where nothing is."""
    action: Odd = odd
    fix = "mend or remove it, or choose to skip or convert such images"
    if pixels is None:
        reason, action = f"cannot be read: {reason}", corrupt
    elif pixels.shape != shape:
        reason, fix = f"size {_text(pixels.shape)}, not {_text(shape)}", "give a resolution"
        action = "refuse" if odd == "convert" else odd
    if reason is None:
        return None
    if pixels is not None and pixels.shape == shape and is_remark(reason):
        action = "convert"
    if action == "refuse":
        raise DataError(f"{source.path}, {name}: {reason}; {fix}")
    return Problem(name, reason, "skipped" if action == "skip" else "converted")


def _text(shape: tuple[int, ...] | None) -> str:
    return "×".join(str(size) for size in (shape or ())[1:])
