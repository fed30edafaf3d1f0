"""The verb `export`: several formats of one student."""

from dataclasses import replace

import pytest

from gancompress.cli import main
from gancompress.errors import ExportError, TraceError
from gancompress.exporters.formats import FORMATS
from gancompress.exporters.program import Exported, Job
from gancompress.run import RunDir


def no_operator(job: Job) -> Exported:
    raise ExportError("operator aten.fold at net.py:3 has no form here")


def no_trace(job: Job) -> Exported:
    raise TraceError("cannot be followed")


def test_a_format_that_fails_leaves_no_file_and_the_others_go_on(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(FORMATS, "onnx", replace(FORMATS["onnx"], write=no_operator))
    monkeypatch.setitem(FORMATS, "python", replace(FORMATS["python"], write=no_trace))
    assert main(["export", str(run.path), "--formats", "onnx", "pt2", "python"]) == 2
    told = capsys.readouterr().err
    assert "export.formats: onnx: operator aten.fold at net.py:3 has no form here" in told
    assert "export.formats: python: cannot be followed" in told
    assert f"written to {run.path / 'export'}: pt2" in told
    kept = {file.name for file in (run.path / "export").iterdir()}
    assert kept == {"student.pt2", "student.json"}
    assert not run.is_complete("export")


def test_formats_that_failed_are_written_when_they_are_asked_for_again(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setitem(FORMATS, "pt2", replace(FORMATS["pt2"], write=no_trace))
        assert main(["export", str(run.path), "--formats", "onnx", "pt2"]) == 2
    assert main(["export", str(run.path)]) == 0
    assert set(run.facts("export")["formats"]) == {"onnx", "pt2"}
