"""The source of some functions and classes as one plain module, without the package they are from.

What they use of this package is copied, what they use of others is imported. Only top-level
definitions are followed, by the names in their bodies; nothing is executed.
"""

import ast
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PACKAGE = "gancompress"

# A definition: module, name.
Place = tuple[str, str]


@dataclass(frozen=True)
class _Module:
    """The top level of one file.

    Attributes:
        lines: of its source, as bytes: ``ast`` counts columns in these.
        definitions: functions, classes and assignments by the names they give.
        imports: what a name is imported from: module and name in it, empty for a module itself.
    """

    lines: list[bytes]
    definitions: dict[str, ast.stmt]
    imports: dict[str, Place]


def standalone_source(wanted: Sequence[Place]) -> tuple[str, list[str]]:
    """One module that holds the ``wanted`` definitions and all that they need of this package.

    Args:
        wanted: module and name of each.

    Returns:
        The source, imports first, every definition after those it needs to be defined; and the
        names of the ``wanted`` in it, which differ from their own where two have the same.
    """
    order = _ordered(wanted)
    names: dict[Place, str] = {}
    for module, name in order:
        taken = names.values()
        free = [name, *(f"{name}_{number}" for number in range(2, len(order) + 2))]
        names[module, name] = next(each for each in free if each not in taken)
    imports: set[str] = set()
    bodies: dict[str, None] = {}
    for place in order:
        used = _used(place)
        imports |= {_import_line(name, *source) for name, source in used.other.items()}
        # One assignment may give several names.
        bodies[_text(place, used, names)] = None
    text = "\n".join(sorted(imports)) + "\n\n\n" + "\n\n\n".join(bodies) + "\n"
    return text, [names[_place(*place)] for place in wanted]


@dataclass
class _Used:
    """What the body of a definition uses.

    Attributes:
        own: definitions of this package, by where their names stand: line, column, end column.
        other: imports of other packages, by the name they are used under.
    """

    own: dict[tuple[int, int, int], Place] = field(default_factory=dict)
    other: dict[str, Place] = field(default_factory=dict)


@cache
def _module(name: str) -> _Module:
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin).read_bytes()
    definitions: dict[str, ast.stmt] = {}
    imports: dict[str, Place] = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            definitions[node.name] = node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for found in (n for target in targets for n in ast.walk(target)):
                if isinstance(found, ast.Name):
                    definitions[found.id] = node
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                imports[alias.asname or alias.name] = (str(node.module), alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                imports[alias.asname or alias.name] = (alias.name, "")
    return _Module(source.splitlines(keepends=True), definitions, imports)


def _place(module: str, name: str) -> Place:
    """Where a name that ``module`` may only pass on is defined."""
    while name not in _module(module).definitions:
        module, name = _module(module).imports[name]
    return module, name


@cache
def _used(place: Place) -> _Used:
    module, name = place
    known, used = _module(module), _Used()
    node = known.definitions[name]
    for found in ast.walk(node):
        if isinstance(found, ast.Name):
            if found.id in known.definitions:
                used.own[_span(found)] = (module, found.id)
            elif found.id in known.imports:
                source = known.imports[found.id]
                if not _ours(source[0]):
                    used.other[found.id] = source
                elif not _is_module(source):
                    used.own[_span(found)] = _place(*source)
        elif isinstance(found, ast.Attribute) and isinstance(found.value, ast.Name):
            source = known.imports.get(found.value.id, ("", ""))
            if _ours(source[0]) and _is_module(source):
                used.own[_span(found)] = _place(".".join(source), found.attr)
    return used


def _ordered(wanted: Sequence[Place]) -> list[Place]:
    """Everything that is needed, each after what it needs; circles end where they were begun."""
    order: dict[Place, None] = {}
    begun: set[Place] = set()

    def add(place: Place) -> None:
        if place in begun:
            return
        begun.add(place)
        for needed in _used(place).own.values():
            add(needed)
        order[place] = None

    for module, name in wanted:
        add(_place(module, name))
    return list(order)


def _text(place: Place, used: _Used, names: dict[Place, str]) -> str:
    """The source of a definition, its names as they are called in the new module."""
    module, name = place
    known = _module(module)
    node = known.definitions[name]
    decorators = getattr(node, "decorator_list", [])
    start = min(node.lineno, *(d.lineno for d in decorators)) if decorators else node.lineno
    assert node.end_lineno is not None
    lines = list(known.lines[start - 1 : node.end_lineno])
    # From the end of each line to its beginning, so that places stay what they are.
    for (line, begin, end), needed in sorted(used.own.items(), reverse=True):
        old = lines[line - start]
        lines[line - start] = old[:begin] + names[needed].encode() + old[end:]
    text = "".join(line.decode() for line in lines).rstrip()
    comments = "".join(_comments_above(known, start))
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) and names[place] != name:
        head = f"class {name}" if isinstance(node, ast.ClassDef) else f"def {name}"
        text = text.replace(head, head.removesuffix(name) + names[place], 1)
    return comments + text


def _comments_above(module: _Module, start: int) -> Iterator[str]:
    above = start - 1
    while above and module.lines[above - 1].startswith(b"#"):
        above -= 1
    yield from (line.decode() for line in module.lines[above : start - 1])


def _span(node: ast.Name | ast.Attribute) -> tuple[int, int, int]:
    assert node.end_col_offset is not None
    return node.lineno, node.col_offset, node.end_col_offset


def _ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def _is_module(source: Place) -> bool:
    """Whether ``from a import b`` imports the module ``a.b``."""
    parent = importlib.util.find_spec(source[0])
    if parent is None or parent.submodule_search_locations is None:
        return False
    return importlib.util.find_spec(".".join(source)) is not None


def _import_line(name: str, module: str, attribute: str) -> str:
    if not attribute:
        return f"import {module}" + (f" as {name}" if name != module else "")
    return f"from {module} import {attribute}" + (f" as {name}" if name != attribute else "")
