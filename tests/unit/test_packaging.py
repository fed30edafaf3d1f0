"""What is installed is what was written: metadata, entry points, extras, every import declared."""

import ast
import configparser
import re
import sys
from importlib.metadata import entry_points, packages_distributions, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gancompress"


def setup_cfg() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def canonical(requirement: str) -> str:
    """``types-PyYAML>=6`` → ``types-pyyaml``."""
    name = re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(section: str, key: str) -> set[str]:
    return {canonical(line) for line in setup_cfg()[section][key].split("\n") if line.strip()}


def imports(*, at_the_top: bool) -> dict[str, set[str]]:
    """Third-party modules to the files that import them, when loaded or only when needed."""
    found: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        top = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            if (id(node) in top) != at_the_top:
                continue
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in {name.partition(".")[0] for name in names}:
                if name != "gancompress" and name not in sys.stdlib_module_names:
                    found.setdefault(name, set()).add(str(file.relative_to(ROOT)))
    return found


def distributions(module: str) -> set[str]:
    """What one may install to have ``module``; its own name where it is not installed here."""
    return {canonical(name) for name in packages_distributions().get(module, [module])}


def test_version_is_the_one_in_setup_cfg():
    assert version("gancompress") == setup_cfg()["metadata"]["version"]


def test_console_script_is_the_command_line():
    (script,) = entry_points(group="console_scripts", name="gancompress")
    assert callable(script.load())


def test_module_runs_as_the_console_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    import runpy

    monkeypatch.setattr(sys, "argv", ["gancompress", "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("gancompress", run_name="__main__")
    assert stopped.value.code == 0
    assert "usage: gancompress" in capsys.readouterr().out


def test_whatever_is_imported_on_loading_is_a_dependency():
    required = declared("options", "install_requires")
    missing = {
        name: sorted(files)
        for name, files in imports(at_the_top=True).items()
        if not distributions(name) & required
    }
    assert missing == {}


def test_whatever_is_imported_when_needed_is_a_dependency_or_in_an_extra():
    known = declared("options", "install_requires").union(
        *(
            declared("options.extras_require", extra)
            for extra in setup_cfg()["options.extras_require"]
        )
    )
    missing = {
        name: sorted(files)
        for name, files in imports(at_the_top=False).items()
        if not distributions(name) & known
    }
    assert missing == {}


def test_extras_named_in_messages_exist():
    extras = set(setup_cfg()["options.extras_require"])
    named = {
        extra: file.name
        for file in PACKAGE.rglob("*.py")
        for extra in re.findall(r"gancompress\[(\w+)\]", file.read_text(encoding="utf-8"))
    }
    assert named and set(named) <= extras, named


def test_requirements_are_ranges_and_not_pins():
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert not re.findall(r"^\s+[\w-]+==.*$", text, re.MULTILINE)


def test_every_folder_with_code_is_a_package():
    folders = {file.parent for file in PACKAGE.rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_types_are_shipped():
    assert (PACKAGE / "py.typed").is_file()
    assert "py.typed" in setup_cfg()["options.package_data"]["gancompress"]


def test_licence_is_apache_2():
    assert setup_cfg()["metadata"]["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_changelog_knows_the_version_or_what_comes():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text or f"## [{setup_cfg()['metadata']['version']}]" in text
