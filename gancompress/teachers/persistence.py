"""The pickles of StyleGAN2-ADA and its kin, as data.

Their networks are written by ``torch_utils.persistence``: each is a record of its class name, the
text of the module that defines it, and its ``__dict__``. The original reader executes that text;
this one drops it and keeps the name, the constructor's arguments and the tensors.
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancompress.errors import TeacherError
from gancompress.teachers.pickle_machine import Builders, MalformedError, plain_key, show
from gancompress.teachers.safe_pickle import read_pickle
from gancompress.teachers.torch_claims import TORCH_BUILDERS, StorageClaim, TensorClaim, plain_dict
from gancompress.teachers.torch_file import (
    ZIP_START,
    check_legacy,
    check_zip,
    load_nested_storage,
)

# More than any network of the family has; a module that holds another twice, which holds … has 2^n.
_MAX_MODULES = 10_000


@dataclass(frozen=True)
class PersistentObject:
    """One object of ``torch_utils.persistence``.

    Attributes:
        class_name: ``Generator``, ``SynthesisNetwork``, …
        state: its ``__dict__``.
    """

    class_name: str
    state: Mapping[str, Any]

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword arguments it was made with; empty where an old file lacks them."""
        found = self.state.get("_init_kwargs", {})
        return found if isinstance(found, dict) else {}


@dataclass
class NumpyType:
    """A numpy dtype: numbers of one size and byte order."""

    code: str
    order: str = "<"

    def set_state(self, state: Any) -> None:
        """Take (version, byte order, …); anything but plain numbers is refused."""
        if type(state) is not tuple or len(state) < 5 or state[1] not in ("<", ">", "|"):
            raise MalformedError("a dtype that is no plain number")
        if any(part is not None for part in state[2:5]):
            raise MalformedError("a structured dtype")
        self.order = "<" if state[1] == "|" else state[1]


# numpy's names of number types, as codes of the struct module.
_NUMBERS = {
    "b1": "?",
    "i1": "b",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "u1": "B",
    "u2": "H",
    "u4": "I",
    "u8": "Q",
    "f2": "e",
    "f4": "f",
    "f8": "d",
}


def read_persistent(path: Path) -> Any:
    """What the pickle at ``path`` holds, as data; networks are :class:`PersistentObject`.

    Raises:
        UnsafeFileError: it names a global that these files have no use for.
        TeacherError: truncated, malformed, or claiming more than it holds.
    """
    nested = partial(_storage, where=f"{path}, inside a tensor's storage")
    builders = {**BUILDERS, "torch.storage._load_from_bytes": nested}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return read_pickle(view, str(path), builders)


def state_dict_of(network: PersistentObject, where: str) -> dict[str, Tensor]:
    """The parameters and buffers of a network and its submodules, by dotted name.

    Raises:
        TeacherError: its modules hold one another without end.
    """
    storages: dict[int, torch.UntypedStorage] = {}
    found: dict[str, Tensor] = {}
    waiting: list[tuple[str, Any]] = [("", network)]
    for _ in range(_MAX_MODULES):
        if not waiting:
            return found
        prefix, module = waiting.pop()
        if not isinstance(module, PersistentObject):
            raise TeacherError(f"{where}: {prefix}: {type(module).__name__}, not a network")
        for part in ("_parameters", "_buffers"):
            for name, value in _mapping(module, part).items():
                if isinstance(value, TensorClaim):
                    found[f"{prefix}{name}"] = _load(value, storages, f"{where}: {prefix}{name}")
        children = _mapping(module, "_modules").items()
        waiting += [(f"{prefix}{name}.", child) for name, child in children if child is not None]
    raise TeacherError(f"{where}: more than {_MAX_MODULES:,} modules; no published network has")


def _mapping(module: PersistentObject, part: str) -> Mapping[str, Any]:
    value = module.state.get(part, {})
    if type(value) is not dict:
        raise TeacherError(f"{module.class_name}.{part}: {type(value).__name__}, not a mapping")
    return value


def _load(claim: TensorClaim, storages: dict[int, torch.UntypedStorage], where: str) -> Tensor:
    content = claim.storage.source
    if not isinstance(content, bytes):
        raise TeacherError(f"{where}: its storage lies outside of the file")
    if id(content) not in storages:
        storages[id(content)] = load_nested_storage(content, where)
    empty = torch.empty(0, dtype=claim.storage.dtype)
    return empty.set_(storages[id(content)], claim.offset, claim.shape, claim.stride)


def _storage(content: Any, where: str) -> StorageClaim:
    if type(content) is not bytes:
        raise MalformedError("a storage without bytes")
    check = check_zip if content.startswith(ZIP_START) else check_legacy
    claim = check(BytesIO(content), len(content), where)
    if not isinstance(claim, StorageClaim):
        raise MalformedError("nested bytes that are no storage")
    return replace(claim, source=content)


def _persistent(meta: Any) -> PersistentObject:
    if type(meta) is not dict or meta.get("type") != "class":
        raise MalformedError("an object that is no class")
    name, state = meta.get("class_name"), meta.get("state")
    if type(name) is not str or type(state) is not dict:
        raise MalformedError("an object without class name and state")
    return PersistentObject(name, state)  # meta["module_src"], the program text, ends here


def _set(items: Any = ()) -> set[Any]:
    return {plain_key(item) for item in items}


def _dtype(code: Any, *_: Any) -> NumpyType:
    if type(code) is not str or code not in _NUMBERS:
        raise MalformedError(f"a numpy number of type {show(code)}")
    return NumpyType(code)


def _scalar(kind: Any, content: Any) -> float | int | bool:
    if not isinstance(kind, NumpyType) or type(content) is not bytes:
        raise MalformedError("a numpy number without type or bytes")
    try:
        return struct.unpack(kind.order + _NUMBERS[kind.code], content)[0]  # type: ignore[no-any-return]
    except struct.error as error:
        raise MalformedError(str(error)) from None


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    # How the older protocols write bytes.
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise MalformedError("bytes in another encoding")
    return text.encode("latin-1")


BUILDERS: Builders = {
    **TORCH_BUILDERS,
    "dnnlib.util.EasyDict": plain_dict,
    "torch_utils.persistence._reconstruct_persistent_obj": _persistent,
    "builtins.set": _set,
    "__builtin__.set": _set,
    "_codecs.encode": _encode,
    "numpy.dtype": _dtype,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
    "torch.device": lambda *_: None,  # everything is read on the CPU
    **dict.fromkeys(("torch.float32", "torch.float16", "torch.float64", "torch.memory_format")),
}
