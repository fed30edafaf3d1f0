"""Content hashes: what tells whether a file is still the one that was written."""

import hashlib
from pathlib import Path

_BLOCK = 1 << 20

# By path: size, time of the last change and hash. A file is read once in a process while the first
# two stay as they are.
_known: dict[Path, tuple[int, int, str]] = {}


def sha256_of(file: Path) -> str:
    """SHA-256 (hex) of the bytes of ``file``.

    Raises:
        OSError: it cannot be read.
    """
    found = file.stat()
    known = _known.get(file)
    if known is not None and known[:2] == (found.st_size, found.st_mtime_ns):
        return known[2]
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    _known[file] = (found.st_size, found.st_mtime_ns, digest.hexdigest())
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """Hash of a file's bytes, or of the names and sizes of all files in a folder.

    The bytes of a data set of many gigabytes would take longer to read than what is asked of it.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_dir():
        return sha256_of(path)
    listed = sorted(
        f"{file.relative_to(path)} {file.stat().st_size}"
        for file in path.rglob("*")
        if file.is_file()
    )
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()
