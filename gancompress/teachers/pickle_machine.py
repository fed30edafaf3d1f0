"""The stack machine of a pickle (PEP 307, PEP 3154) without the instructions that run anything.

Python's own machine imports what a file names and calls it. Here a name becomes a
:class:`Mention`, and "calling" a mention looks it up in a literal table of builders, which take
plain data and return plain data. What the table does not know stays data too
(:class:`gancompress.teachers.inert.Inert`). There is no import, no attribute access on what was
read, and no other callable within the file's reach.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from gancompress.teachers.inert import Inert, is_harmful

# Deeper nesting than any real checkpoint has; it is made to exhaust a recursive reader.
MAX_DEPTH = 256

# Instructions of one file, with what it nests, and values that they copy: those of a checkpoint of
# 50,000 tensors with its optimizer. They take some five seconds and at most 1 GB.
MOST_STEPS = 4_000_000

# Characters that are copied in the time of a step.
_CHARACTERS = 256


@dataclass(frozen=True)
class Mention:
    """A global's name, ``module.name``, as a file mentions it; nothing stands behind it."""

    name: str


@runtime_checkable
class Stateful(Protocol):
    """What a builder may return where the file fills it in afterwards (a BUILD instruction)."""

    def set_state(self, state: Any) -> None:
        """Take the state; raise :class:`MalformedError` where it does not fit."""


class ForbiddenError(Exception):
    """The file wants what no checkpoint needs."""


class MalformedError(Exception):
    """The bytes do not make sense; builders raise it too."""


# What "calling" a global means. None: it may be mentioned (a dtype, a class), never called.
Builders = Mapping[str, Callable[..., Any] | None]


def shorten(text: object) -> str:
    """A text that a file had a part in, at a length fit for an error."""
    shown = str(text)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def show(value: object) -> str:
    """What a file gave, fit for an error: small values as they are, others by their type.

    A few bytes can make a list of lists whose text would fill the memory.
    """
    plain = type(value) in (str, float, bool, type(None)) or (
        isinstance(value, int) and value.bit_length() < 64
    )
    return shorten(repr(value)) if plain else f"a {type(value).__name__}"


class Allowance:
    """The steps that are left to a file, in all its pickles together."""

    def __init__(self) -> None:
        self.left = MOST_STEPS

    def spend(self, steps: int) -> None:
        """Take ``steps`` of them; raises MalformedError where there are fewer."""
        self.left -= steps
        if self.left < 0:
            raise MalformedError(
                f"more than {MOST_STEPS:,} instructions and copies, which no checkpoint needs; "
                "made to exhaust time and memory"
            )


class Machine:
    """A stack machine whose only verbs are the builders of its reader."""

    def __init__(
        self, builders: Builders, persistent: Callable[[Any], Any] | None, allowance: Allowance
    ) -> None:
        self.allowance = allowance
        self.builders = builders
        self.persistent = persistent
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks that a MARK has set aside
        self.memo: dict[int, Any] = {}
        self.skipped: dict[str, None] = {}  # what stays data, in its order

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.stack.pop()

    def mark(self) -> None:
        if len(self.below) >= MAX_DEPTH:
            raise MalformedError(f"nested more than {MAX_DEPTH} deep")
        self.below.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise MalformedError(f"a {kind.__name__} was due, got {type(self.stack[-1]).__name__}")
        return self.stack[-1]

    def mention(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise MalformedError("a global whose name is no text")
        full = f"{module}.{name}"
        if full not in self.builders and is_harmful(module, name):
            raise ForbiddenError(f"names the global {shorten(full)}, which no teacher needs")
        self.push(Mention(full))

    def call(self, function: Any, arguments: Sequence[Any]) -> None:
        if not isinstance(function, Mention | Inert):
            raise MalformedError(f"calls a {type(function).__name__}")
        if type(arguments) not in (tuple, list):
            raise MalformedError(f"calls {function.name} with a {type(arguments).__name__}")
        if isinstance(function, Inert) or function.name not in self.builders:
            self.skipped[shorten(function.name)] = None
            self.push(Inert(function.name, arguments))
            return
        self.allowance.spend(sum(map(_copying, arguments)))
        builder = self.builders[function.name]
        if builder is None:
            raise ForbiddenError(f"calls {function.name}, which may only be mentioned")
        try:
            self.push(builder(*arguments))
        except (MalformedError, TypeError, ValueError) as error:
            raise MalformedError(f"{function.name}: {shorten(error)}") from None

    def extend(self, items: Sequence[Any]) -> None:
        target = self.stack[-1]
        (target.members if isinstance(target, Inert) else self.top(list)).extend(items)

    def add(self, items: Sequence[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Inert):
            target.members.extend(items)
        else:
            self.top(set).update(map(plain_key, items))

    def set_items(self, items: Sequence[Any]) -> None:
        target = self.stack[-1].items if isinstance(self.stack[-1], Inert) else self.top(dict)
        if len(items) % 2:
            raise MalformedError("a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[plain_key(key)] = value

    def set_state(self) -> None:
        state = self.pop()
        self.allowance.spend(sum(map(_copying, state)) if type(state) is tuple else 0)
        target = self.stack[-1]
        # A dict with attributes (EasyDict, the OrderedDict of a state dict): only its items count.
        if type(target) is not dict:
            if not isinstance(target, Stateful):
                raise MalformedError(f"sets the state of a {type(target).__name__}")
            target.set_state(state)

    def identified(self, identifier: Any) -> None:
        if self.persistent is None:
            raise ForbiddenError("refers to an object outside of it by a persistent identifier")
        self.push(self.persistent(identifier))

    def dictionary(self) -> None:
        items = self.pop_mark()
        self.push({})
        self.set_items(items)


def _copying(value: Any) -> int:
    """Steps that it takes to copy ``value``, which the memo may give again and again."""
    if type(value) in (list, tuple, dict, set, frozenset):
        return len(value)
    return len(value) // _CHARACTERS if type(value) in (str, bytes) else 0


def plain_key(key: Any) -> Any:
    """``key``, if it is fit for a dict or a set.

    Raises:
        MalformedError: it is a tuple of more than plain values. Hashing nested tuples recurses in C
            without a limit.
    """
    if type(key) is tuple and all(_is_plain(part) for part in key):
        return key
    if not _is_plain(key):
        raise MalformedError(f"a {type(key).__name__} as a key")
    return key


def _is_plain(key: Any) -> bool:
    # Mentions and inert objects are hashed by their name and by what they are, not by contents.
    return type(key) in (str, int, float, bool, bytes, type(None), Mention, Inert)


def _text_global(machine: Machine, text: str) -> None:
    machine.mention(*text.split(" ", 1))


def _stack_global(machine: Machine, _: None) -> None:
    name = machine.pop()
    machine.mention(machine.pop(), name)


def _instance(machine: Machine, text: str) -> None:
    arguments = machine.pop_mark()
    _text_global(machine, text)
    machine.call(machine.pop(), arguments)


def _object(machine: Machine, _: None) -> None:
    function, *arguments = machine.pop_mark()
    machine.call(function, arguments)


def _reduce(machine: Machine, _: None) -> None:
    arguments = machine.pop()
    machine.call(machine.pop(), arguments)


def _new_with_keywords(machine: Machine, _: None) -> None:
    keywords = machine.pop()
    _reduce(machine, None)
    if keywords != {}:
        if not isinstance(machine.stack[-1], Inert):
            raise MalformedError("keyword arguments to a constructor")
        machine.allowance.spend(_copying(keywords))
        machine.stack[-1].items.update(keywords if type(keywords) is dict else {})


def _tuple(size: int) -> Callable[[Machine, None], None]:
    def operation(machine: Machine, _: None) -> None:
        if len(machine.stack) < size:
            raise MalformedError("the stack is empty")
        items = machine.stack[-size:]
        machine.stack[-size:] = [tuple(items)]

    return operation


def _remember(machine: Machine, index: int) -> None:
    machine.memo[index] = machine.stack[-1]


def _drop(machine: Machine, _: None) -> None:
    if machine.stack:
        machine.pop()
    else:
        machine.pop_mark()


def _drop_mark(machine: Machine, _: None) -> None:
    machine.pop_mark()


_PUSH_ARGUMENT = (
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 STRING BINSTRING SHORT_BINSTRING BINBYTES "
    "SHORT_BINBYTES BINBYTES8 UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 FLOAT BINFLOAT"
)

OPERATIONS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(_PUSH_ARGUMENT.split(), Machine.push),
    **dict.fromkeys(("PROTO", "FRAME"), lambda m, _: None),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, i: m.push(m.memo[i])),
    "MEMOIZE": lambda m, _: _remember(m, len(m.memo)),
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "EMPTY_SET": lambda m, _: m.push(set()),
    "POP": _drop,
    "DUP": lambda m, _: m.push(m.stack[-1]),
    "MARK": lambda m, _: m.mark(),
    "POP_MARK": _drop_mark,
    "APPEND": lambda m, _: m.extend([m.pop()]),
    "APPENDS": lambda m, _: m.extend(m.pop_mark()),
    "LIST": lambda m, _: m.push(m.pop_mark()),
    "TUPLE": lambda m, _: m.push(tuple(m.pop_mark())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "DICT": lambda m, _: m.dictionary(),
    "SETITEM": lambda m, _: m.set_items([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m, _: m.set_items(m.pop_mark()),
    "ADDITEMS": lambda m, _: m.add(m.pop_mark()),
    "FROZENSET": lambda m, _: m.push(frozenset(map(plain_key, m.pop_mark()))),
    "GLOBAL": _text_global,
    "STACK_GLOBAL": _stack_global,
    "INST": _instance,
    "OBJ": _object,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _new_with_keywords,
    "BUILD": lambda m, _: m.set_state(),
    "PERSID": lambda m, text: m.identified(text),
    "BINPERSID": lambda m, _: m.identified(m.pop()),
}
