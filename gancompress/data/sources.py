"""Where image files lie: a folder or a zip, behind one small interface."""

import os
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from gancompress.errors import DataError

IMAGE_SUFFIXES = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".gif"),
    }
)


# Images that are not read: their decoders start programs, or are not everywhere.
OTHER_IMAGES = frozenset(
    {
        *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd", ".svg", ".eps", ".ps", ".pdf"),
        *(".exr", ".hdr", ".tga", ".ico", ".dng", ".cr2", ".nef", ".arw", ".raw", ".npy"),
    }
)


# Of one image or table, unpacked: 64 million pixels of three channels and 16 bits, or so.
MOST_BYTES = 2**29


class Source(Protocol):
    """Named files that can be read in any order, from several threads.

    Attributes:
        path: as it was given.
        names: of the files.
        others: names of what is no file and no folder: pipes, sockets, devices, links that lead
            nowhere or back. They are never opened: a pipe would wait for its writer.
        place: where it really lies.
    """

    path: Path
    names: list[str]
    others: list[str]
    place: str

    def read(self, name: str) -> bytes:
        """The bytes of one file."""

    def stamp(self, name: str) -> str:
        """A cheap mark that changes when the file changes."""


class FolderSource:
    """Every file below a folder; names are relative, with forward slashes, in sorted order.

    Links to files and to folders are followed, but not back into a folder that they lie in.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = str(path.resolve())
        entries = {True: list[str](), False: list[str]()}
        try:
            for entry, is_file in _entries(path, ()):
                entries[is_file].append(entry.relative_to(path).as_posix())
        except OSError as error:
            raise DataError(f"{path}: cannot be listed ({error}); give yourself access") from error
        self.names, self.others = sorted(entries[True]), sorted(entries[False])

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def stamp(self, name: str) -> str:
        facts = (self.path / name).stat()
        return f"{facts.st_size}:{facts.st_mtime_ns}:{facts.st_ino}"


def _entries(folder: Path, above: tuple[Path, ...]) -> Iterator[tuple[Path, bool]]:
    """What is below a folder, and whether it is a file."""
    here = folder.resolve()
    if here in above:
        yield folder, False
        return
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _entries(entry, (*above, here))
        else:
            yield entry, entry.is_file()


class ZipSource:
    """Every file in a zip archive; nothing is unpacked to disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = f"{path.resolve()}:{path.stat().st_ino}"
        self._local = threading.local()
        try:
            members = [member for member in self._archive().infolist() if not member.is_dir()]
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(f"{path}: not a readable zip archive ({error})") from error
        self._members = {member.filename: member for member in members}
        if len(self._members) < len(members):
            raise DataError(f"{path}: two files of one name in it; pack it again")
        self.names = sorted(self._members)
        self.others: list[str] = []

    def _archive(self) -> zipfile.ZipFile:
        # An open archive seeks in one file: each thread and each forked process needs its own.
        opened: tuple[int, zipfile.ZipFile] | None = getattr(self._local, "opened", None)
        if opened is None or opened[0] != os.getpid():
            opened = (os.getpid(), zipfile.ZipFile(self.path))
            self._local.opened = opened
        return opened[1]

    def read(self, name: str) -> bytes:
        if self._members[name].file_size > MOST_BYTES:
            raise DataError(f"{self.path}, {name}: more than {MOST_BYTES:,} bytes")
        try:
            return self._archive().read(name)
        # As many ways as an archive can be damaged, locked or packed in.
        except (
            zipfile.BadZipFile,
            zlib.error,
            RuntimeError,
            EOFError,
            OSError,
            ValueError,
        ) as error:
            raise DataError(f"{self.path}, {name}: cannot be unpacked ({error})") from error

    def stamp(self, name: str) -> str:
        member = self._members[name]
        return f"{member.file_size}:{member.CRC:08x}"


def open_source(path: str | Path) -> Source:
    """The files of a folder or a zip.

    Raises:
        DataError: nothing is there, or it is neither a folder nor a zip archive.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        return FolderSource(place)
    if place.is_file():
        return ZipSource(place)
    raise DataError(f"{place}: no such folder or zip archive")


def image_names(source: Source, folder: str | None = None) -> list[str]:
    """Names of the image files of a source, below ``folder`` where one is given.

    Hidden files and the resource forks that macOS leaves in archives are passed over.
    """
    names = _with_suffix(_seen(source.names, folder), IMAGE_SUFFIXES)
    if not names:
        where = source.path if folder is None else f"{source.path}, folder {folder}"
        raise DataError(f"{where}: no image files ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return names


def other_image_names(source: Source, folder: str | None = None) -> list[str]:
    """Names of the image files of kinds that are not read."""
    return _with_suffix(_seen(source.names, folder), OTHER_IMAGES)


def other_names(source: Source, folder: str | None = None) -> list[str]:
    """Names of what is neither a file nor a folder."""
    return _seen(source.others, folder)


def _with_suffix(names: Iterable[str], suffixes: frozenset[str]) -> list[str]:
    return [name for name in names if PurePosixPath(name).suffix.lower() in suffixes]


def _seen(names: Iterable[str], folder: str | None) -> list[str]:
    return [
        name
        for name in names
        if not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
        and (folder is None or PurePosixPath(folder) in PurePosixPath(name).parents)
    ]
