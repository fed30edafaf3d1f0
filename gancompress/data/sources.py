"""Where image files lie: a folder or a zip, behind one small interface."""

import os
import threading
import zipfile
from pathlib import Path, PurePosixPath
from typing import Protocol

from gancompress.errors import DataError

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"}
)


class Source(Protocol):
    """Named files that can be read in any order, from several threads."""

    path: Path
    names: list[str]

    def read(self, name: str) -> bytes:
        """The bytes of one file."""

    def stamp(self, name: str) -> str:
        """A cheap mark that changes when the file changes."""


class FolderSource:
    """Every file below a folder; names are relative, with forward slashes, in sorted order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names = sorted(
            file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()
        )

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def stamp(self, name: str) -> str:
        facts = (self.path / name).stat()
        return f"{facts.st_size}:{facts.st_mtime_ns}"


class ZipSource:
    """Every file in a zip archive; nothing is unpacked to disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        try:
            members = [member for member in self._archive().infolist() if not member.is_dir()]
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(f"{path}: not a readable zip archive ({error})") from error
        self._members = {member.filename: member for member in members}
        self.names = sorted(self._members)

    def _archive(self) -> zipfile.ZipFile:
        # An open archive seeks in one file: each thread and each forked process needs its own.
        opened: tuple[int, zipfile.ZipFile] | None = getattr(self._local, "opened", None)
        if opened is None or opened[0] != os.getpid():
            opened = (os.getpid(), zipfile.ZipFile(self.path))
            self._local.opened = opened
        return opened[1]

    def read(self, name: str) -> bytes:
        return self._archive().read(name)

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
    names = [
        name
        for name in source.names
        if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
        and not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
        and (folder is None or PurePosixPath(folder) in PurePosixPath(name).parents)
    ]
    if not names:
        where = source.path if folder is None else f"{source.path}, folder {folder}"
        raise DataError(f"{where}: no image files ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return names
