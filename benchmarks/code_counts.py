"""How large the package is, and what in it nobody can reach: counts that should go down.

    python -m benchmarks.code_counts [ROOT] [--list]

What only tests use is found by names: a public function, class or constant whose name stands
nowhere else in the package, the benchmarks, the examples or setup.cfg, and is no name of the public
API, is counted; likewise a module that nothing but tests imports. ``--list`` names what was found.
"""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.start import arguments_of, parser_of

LONG, MANY, BY_POSITION = 40, 8, 4

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("root", type=Path, nargs="?", default=Path(__file__).parents[1])
    parser.add_argument("--list", action="store_true", help="name what was found")
    options = arguments_of(parser)
    for title, found in counts(options.root).items():
        print(f"{len(found) if isinstance(found, list) else found:7,}  {title}")
        if options.list and isinstance(found, list):
            print(*(f"           {line}" for line in found), sep="\n")


def counts(root: Path) -> dict[str, int | list[str]]:
    """Numbers, or lists of what was found, by what they count."""
    texts = {
        path: path.read_text(encoding="utf-8") for path in (root / "gancompress").rglob("*.py")
    }
    trees = {path.relative_to(root): ast.parse(text) for path, text in texts.items()}
    functions = [(p, f) for p, tree in trees.items() for f in walk(tree) if isinstance(f, Function)]
    classes = Counter(c.name for t in trees.values() for c in t.body if isinstance(c, ast.ClassDef))
    return {
        "lines": sum(text.count("\n") for text in texts.values()),
        "lines of tests": sum(p.read_text().count("\n") for p in (root / "tests").rglob("*.py")),
        "modules": len(texts),
        "class names with two or more meanings": sorted(n for n, k in classes.items() if k > 1),
        f"functions of {MANY} or more arguments (generators apart)": [
            f"{path}:{f.lineno} {f.name} ({arguments(f)})"
            for path, f in functions
            if arguments(f) >= MANY and "generators" not in path.parts
        ],
        f"objects of more than {BY_POSITION} fields built by position": sorted(positional(trees)),
        f"functions over {LONG} lines": [
            f"{path}:{f.lineno} {f.name} ({length(f)})" for path, f in functions if length(f) > LONG
        ],
        "public names without a docstring": list(undocumented(trees)),
        "modules that only tests import": sorted(only_tested_modules(root, trees)),
        "public names that only tests use": sorted(only_tested_names(root, texts, trees)),
    }


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    return ast.walk(tree)


def arguments(function: Function) -> int:
    taken = function.args
    names = [a.arg for a in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def length(function: Function) -> int:
    """Lines of code; the docstring does not count."""
    first = function.body[0]
    whole = (function.end_lineno or 0) - function.lineno + 1
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        whole -= (first.end_lineno or 0) - first.lineno + 1
    return whole


def positional(trees: dict[Path, ast.Module]) -> Iterator[str]:
    """Calls of classes of the package, told by their names, with too many arguments without one."""
    classes = {c.name for tree in trees.values() for c in walk(tree) if isinstance(c, ast.ClassDef)}
    for path, tree in trees.items():
        for call in walk(tree):
            if isinstance(call, ast.Call) and len(call.args) > BY_POSITION:
                name = ast.unparse(call.func).rpartition(".")[2]
                if name in classes or name == "cls":
                    yield f"{path}:{call.lineno} {name} ({len(call.args)})"


def undocumented(trees: dict[Path, ast.Module]) -> Iterator[str]:
    """Public modules, functions, classes and methods that are not explained."""
    for path, tree in trees.items():
        if not ast.get_docstring(tree) and tree.body:
            yield str(path)
        for node in tree.body:
            public = isinstance(node, Definition) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                yield f"{path}:{node.lineno} {node.name}"


def only_tested_modules(root: Path, trees: dict[Path, ast.Module]) -> Iterator[str]:
    imported = set()
    for tree in [*trees.values(), *others(root)]:
        for node in walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported |= {node.module, *(f"{node.module}.{a.name}" for a in node.names)}
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                # Places written as text: "gancompress.generators.dcgan:Generator".
                imported.add(node.value.partition(":")[0])
    for path in trees:
        module = ".".join(path.with_suffix("").parts)
        if path.name not in ("__init__.py", "__main__.py") and module not in imported:
            yield str(path)


def only_tested_names(
    root: Path, texts: dict[Path, str], trees: dict[Path, ast.Module]
) -> Iterator[str]:
    words: dict[str, int] = defaultdict(int)
    places = [*texts.values(), (root / "setup.cfg").read_text(encoding="utf-8")]
    places += [p.read_text(encoding="utf-8") for f in ("benchmarks", "examples", "docs")
               for p in (root / f).rglob("*.py")]  # fmt: skip
    tested = "\n".join(p.read_text(encoding="utf-8") for p in (root / "tests").rglob("*.py"))
    for text in places:
        # What docstrings and comments say is no use.
        for word, count in Counter(re.findall(r"\w+", code_of(text))).items():
            words[word] += count
    for path, tree in trees.items():
        for node in tree.body:
            name = node.name if isinstance(node, Definition) else ""
            unused = name and not name.startswith("_") and words[name] <= 1
            if unused and re.search(rf"\b{name}\b", tested):
                yield f"{path}:{node.lineno} {name}"


def code_of(text: str) -> str:
    """Python without comments and docstrings; other texts as they are."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    for node in walk(tree):
        if isinstance(node, ast.Module | Definition) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def others(root: Path) -> Iterator[ast.Module]:
    for folder in ("benchmarks", "examples", "docs"):
        for path in (root / folder).rglob("*.py"):
            yield ast.parse(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
