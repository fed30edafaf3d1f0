"""`export`: the student in the formats that runtimes read, each checked against the student."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gancompress as gc
from gancompress import assemble
from gancompress.api.export import Exportable
from gancompress.assemble.pairs import open_pairs
from gancompress.assemble.students import student_file, title
from gancompress.atomic import write_json
from gancompress.batch import Batch
from gancompress.errors import ExportError, GancompressError
from gancompress.exporters.external_data import data_file
from gancompress.exporters.float_layers import Quantized
from gancompress.exporters.formats import FORMATS
from gancompress.exporters.options import ExportOptions
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.student.file import Student


def export(recipe: Recipe, run: RunDir) -> None:
    """Write the student that was chosen last in every format of the recipe into ``run/export``.

    Raises:
        ExportError: naming every format that failed, and why, after the others were written.
    """
    file = student_file(run)
    student = assemble.read_student(file, assemble.student_factory(recipe))
    samples, keys = samples_of(recipe, run), recipe.export
    written, failed = {}, list[str]()
    for name in keys.formats:
        try:
            written[name] = export_network(student, name, run, "student", keys, samples)
        # The other formats are none the worse for it.
        except GancompressError as error:
            failed.append(f"export.formats: {name}: {error}")
    write_json(run.path / "export" / "student.json", description(file, student))
    if failed:
        done = ", ".join(written) or "nothing"
        raise ExportError("\n".join([*failed, f"written to {run.path / 'export'}: {done}"]))
    made = [run.path / "export" / "student.json"]
    for facts in written.values():
        made += _files_of(run.path / str(facts["file"]))
    names = [str(place.relative_to(run.path)) for place in made]
    run.complete("export", {"student": title(file), "formats": written}, names)


def _files_of(path: Path) -> list[Path]:
    """All files of what was exported to ``path``."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    # OpenVINO keeps the weights beside the graph, ONNX where they exceed 2 GB.
    beside = path.with_suffix(".bin") if path.suffix == ".xml" else data_file(path)
    return [path, beside] if beside.is_file() else [path]


def description(file: Path, student: Student) -> dict[str, object]:
    """Which student an export is of."""
    return {
        "student": title(file),
        "subnet": student.provenance.get("subnet"),
        "fingerprint": student.fingerprint,
    }


@dataclass(frozen=True)
class Samples:
    """Inputs for formats that are not exact: to take ranges from, and to measure on."""

    calibration: Sequence[Batch]
    held_out: Sequence[Batch]


def samples_of(recipe: Recipe, run: RunDir) -> Samples | None:
    """The run's own inputs, where a format of the recipe needs any."""
    if not any(FORMATS[name].calibrated for name in recipe.export.formats):
        return None
    pairs = open_pairs(recipe, run)
    size = recipe.collect.batch_size
    parts = pairs.train[: recipe.export.calibration], pairs.held_out[: recipe.export.calibration]
    calibration, held_out = (
        [pairs.batch(part[start : start + size])[0] for start in range(0, len(part), size)]
        for part in parts
    )
    return Samples(calibration, held_out)


def export_network(
    network: Exportable, name: str, run: RunDir, title: str, options: ExportOptions,
    samples: Samples | None = None,
) -> dict[str, object]:  # fmt: skip
    """Write one network in one format; returns where it is and how closely it agrees."""
    form = FORMATS[name]
    path = run.path / "export" / f"{title}{form.ending}"
    path.parent.mkdir(exist_ok=True)
    given = samples if samples is not None and form.calibrated else Samples((), ())
    written = gc.export(
        network, path, int8=given.calibration, held_out=given.held_out, options=options
    )
    facts: dict[str, object] = {
        "file": str(path.relative_to(run.path)),
        "bytes": written.size,
        "max_difference": written.parity.max_abs if written.parity.samples else None,
        "samples_compared": written.parity.samples,
    }
    if form.calibrated:
        facts["psnr"] = written.parity.psnr
    if isinstance(written, Quantized):
        facts |= {"int8_layers": written.layers, "float_layers": list(written.kept)}
    return facts
