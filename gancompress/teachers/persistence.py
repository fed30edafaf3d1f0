"""The pickles of StyleGAN2-ADA and its kin, as data.

Their networks are written by ``torch_utils.persistence``: each is a record of its class name, the
text of the module that defines it, and its ``__dict__``. The original reader executes that text;
this one drops it and keeps the name, the constructor's arguments and the tensors.
"""

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gancompress.errors import TeacherError
from gancompress.teachers.pickle_machine import Allowance, Builders, MalformedError
from gancompress.teachers.plain_builders import plain_dict
from gancompress.teachers.safe_pickle import read_pickle
from gancompress.teachers.torch_claims import TORCH_BUILDERS, StorageClaim
from gancompress.teachers.torch_file import ReadFile, read_nested


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


def read_persistent(path: Path) -> ReadFile:
    """What the pickle at ``path`` holds, as data; networks are :class:`PersistentObject`.

    Raises:
        UnsafeFileError: it names a global that can only do harm; nothing was executed.
        TeacherError: truncated, malformed, or claiming more than it holds.
    """
    where = f"{path}, inside a tensor's storage"
    allowance, read = Allowance(), dict[int, StorageClaim]()
    storage = partial(_storage, where=where, allowance=allowance, read=read)
    builders = {**BUILDERS, "torch.storage._load_from_bytes": storage}
    skipped: dict[str, None] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        tree = read_pickle(view, str(path), builders, None, skipped, allowance)

    def content(storage: StorageClaim) -> bytearray:
        if not isinstance(storage.source, bytes):
            raise TeacherError(f"{path}: a tensor whose storage lies outside of the file")
        nested = read_nested(storage.source, where, Allowance())
        return nested.content(nested.tree)

    return ReadFile(str(path), tree, tuple(skipped), content)


def _storage(
    content: Any, where: str, allowance: Allowance, read: dict[int, StorageClaim]
) -> StorageClaim:
    """The storage in ``content``; ``read`` are those before, whose sources keep their bytes."""
    if type(content) is not bytes:
        raise MalformedError("a storage without bytes")
    if id(content) not in read:
        claim = read_nested(content, where, allowance).tree
        if not isinstance(claim, StorageClaim):
            raise MalformedError("nested bytes that are no storage")
        read[id(content)] = replace(claim, source=content)
    return read[id(content)]


def _persistent(meta: Any) -> PersistentObject:
    if type(meta) is not dict or meta.get("type") != "class":
        raise MalformedError("an object that is no class")
    name, state = meta.get("class_name"), meta.get("state")
    if type(name) is not str or type(state) is not dict:
        raise MalformedError("an object without class name and state")
    return PersistentObject(name, state)  # meta["module_src"], the program text, ends here


BUILDERS: Builders = {
    **TORCH_BUILDERS,
    "dnnlib.util.EasyDict": plain_dict,
    "torch_utils.persistence._reconstruct_persistent_obj": _persistent,
}
