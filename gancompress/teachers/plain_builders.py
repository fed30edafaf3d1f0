"""What plain data a pickle writes as calls: sets, bytes, dictionaries, single numbers of numpy."""

import struct
from dataclasses import dataclass
from typing import Any

from gancompress.teachers.inert import Inert
from gancompress.teachers.pickle_machine import Builders, MalformedError, Mention, plain_key, show


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


def plain_dict(items: Any = ()) -> dict[Any, Any]:
    """A dict of ``items``; Python 2 gave them as arguments, later versions set them afterwards."""
    if type(items) is dict:
        return dict(items)
    if type(items) not in (list, tuple):
        raise MalformedError("items that are no list")
    return {plain_key(key): value for key, value in items}


def _defaultdict(_: Any = None, items: Any = ()) -> dict[Any, Any]:
    return plain_dict(items)


def _old_object(kind: Any, *_: Any) -> Inert:
    # How the older protocols make an object before its state is set.
    return Inert(kind.name if isinstance(kind, Mention) else "object")


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


PLAIN_BUILDERS: Builders = {
    "collections.OrderedDict": plain_dict,
    "collections.defaultdict": _defaultdict,
    "copyreg._reconstructor": _old_object,
    "copy_reg._reconstructor": _old_object,
    "builtins.set": _set,
    "__builtin__.set": _set,
    "_codecs.encode": _encode,
    "numpy.dtype": _dtype,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
}
