"""Files that try to do harm, written as a harmful program would write them.

Every payload would leave a file behind if it ran; the tests look for that file.
"""

import io
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from tests.unit.teachers.published import Persistent, dumps


class Calls:
    """Pickles as a call of ``function``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> Any:
        return self.reduced


def trace(folder: Path) -> Path:
    return folder / "executed"


def shell(folder: Path) -> str:
    return f"touch {trace(folder)}"


def text_global(folder: Path) -> bytes:
    """os.system by GLOBAL, protocol 0."""
    return f"cos\nsystem\n(S'{shell(folder)}'\ntR.".encode()


def stack_global(folder: Path) -> bytes:
    """os.system by STACK_GLOBAL, protocol 4."""
    return pickle.dumps(Calls(os.system, shell(folder)), 4)


def instance(folder: Path) -> bytes:
    """os.system by INST: global and call in one instruction."""
    return f"(S'{shell(folder)}'\nios\nsystem\n.".encode()


def obj(folder: Path) -> bytes:
    """os.system by OBJ."""
    return f"(cos\nsystem\nS'{shell(folder)}'\no.".encode()


def reduce_chain(folder: Path) -> bytes:
    """getattr of an imported module, then a call of what it gives: no name looks harmful alone."""
    module = Calls(__import__, "os")
    return pickle.dumps(Calls(getattr, module, "system"), 3)[:-1] + (
        b"(X" + struct.pack("<I", len(shell(folder))) + shell(folder).encode() + b"tR."
    )


def evaluated(folder: Path) -> bytes:
    """builtins.eval on a program text."""
    return pickle.dumps(Calls(eval, f"open({str(trace(folder))!r}, 'w').close()"), 3)


def assembled_name(folder: Path) -> bytes:
    """The name's parts are put into the memo apart from each other and joined by STACK_GLOBAL."""
    argument = shell(folder).encode()
    return (
        b"\x80\x04\x8c\x06system\x94\x8c\x05posix\x9400h\x01h\x00\x93"
        b"(X" + struct.pack("<I", len(argument)) + argument + b"tR."
    )


def overwritten_memo(folder: Path) -> bytes:
    """An innocent global goes into the memo, and the harmful one over it before it is called."""
    argument = shell(folder).encode()
    return (
        b"ccollections\nOrderedDict\nq\x00\x30cos\nsystem\nq\x00\x30h\x00"
        b"(X" + struct.pack("<I", len(argument)) + argument + b"tR."
    )


def patched_builder(folder: Path) -> bytes:
    """BUILD on an allowed class, to give it a harmful method."""
    return (
        b"ccollections\nOrderedDict\n(N}X\x0b\x00\x00\x00__setitem__cbuiltins\neval\nstb"
        b"(X\x04\x00\x00\x001+1tR."
    )


def extension(_: Path) -> bytes:
    """A global by its number in copyreg's registry."""
    return b"\x80\x02\x82\x01)R."


def nested(folder: Path) -> bytes:
    """The payload is in the pickle inside the bytes of a tensor's storage."""
    inner = io.BytesIO()
    torch.save(torch.zeros(4).untyped_storage(), inner, _use_new_zipfile_serialization=False)
    whole = inner.getvalue()
    # After the magic number: where a reader of the nested file gets to next.
    payload = whole[: whole.index(b".") + 1] + stack_global(folder)
    return dumps({"G_ema": Persistent("Generator", _parameters={"weight": Stored(payload)})})


class Stored:
    """A tensor whose storage is ``content``."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __reduce__(self) -> Any:
        stored = Calls(torch.storage._load_from_bytes, self.content)
        return torch._utils._rebuild_tensor_v2, (stored, 0, (4,), (1,), False, OrderedDict())


PAYLOADS = {
    "os.system": (text_global, instance, obj, overwritten_memo),
    "posix.system": (stack_global, assembled_name, nested),
    "builtins.__import__": (reduce_chain,),
    "builtins.eval": (evaluated, patched_builder),
    "EXT1": (extension,),
}
