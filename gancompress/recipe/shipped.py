"""The recipes that come with the package: which there are, and copies of them to change.

In a checkout they are the folders ``recipes`` and ``examples`` beside the package; a wheel holds
them inside it.
"""

import re
from pathlib import Path

import gancompress
from gancompress.atomic import write_text
from gancompress.errors import RecipeError

# The recipes' own files: a network or a service written as a third party would.
_EXAMPLE = re.compile(r"\bexamples/(\w+\.py)\b")


def shipped_recipes() -> dict[str, str]:
    """What each recipe is for, in one sentence, by its name."""
    return {path.stem: _purpose(path) for path in sorted(_folder("recipes").glob("*.yaml"))}


def copy_recipe(name: str, folder: Path) -> list[Path]:
    """Copy a recipe, and the example files that it names, into ``folder``.

    Args:
        name: of the recipe, with or without ``.yaml``.
        folder: receives ``NAME.yaml`` and, where the recipe names some, ``examples/*.py``.

    Returns:
        The files written.

    Raises:
        RecipeError: there is no such recipe, or a file of another content is in the way.
    """
    known = shipped_recipes()
    stem = name.removesuffix(".yaml")
    if stem not in known:
        raise RecipeError(f"recipe {name!r}: none comes with gancompress; there are "
                          f"{', '.join(known)}")  # fmt: skip
    text = (_folder("recipes") / f"{stem}.yaml").read_text(encoding="utf-8")
    # The comments tell how to run the recipe from the copy.
    contents = {folder / f"{stem}.yaml": text.replace(f"recipes/{stem}.yaml", f"{stem}.yaml")}
    for example in sorted(set(_EXAMPLE.findall(text))):
        source = _folder("examples") / example
        contents[folder / "examples" / example] = source.read_text(encoding="utf-8")
    for path, content in contents.items():
        if path.exists() and path.read_text(encoding="utf-8") != content:
            raise RecipeError(f"{path}: is there and differs; move it away, or copy elsewhere")
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, content)
    return list(contents)


def _folder(name: str) -> Path:
    package = Path(gancompress.__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def _purpose(path: Path) -> str:
    """The first sentence of the comment that a recipe begins with."""
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# "):
            break
        lines.append(line[2:])
    text = " ".join(lines)
    end = re.search(r"[.;](?: |$)", text)
    return text[: end.start()] if end else text
