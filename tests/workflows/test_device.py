"""Subnets timed elsewhere: packed, measured by the pack's own script, added, searched for."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gancompress.architecture_search.latency_predictor import subnets_to_time
from gancompress.assemble.student import load_supernet
from gancompress.cli import main
from gancompress.run import RunDir
from gancompress.workflows.opening import stored


def results(run: RunDir, path: Path) -> Path:
    """What a device would have taken for which a microsecond is 10,000 MACs."""
    supernet, _ = load_supernet(stored(run), run)
    rows = ["subnet,format,milliseconds"]
    for subnet in subnets_to_time(supernet.space, supernet.cost_model, 12, 0):
        rows.append(f"{subnet.text},onnx,{0.01 + supernet.cost_model.cost(subnet).macs / 1e7}")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_search_keeps_a_latency_budget_of_a_device(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = results(run, tmp_path / "results.csv")
    assert main(["device", "add", "phone", str(table), str(run.path)]) == 0
    assert "Latency (phone: onnx) predicted from 12 timed subnets" in capsys.readouterr().out
    where = ["search", str(run.path), "--device", "phone", "--latency-budget"]
    assert main([*where, "0.0101ms"]) == 2
    assert "search.latency_budget: 0.0101ms is below the smallest" in capsys.readouterr().err
    assert main([*where, "10s"]) == 0
    assert "on phone." in capsys.readouterr().out
    facts = run.facts("search")
    assert facts["student"] == "students/latency-10s-phone.safetensors"
    assert facts["costs"]["latency"] == pytest.approx(
        1e-5 + facts["costs"]["macs"] / 1e10, rel=0.05
    )


def test_devices_that_are_unknown_or_of_no_use_are_refused(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = results(run, tmp_path / "results.csv")
    assert main(["device", "add", "phone", str(table), str(run.path)]) == 0
    before = run.facts("search")
    for arguments, message in (
        (["--latency-budget", "1s", "--device", "tablet"], "(known: phone)"),
        (["--device", "phone"], "--device phone: give --latency-budget too"),
        (["--device", "phone", "--runtime", "torch", "--latency-budget", "1s"], "give one of them"),
    ):
        capsys.readouterr()
        assert main(["search", str(run.path), *arguments]) == 2
        assert message in capsys.readouterr().err
    assert run.facts("search") == before


def test_a_folder_that_holds_something_else_is_no_place_for_a_pack(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    assert main(["device", "pack", str(run.path), str(tmp_path / "mine")]) == 2
    assert "holds something that is no pack" in capsys.readouterr().err


@pytest.mark.slow
def test_a_pack_is_timed_by_its_own_script_and_searched_for(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pack"
    assert main(["device", "pack", str(run.path), str(folder), "--count", "10"]) == 0
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["inputs"]["z"] == {"shape": [1, 8], "dtype": "float32"}
    # Another number of threads plays the device; the script knows nothing of this project.
    command = [sys.executable, "-I", str(folder / "measure.py"), "--threads", "2"]
    command += ["--repeats", "3", "--warmup", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["subnet"] for row in rows] == [entry["subnet"] for entry in manifest["files"]]
    assert {row["threads"] for row in rows} == {"2"}
    assert all(float(row["milliseconds"]) > 0 for row in rows)
    assert main(["device", "add", "two", str(folder / "results.csv"), str(run.path)]) == 0
    where = ["search", str(run.path), "--device", "two", "--latency-budget", "10s"]
    assert main(where) == 0
    told = capsys.readouterr().out
    assert "Latency (two: onnx, onnxruntime" in told and "worst" in told

    damaged = folder / manifest["files"][0]["file"]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 1 and "is damaged; copy the folder again" in done.stderr
