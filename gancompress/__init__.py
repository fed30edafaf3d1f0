"""Make any generator small: distil, search, prove, export."""

from importlib.metadata import PackageNotFoundError, version

from gancompress.batch import Batch, Input, InputSpec
from gancompress.errors import GancompressError
from gancompress.student.file import Student, load_student, save_student
from gancompress.supernet import Cost, SearchSpace, Subnet, Supernet

try:
    __version__ = version("gancompress")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0"

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
