"""Reading a pickle that nobody vouches for: as data, on a machine that cannot call anything.

What a file may do is what the caller's table of builders says and no more; what has a name that is
not in the table is held as data.
"""

import pickletools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from gancompress.errors import TeacherError, UnsafeFileError
from gancompress.teachers.pickle_machine import (
    MAX_DEPTH,
    OPERATIONS,
    Allowance,
    Builders,
    ForbiddenError,
    Machine,
    MalformedError,
    shorten,
)


class Stream(Protocol):
    """A bytes stream whose ``read`` never allocates more than it holds: BytesIO, mmap."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self) -> bytes: ...

    def tell(self) -> int: ...


def read_pickle(
    stream: Stream,
    where: str,
    builders: Builders,
    persistent: Callable[[Any], Any] | None = None,
    skipped: dict[str, None] | None = None,
    allowance: Allowance | None = None,
) -> Any:
    """Read one pickle from ``stream``, up to and including its STOP.

    Args:
        stream: see :class:`Stream`.
        where: names the file in errors.
        builders: what the globals that the file names stand for (see :data:`Builders`); the others
            stay data (:class:`gancompress.teachers.inert.Inert`).
        persistent: makes an object of a persistent identifier; None refuses them.
        skipped: is given the names of the globals that stay data.
        allowance: steps that are left to the file; None: all of them.

    Returns:
        Plain data (dicts have plain keys), mentions, and whatever the builders return.

    Raises:
        UnsafeFileError: it names a global that can only do harm; nothing was executed.
        TeacherError: truncated, malformed, nested without end, or too long.
    """
    allowance = allowance or Allowance()
    machine = Machine(builders, persistent, allowance)
    start = stream.tell()
    try:
        for opcode, argument, _ in pickletools.genops(stream):  # type: ignore[arg-type]
            if opcode.name == "STOP":
                break
            allowance.spend(1)
            operation = OPERATIONS.get(opcode.name)
            if operation is None:
                raise ForbiddenError(f"uses the opcode {opcode.name}, which no checkpoint needs")
            operation(machine, argument)
        _check_depth(result := machine.pop())
        if skipped is not None:
            skipped.update(machine.skipped)
        return result
    except ForbiddenError as error:
        raise UnsafeFileError(f"{where}: {error}; nothing of the file was executed") from None
    except (MalformedError, ValueError, OverflowError, IndexError, KeyError, TypeError) as error:
        raise TeacherError(
            f"{where}: truncated or not a checkpoint (between bytes {start} and {stream.tell()}: "
            f"{shorten(error)}); download it again"
        ) from None


def _check_depth(root: Any) -> None:
    """Refuse data that is nested too deep for code that walks it by recursion."""
    level, seen = [root], {id(root)}
    for _ in range(MAX_DEPTH):
        inner = []
        for value in level:
            for child in _children(value):
                if id(child) not in seen:
                    seen.add(id(child))
                    inner.append(child)
        if not inner:
            return
        level = inner
    raise MalformedError(f"nested more than {MAX_DEPTH} deep")


def _children(value: Any) -> Sequence[Any]:
    if type(value) is dict:
        return list(value.values())
    if type(value) in (list, tuple):
        return value  # type: ignore[no-any-return]
    if hasattr(value, "__dict__"):
        return list(vars(value).values())
    return ()
