"""What a finished run measured, kept beside the benchmarks: table, facts, and a small picture.

python -m benchmarks.finished_run runs/style-1 style --note "4 other processes at work"
"""

import json
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.record import record
from benchmarks.start import arguments_of, folder, parser_of
from gancompress.run import RunDir

# Pixels; enough to see what differs.
WIDTH = 840


def rows_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for network in report["networks"]:
        row = {name: network[name] for name in ("name", "macs", "params", "file_bytes")}
        row["torch_ms"] = round(network["torch_seconds"]["median"] * 1e3, 2)
        if network["onnx_seconds"]:
            row["onnx_ms"] = round(network["onnx_seconds"]["median"] * 1e3, 2)
        if network["scores"]:
            row["frechet"] = round(network["scores"]["frechet"], 3)
        rows.append(row | {name: round(v, 4) for name, v in network["similarity"].items()})
    return rows


def minutes_of(run: RunDir) -> dict[str, float]:
    """Wall time of each stage, from the end of the one before it."""
    times = [(run.path / "recipe.yaml").stat().st_mtime]
    ends = sorted(
        (file.stat().st_mtime, file.stem) for file in (run.path / "stages").glob("*.json")
    )
    found = {}
    for end, stage in ends:
        found[stage] = round((end - times[-1]) / 60, 2)
        times.append(end)
    return found


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--note", default="")
    options = arguments_of(parser)
    run = RunDir.open(options.run)
    report = json.loads((run.path / "report" / "report.json").read_text(encoding="utf-8"))
    facts = {
        "note": options.note,
        "minutes": minutes_of(run),
        "pairs": run.facts("collect"),
        "search": run.facts("search"),
        "finetune": run.facts("finetune"),
        "speedup_pytorch": report["speedup_pytorch"],
        "recipe": (run.path / "recipe.yaml").read_text(encoding="utf-8"),
    }
    record(options.name, rows_of(report), **facts)
    picture = run.path / "report" / "samples.png"
    if picture.is_file():
        with Image.open(picture) as image:
            small = image.convert("RGB")
            small.thumbnail((WIDTH, WIDTH))
            small.save(folder("results") / f"{options.name}.jpg", quality=88)


if __name__ == "__main__":
    main()
