"""What a service has answered, on disk, so that nothing is paid for twice."""

import hashlib
from pathlib import Path

from gancompress.atomic import replacing

_DIGEST = hashlib.sha256().digest_size


class ResponseCache:
    """Responses by the digest of their request.

    A file holds the SHA-256 of the response and the response; one that does not fit its digest is
    as good as none. Requests are not kept, so nothing secret can be in the folder by way of them.

    Args:
        folder: may be shared by processes and by services.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def get(self, key: str) -> bytes | None:
        """The response to the request of this key, or None."""
        try:
            content = self._file(key).read_bytes()
        except FileNotFoundError:
            return None
        digest, response = content[:_DIGEST], content[_DIGEST:]
        return response if hashlib.sha256(response).digest() == digest else None

    def put(self, key: str, response: bytes) -> None:
        """Keep the response; a kill leaves either all of it or nothing."""
        with replacing(self._file(key)) as temporary:
            temporary.write_bytes(hashlib.sha256(response).digest() + response)

    def _file(self, key: str) -> Path:
        # Two levels, because folders of a million files are slow.
        return self.folder / key[:2] / key[2:]


def request_key(*parts: str | bytes) -> str:
    """SHA-256 (hex) of what makes a request what it is; parts cannot run into each other."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()
