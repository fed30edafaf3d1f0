"""`card RUN`: a folder as the Hugging Face hub wants it: the student, its exports, a model card."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gancompress
from gancompress import assemble
from gancompress.assemble.page import snippets_of
from gancompress.assemble.reported import read_report, reported_table
from gancompress.assemble.stages import STAGES
from gancompress.assemble.students import CURRENT, MARK, student_file, subnet_of
from gancompress.atomic import replacing, write_json, write_text
from gancompress.batch import InputSpec, spec_to_json
from gancompress.errors import RunError
from gancompress.recipe.schema import Recipe
from gancompress.report.model_card import LIBRARY, Metric, ModelCard, card_text
from gancompress.report.table import Table, format_bytes, format_count, format_ratio
from gancompress.run import RunDir, is_run
from gancompress.student import claims
from gancompress.student.file import Student
from gancompress.teachers.from_file import STUDENT_IN_FOLDER
from gancompress.workflows.opening import existing_run

PICTURE = "samples.png"

# Beside the exports; says what config.json says here.
DESCRIPTION = "student.json"


@dataclass(frozen=True)
class Publication:
    """What a run does not know of its publication.

    Attributes:
        licence: identifier of the hub, ``mit``; empty: not stated.
        base_model: ``owner/name`` of the teacher on the hub; empty: none.
        place: ``owner/name`` that the snippets load from.
    """

    licence: str = ""
    base_model: str = ""
    place: str = "OWNER/NAME"


def card(directory: Path, output: Path | None, publication: Publication) -> tuple[Path, list[str]]:
    """Write the folder; files of these names in it are replaced.

    Args:
        directory: a run with a finished report, or a folder that ``shrink`` made.
        output: the folder; by default ``hub`` in the run.
        publication: licence and names.

    Returns:
        The folder, and the names of the files written.

    Raises:
        RunError: there is no report of its student.
    """
    if not is_run(directory) and (directory / CURRENT).is_file():
        return _shrunk(directory, output or directory / "hub", publication)
    recipe, run = existing_run(directory, directory.parent, "report")
    report, folder = read_report(run), output or run.path / "hub"
    student = assemble.read_student(student_file(run), assemble.student_factory(recipe))
    files = {STUDENT_IN_FOLDER: student_file(run), **_exports(run)}
    if (run.path / "report" / PICTURE).is_file():
        files[PICTURE] = run.path / "report" / PICTURE
    known = _Known(student.inputs, student.architecture.factory, student.provenance)
    said = _card(recipe, run, report, student, known, files, publication)
    return folder, _write(folder, files, _config(known, report["networks"][-1]), said)


@dataclass(frozen=True)
class _Known:
    """What a student file says, without running what builds its module."""

    inputs: InputSpec
    factory: str
    provenance: Mapping[str, Any]


def _write(
    folder: Path, files: Mapping[str, Path], config: Mapping[str, Any], said: ModelCard
) -> list[str]:
    for name, file in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with replacing(folder / name) as temporary:
            shutil.copyfile(file, temporary)
    write_json(folder / "config.json", config)
    write_text(folder / "README.md", card_text(said))
    return ["README.md", "config.json", *files]


def _shrunk(directory: Path, folder: Path, publication: Publication) -> tuple[Path, list[str]]:
    """The folder of what ``shrink`` made, which has no recipe and was not timed."""
    try:
        report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
        teacher, made, l1 = report["teacher"], report["student"], dict(report["l1"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{directory}: no report.json of `gancompress shrink` in it; shrink again"
        ) from error
    description, _ = claims.read(directory / CURRENT)
    known = _Known(claims.inputs_of(description), description["factory"], description["provenance"])
    exports = [p for p in sorted(directory.glob("student*")) if p.is_file() and p.name != CURRENT]
    files = {STUDENT_IN_FOLDER: directory / CURRENT, **{path.name: path for path in exports}}
    rows = [
        [name, format_count(int(one["macs"])), format_count(int(one["params"])),
         format_bytes(int(one["weight_bytes"]))]
        for name, one in (("teacher", teacher), ("student", made))
    ]  # fmt: skip
    steps, last = ", ".join(f"{step} {value:.4f}" for step, value in l1.items()), [*l1.values()][-1]
    said = ModelCard(
        name=directory.resolve().name,
        task=_task(known.inputs, {}),
        licence=publication.licence,
        base_model=publication.base_model,
        lead=f"The student needs {format_ratio(teacher['macs'] / made['macs'])} fewer "
        f"multiply-adds than the teacher and has "
        f"{format_ratio(teacher['weight_bytes'] / made['weight_bytes'])} smaller weights; "
        f"L1 to teacher: {last:.3f} (0: the same).",
        picture="",
        table=Table(["", "MACs", "parameters", "weights"], rows),
        conditions=[
            "MACs are exact: every multiply-add executed for one sample.",
            "L1: mean absolute difference to the teacher's images in [-1, 1], on inputs that "
            f"nothing else was done with, after each step: {steps}.",
        ],
        metrics=[Metric("l1_to_teacher", "L1 to teacher", last, "inputs not used before")],
        snippets=_snippets(known, files, publication.place),
        origin={
            "teacher's fingerprint": str(known.provenance.get("teacher", "unknown")),
            "widths": report["subnet"],
            "made by": "gancompress shrink",
        },
        remarks=["It was neither timed nor compared with real images."],
    )
    return folder, _write(folder, files, _config(known, made), said)


def _exports(run: RunDir) -> dict[str, Path]:
    """The exported files of the run's student by the names that they get."""
    if (run.path / "export" / MARK).is_file():
        raise RunError(
            f"{run.path}: its exports are of an earlier student; `gancompress export {run.path}`"
        )
    record = run.record("export")
    made = [Path(name) for name in record.made] if record is not None else []
    # Of some formats a file, of others a folder.
    return {
        str(path.relative_to("export")): run.path / path
        for path in made
        if path.name != DESCRIPTION
    }


def _config(student: _Known, network: Mapping[str, Any]) -> dict[str, Any]:
    """What programs may want to know before they fetch the weights."""
    return {
        "library": LIBRARY,
        "version": gancompress.__version__,
        "factory": student.factory,
        "subnet": student.provenance.get("subnet"),
        "inputs": spec_to_json(student.inputs),
        "macs": network["macs"],
        "parameters": network["params"],
    }


def _card(
    recipe: Recipe,
    run: RunDir,
    report: Mapping[str, Any],
    student: Student,
    known: _Known,
    files: Mapping[str, Path],
    publication: Publication,
) -> ModelCard:
    return ModelCard(
        name=recipe.name,
        task=_task(student.inputs, report["networks"][-1]["similarity"]),
        licence=publication.licence,
        base_model=publication.base_model,
        lead=report["lead"],
        picture=PICTURE if PICTURE in files else "",
        table=reported_table({network["name"]: network for network in report["networks"]}),
        conditions=_conditions(report),
        metrics=_metrics(recipe, report),
        snippets=_snippets(known, files, publication.place),
        origin=_origin(recipe, run, report, student),
        remarks=report["remarks"],
    )


def _task(inputs: InputSpec, similarity: Mapping[str, Any]) -> str:
    """The task as the hub names it."""
    if "same top-1" in similarity:
        return "image-classification"
    fed = {entry.kind for entry in inputs.values()} & {"image", "label_map"}
    return "image-to-image" if fed else "unconditional-image-generation"


def _conditions(report: Mapping[str, Any]) -> list[str]:
    versions, machine = report["versions"], report["machine"]
    told = [
        f"Measured {report['date']} on {machine['processor']}, {machine['threads']} thread(s), "
        f"PyTorch {versions['torch']}, gancompress {versions['gancompress']}.",
        "MACs are exact: every multiply-add executed for one sample. Times: one sample, median.",
    ]
    if report["extractor"]:
        told.append(
            f"Fréchet: distance of {report['samples']:,} generated images to "
            f"{report['reference']} in the features of `{report['extractor']}`; lower is better"
            + ("." if report["extractor"].startswith("inception") else ". It is not FID.")
        )
    return told


def _metrics(recipe: Recipe, report: Mapping[str, Any]) -> list[Metric]:
    network = report["networks"][-1]
    found = [
        Metric(title.lower().replace(" ", "_"), title, value, "inputs not trained on")
        for title, value in network["similarity"].items()
    ]
    if network["scores"]:
        kind, value = f"fd_{report['extractor']}", network["scores"]["frechet"]
        data = f"{Path(recipe.data.source).name or recipe.name}: {report['reference']}"
        found.append(Metric(kind, f"Fréchet distance ({kind})", value, data))
    return found


def _snippets(student: _Known, files: Mapping[str, Path], place: str) -> dict[str, str]:
    keywords = ", ".join(f"{name}={name}" for name in student.inputs)
    factory = student.factory
    # A file does not decide what code runs.
    given = f', factory="{factory}"' if ":" in factory else ""
    text = (
        f'import gancompress as gc\nmodule = gc.load("hf://{place}"{given})  # or a folder\n'
        f"output = module({keywords})  # {_fed(student.inputs)} → images and waves in [-1, 1]"
    )
    return {"PyTorch, with gancompress": text, **snippets_of(list(files), list(student.inputs))}


def _fed(inputs: InputSpec) -> str:
    return ", ".join(f"{name}: {entry.kind} (N, {', '.join(map(str, entry.shape))})"
                     for name, entry in inputs.items())  # fmt: skip


def _origin(
    recipe: Recipe, run: RunDir, report: Mapping[str, Any], student: Student
) -> dict[str, str]:
    """Facts without the paths of the machine that it was made on."""
    teacher = recipe.teacher.file or recipe.teacher.factory
    return {
        "teacher": Path(teacher).name or "known by its answers only",
        "teacher's fingerprint": str(student.provenance.get("teacher", "unknown")),
        "student's fingerprint": student.fingerprint,
        "widths": subnet_of(run),
        "stages": ", ".join(stage for stage in STAGES if _was_done(stage, run)),
        "seed": str(recipe.seed),
        "Python": report["versions"]["python"],
    }


def _was_done(stage: str, run: RunDir) -> bool:
    record = run.record(stage)
    return record is not None and record.complete and "skipped" not in record.identity
