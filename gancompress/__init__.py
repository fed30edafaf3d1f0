"""Make any generator small: distil, search, prove, export.

What is listed in ``__all__`` is the public API. It is loaded when it is first used, so that
``import gancompress`` and ``gancompress --help`` do not wait for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gancompress.batch import Batch, Input, InputSpec
    from gancompress.errors import GancompressError
    from gancompress.student.file import Student, load_student, save_student
    from gancompress.supernet import Cost, SearchSpace, Subnet, Supernet

    __version__: str

# Where each public name is defined.
_PLACES = {
    "Batch": "gancompress.batch",
    "Cost": "gancompress.supernet",
    "GancompressError": "gancompress.errors",
    "Input": "gancompress.batch",
    "InputSpec": "gancompress.batch",
    "SearchSpace": "gancompress.supernet",
    "Student": "gancompress.student.file",
    "Subnet": "gancompress.supernet",
    "Supernet": "gancompress.supernet",
    "load_student": "gancompress.student.file",
    "save_student": "gancompress.student.file",
}

__all__ = [
    "Batch",
    "Cost",
    "GancompressError",
    "Input",
    "InputSpec",
    "SearchSpace",
    "Student",
    "Subnet",
    "Supernet",
    "__version__",
    "load_student",
    "save_student",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in _PLACES:
        value = getattr(import_module(_PLACES[name]), name)
    else:
        raise AttributeError(f"module 'gancompress' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("gancompress")
    except PackageNotFoundError:  # a checkout that was never installed
        return "0"
