"""YAML as recipes are written in it: small, plain data, with the place of every mistake.

The text may come from anywhere, so its cost is bounded before anything is built of it: a list
within lists within lists, or an anchor that stands for another one many times over, takes more
memory and time than its text lets expect.
"""

import re
from collections.abc import Callable, Hashable
from typing import Any

import yaml

from gancompress.errors import RecipeError

# Of a text. The longest recipe of the project has 3 KB, some 150 values, 4 levels.
MOST_CHARACTERS = 1_000_000
MOST_VALUES = 20_000
MOST_LEVELS = 40

_PREFIX = "tag:yaml.org,2002:"
_PLAIN = {f"{_PREFIX}{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map")}


def read_yaml(text: str, place: str) -> Any:
    """The plain data that ``text`` describes: None, bool, int, float, str, lists, mappings.

    Args:
        text: YAML 1.1, with two differences: ``64_32_16`` and dates are texts.
        place: of the text, for messages.

    Raises:
        RecipeError: it is no YAML, holds something else, or is too large, with line and column.
    """
    if len(text) > MOST_CHARACTERS:
        raise RecipeError(
            f"{place}: {len(text):,} characters; a recipe has at most {MOST_CHARACTERS:,}"
        )
    try:
        _check_size(text)
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise RecipeError(f"{place}{at}: not valid YAML: {problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"the character {error.character!r} at {error.position} is not allowed"
        raise RecipeError(f"{place}, line {line}: not valid YAML: {problem}") from None


def _check_size(text: str) -> None:
    """Count values and levels as they are read, an alias as all that its anchor stands for."""
    open_nodes: list[tuple[str | None, int]] = []
    sizes: dict[str, int] = {}
    count = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                unknown = "which stands for itself or is not known"
                raise _error(f"the alias *{event.anchor}, {unknown}", event.start_mark)
            count += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            count += 1
            open_nodes.append((event.anchor, count))
            sizes.pop(event.anchor or "", None)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = count - before + 1
        if count > MOST_VALUES:
            what = f"more than {MOST_VALUES:,} values, aliases written out"
            raise _error(what, event.start_mark)
        if len(open_nodes) > MOST_LEVELS:
            raise _error(f"more than {MOST_LEVELS} levels", event.start_mark)


def _error(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, mark)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which names the place of what it cannot build.

    In YAML 1.1 ``64_32_16``, as subnets are written, is the whole number 643216; here a text.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag not in _PLAIN:
            tag = node.tag.replace(_PREFIX, "!!")
            raise _error(f"{tag} is no plain value", node.start_mark)
        try:
            return super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            kind = node.tag.removeprefix(_PREFIX)
            raise _error(f"no {kind}: {error}", node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for name, _ in node.value:
            if isinstance(name, yaml.ScalarNode) and name.tag != f"{_PREFIX}merge":
                if name.value in seen:
                    raise _error(f"the key {name.value!r} twice", name.start_mark)
                seen.add(name.value)
        return super().construct_mapping(node, deep)


_DROPPED = (f"{_PREFIX}int", f"{_PREFIX}timestamp")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in _DROPPED]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_add: Callable[..., None] = _Loader.add_implicit_resolver
_add(f"{_PREFIX}int", re.compile(r"[-+]?[0-9]+$"), list("-+0123456789"))
