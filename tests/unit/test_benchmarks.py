"""Every benchmark starts the same way, from the project's root."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What benchmarks are made of.
APART = {"__init__", "record", "start", "instalments", "contestants", "program", "flagships"}
APART |= {"programs_synthesis", "programs_translation", "browser"}
NAMES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "benchmarks").rglob("*.py")
    if path.stem not in APART
)
# The others describe finished runs, or take minutes at the published sizes even so.
ALONE = ["data", "elastic", "modes", "search", "stylegan2", "teachers"]


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_starts_as_a_module_and_has_a_quick_form(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "--quick" in told
    assert f"python -m {name}" in told


@pytest.mark.slow
@pytest.mark.parametrize("name", ALONE)
def test_the_quick_form_runs_and_keeps_nothing(name: str) -> None:
    results = ROOT / "benchmarks" / "results"
    before = {path: path.stat().st_mtime_ns for path in results.iterdir()}
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert {path: path.stat().st_mtime_ns for path in results.iterdir()} == before
