"""Optional packages, imported where they are used."""

import importlib
from typing import Any

from gancompress.errors import MissingPackageError


def require(package: str, extra: str) -> Any:
    """Import ``package``; where it is missing, say which extra of gancompress brings it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(
            f'{package.split(".")[0]} is not installed: pip install "gancompress[{extra}]"'
        ) from error
