"""What the README shows works, word for word."""

import re
from pathlib import Path

import pytest

from gancompress.cli import main

README = Path(__file__).parents[2] / "README.md"


def test_the_example_of_a_custom_generator_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.syspath_prepend(str(README.parent))
    names: dict[str, object] = {}
    exec(code, names)
    assert tuple(names["image"].shape) == (1, 3, 96, 96)  # type: ignore[attr-defined]
    assert "5 elastic groups" in capsys.readouterr().out


def test_every_verb_of_the_readme_has_help_with_an_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    verbs = re.findall(r"^\| `gancompress ([\w-]+)", README.read_text(), re.MULTILINE)
    assert len(verbs) >= 12
    for verb in verbs:
        with pytest.raises(SystemExit) as ended:
            main([verb, "--help"])
        assert ended.value.code == 0
        assert f"example:\n  gancompress {verb}" in capsys.readouterr().out


def test_inspect_tells_what_is_elastic_and_what_is_pinned(
    capsys: pytest.CaptureFixture[str],
) -> None:
    what = str(README.parent / "examples" / "custom_generator.py") + ":build"
    assert main(["inspect", what, "width=32", "--input", "1x3x16x16"]) == 0
    shown = capsys.readouterr().out
    assert "blocks.0.0" in shown
    assert "is an output of the network" in shown
