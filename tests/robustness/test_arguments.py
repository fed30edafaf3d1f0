"""Verbs with odd arguments: done, or one error and exit code 2."""

import random
from pathlib import Path

import pytest

from gancompress.cli import main
from tests.robustness.outcome import COUNT, limited

ODD = [
    "-4",
    "0",
    "nan",
    "1e99",
    "",
    ".",
    "/",
    "missing",
    "[",
    "width=[",
    "a=b=c",
    "\udcff",
    "x" * 300,
]
VERBS = {
    "recipe show": ["recipe", "show", "recipe.yaml"],
    "inspect": ["inspect", "dcgan", "width=8", "resolution=8", "z_dim=4", "--divisor", "4"],
    "pairs stats": ["pairs", "stats", "."],
    "pairs show": ["pairs", "show", ".", "out.png"],
    "sample": ["sample", "missing", "out.png", "--count", "2", "--seed", "1"],
    "generate": ["generate", "missing", "out", "--count", "2", "--batch-size", "2"],
    "apply": ["apply", "missing", "in", "out", "--tile", "32"],
    "evaluate": [
        "evaluate",
        "missing",
        "--against",
        "digits",
        "--samples",
        "4",
        "--batch-size",
        "2",
    ],
    "train-extractor": ["train-extractor", "missing", "out.safetensors", "--steps", "1"],
    "search": ["search", "missing", "--mac-budget", "1/8", "--trials", "1", "--storage", "."],
    "compare": ["compare", "missing", "--output", "."],
    "card": ["card", "missing", "out", "--licence", "mit", "--place", "."],
    "demo": ["demo", "missing", "--port", "0"],
    "check": ["check", "recipe.yaml", "seed=-1"],
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipe.yaml").write_text("data: {source: digits}\n")
    monkeypatch.chdir(tmp_path)


def ended(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with limited():
        try:
            code = main(arguments)
        except SystemExit as error:  # argparse's own
            code = int(error.code or 0)
    told = capsys.readouterr()
    assert code in (0, 2), (arguments, told.err)
    if code:
        assert told.err.strip() and "Traceback" not in told.err
    return code, told.err


@pytest.mark.parametrize("name", VERBS)
def test_verbs_with_odd_arguments(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, rng = VERBS[name], random.Random(name)
    fixed = 2 if name in ("recipe show", "pairs stats", "pairs show") else 1
    for _ in range(max(2, COUNT // 4)):
        arguments = list(words)
        at = rng.randrange(fixed, len(arguments))
        if rng.random() < 0.2:
            del arguments[at]
        else:
            arguments[at] = rng.choice(ODD)
        ended(arguments, capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["sample", "x", "--count", "-4"],
        ["evaluate", "x", "--against", "digits", "--samples", "-4"],
        ["evaluate", "x", "--against", "digits", "--batch-size", "0"],
        ["inspect", "dcgan", "--divisor", "0"],
        ["inspect", "dcgan", "width=["],
        ["search", "--trials", "0"],
        ["demo", "x", "--port", "70000"],
        ["search", "--storage", "postgresql://me:secret@host/db"],
    ],
)
def test_numbers_out_of_range_and_values_that_are_none_are_named(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = ended(arguments, capsys)
    assert code == 2
    assert "secret" not in told
