"""`compare`: several runs on one page."""

import json
from pathlib import Path
from typing import Any

import pytest

from gancompress.cli import main
from gancompress.run import FORMAT

FRONT = """subnet,uniform,macs,params,paired.l1.minimize,paired.l1.minimize.std
8_8,1,1000.0,10.0,{first},0.0
16_8,0,2000.0,20.0,{second},0.0
"""


def _run(path: Path, macs: int, scores: tuple[float, float]) -> Path:
    (path / "report").mkdir(parents=True)
    about = {"format": FORMAT, "gancompress": "0"}
    (path / "run.json").write_text(json.dumps(about))
    seconds = {"median": 1e-3, "low": 1e-3, "high": 1e-3, "repeats": 3, "peak_bytes": 0}
    network: dict[str, Any] = {"params": 20, "file_bytes": 80, "torch_seconds": seconds}
    network |= {"onnx_seconds": None, "scores": None, "similarity": {"SSIM to teacher": 0.5}}
    names = {"teacher": 10 * macs, "student": macs}
    networks = [{"name": name, "macs": m, **network} for name, m in names.items()]
    (path / "report" / "report.json").write_text(json.dumps({"networks": networks}))
    (path / "front.csv").write_text(FRONT.format(first=scores[0], second=scores[1]))
    return path


def test_page_has_the_table_and_the_fronts_of_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [_run(tmp_path / "a", 1000, (0.3, 0.2)), _run(tmp_path / "b", 2000, (0.4, 0.1))]
    page = tmp_path / "compared.html"
    assert main(["compare", *map(str, runs), "--output", str(page)]) == 0
    shown = capsys.readouterr().out
    assert "a: student" in shown and "b: student" in shown and "20.0K" in shown
    text = page.read_text(encoding="utf-8")
    assert text.count('<polyline class="curve') == 2
    assert "l1 0.4" in text and "l1 0.3" in text


def test_run_without_a_report_is_named_with_the_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [_run(tmp_path / "a", 1000, (0.3, 0.2)), _run(tmp_path / "b", 2000, (0.4, 0.1))]
    (runs[1] / "report" / "report.json").unlink()
    assert main(["compare", *map(str, runs), "--output", str(tmp_path / "x.html")]) == 2
    assert f"gancompress report {runs[1]}" in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def test_a_report_of_several_runs_compares_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [_run(tmp_path / "a", 1000, (0.3, 0.2)), _run(tmp_path / "b", 2000, (0.4, 0.1))]
    assert main(["report", *map(str, runs)]) == 0
    assert "b: student" in (tmp_path / "compared.html").read_text(encoding="utf-8")
