"""What a finished training of a teacher gave: scores, picture, weights of 16 bits, a model card.

python -m benchmarks.taught runs/teach-digits-1 teach_digits --terms "scikit-learn, BSD" \
    --quality "What a person sees on the picture, honestly."
"""

import argparse
import statistics
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks.record import record, surroundings, table
from benchmarks.start import arguments_of, folder, is_quick, parser_of
from gancompress import assemble
from gancompress.assemble.report_pictures import STREAM
from gancompress.assemble.scores import (
    Scores,
    extractor_of,
    score_generator,
    score_images,
)
from gancompress.assemble.similarity import visible
from gancompress.assemble.teacher_data import NumberedRows
from gancompress.atomic import write_text
from gancompress.batch import DRAWN, Batch, batch_size, draw_inputs
from gancompress.data.images import images_from_tensor, to_uint8
from gancompress.metrics.collect import collect
from gancompress.recipe.schema import Recipe
from gancompress.report.grid import draw_grid
from gancompress.run import RunDir
from gancompress.student.file import Student, save_student
from gancompress.teachers.teacher import ModuleTeacher
from gancompress.workflows.opening import existing_run

Rows = list[dict[str, Any]]

# Of a picture: pixels, bytes, and columns where there are no classes.
WIDTH, LARGEST, COLUMNS = 1000, 200_000, 8


def held_out_inputs(teacher: ModuleTeacher, seed: int) -> Batch | None:
    """Inputs that were kept away from every training; None where they are drawn."""
    if not isinstance(teacher.data, NumberedRows):
        return None
    data = teacher.data
    count = min(data.kept, len(data.held_out))
    return teacher.sample_inputs(range(data.training, data.training + count), seed)


def scores(recipe: Recipe, run: RunDir, taught: Student, given: Batch | None) -> Rows:
    """The teacher, real training images and the inputs, all against the held-out images."""
    data = assemble.real_images(recipe)
    extractor = extractor_of(recipe, run, data[0] if data else None)
    if data is None or extractor is None or len(data[1]) < 2:
        return []
    train, held_out = data
    reference = collect(held_out, extractor).statistics
    count = recipe.evaluate.samples if given is None else batch_size(given)
    made = score_generator(
        taught.module,
        taught.inputs,
        extractor,
        reference,
        count=count,
        seed=recipe.seed + STREAM,
        given=given,
    )
    # Names in order begin with one class or one variety.
    order = torch.randperm(len(train), generator=torch.manual_seed(recipe.seed))
    sources = {"real": train.subset(order[:count])}
    shown = visible(taught.inputs, given) if given else {}
    if shown and shown["input"].shape[1] == train.shape[0]:
        sources["input"] = images_from_tensor(to_uint8(shown["input"]))
    judged = {name: score_images(x, extractor, reference) for name, x in sources.items()}
    rows = [("teacher", count, made), *((n, len(sources[n]), judged[n]) for n in sources)]
    return [row_of(name, n, scores, f"fd_{extractor.name}") for name, n, scores in rows]


def row_of(name: str, count: int, scores: Scores, distance: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "images": count, distance: round(scores.frechet, 3)}
    return row if scores.accuracy is None else {**row, "accuracy": round(scores.accuracy, 4)}


def picture(run: RunDir, taught: Student) -> Image.Image:
    """What the teacher makes of drawn inputs; else the last look of its training at held-out ones.

    With classes, one column a class.
    """
    if not can_be_drawn(taught):
        looks = sorted((run.path / "samples").glob("teach-*.png"))
        if not looks:
            raise SystemExit(f"{run.path}: no pictures in it; teach with teach.evaluate_every")
        return Image.open(looks[-1]).convert("RGB")
    classes = next((e.shape[0] for e in taught.inputs.values() if e.kind == "one_hot"), 0)
    columns = min(classes, 20) or COLUMNS
    rows = {}
    for turn in range(4):
        first = turn * (classes or columns)
        batch = draw_inputs(taught.inputs, range(first, first + columns), seed=STREAM)
        with torch.no_grad():
            rows[str(turn + 1)] = taught.module(**batch)
    return draw_grid(rows, [str(k) for k in range(columns)] if classes else None)


def can_be_drawn(taught: Student) -> bool:
    return all(entry.kind in DRAWN for entry in taught.inputs.values())


def save_jpeg(image: Image.Image, path: Path) -> None:
    """As well as fits into LARGEST bytes."""
    image.thumbnail((WIDTH, WIDTH))
    for quality in range(92, 10, -8):
        image.save(path, quality=quality)
        if path.stat().st_size <= LARGEST:
            return


def minutes_of(run: RunDir) -> float:
    """Time between the lines of the training's log; pauses between instalments are left out."""
    times = [event["time"] for event in run.events("teach")]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    usual = statistics.median(gaps) if gaps else 0.0
    # The first line comes one stretch after the start.
    return round((usual + sum(gap for gap in gaps if gap < 20 * usual + 60)) / 60, 1)


def card(name: str, options: argparse.Namespace, recipe: Recipe, facts: dict[str, Any]) -> str:
    """What whoever uses the weights should know."""
    about = surroundings()
    machine = options.machine or about["machine"]["processor"]
    arguments = ", ".join(f"{key}={value!r}" for key, value in recipe.teacher.kwargs.items())
    teach = recipe.teach
    lines = [
        f"# {name}",
        "",
        f"- **What**: `{recipe.teacher.factory}({arguments})`, {facts['params']:,} parameters, "
        f"taught from scratch with the objective `{teach.objective}`; 16-bit weights, "
        f"{facts['bytes'] / 1e6:.1f} MB.",
        f"- **Data**: {', '.join(f'{k} {_brief(value)}' for k, value in facts['taught'].items())}.",
        f"- **Terms**: {options.terms}",
        f"- **Training**: {teach.steps:,} steps of {teach.batch_size} images in "
        f"{facts['minutes']:g} minutes on {machine} ({recipe.threads or 'all'} threads), "
        f"PyTorch {about['versions']['torch']}. {options.note}",
        f"- **Again**: `gancompress teach recipes/{recipe.name}.yaml`, then "
        f"`python -m benchmarks.taught runs/{recipe.name}-1 {name}`.",
        f"- **Use**: `teacher: {{file: benchmarks/teachers/{name}.safetensors}}` in a recipe, or "
        f"`gancompress.load_student(...)`.",
        "",
        "Distances are to the held-out real images; `real` are training images, `input` what the "
        "teacher was fed:",
        "",
        "```",
        table(facts["rows"]),
        "```",
        "",
        f"![samples](../results/{name}.jpg)",
        "",
        f"How good it is: {options.quality}",
    ]
    return "\n".join(lines) + "\n"


def _brief(value: Any) -> str:
    """A fact in few characters: figures in four digits, files without their folders."""
    return f"{value:.4g}" if isinstance(value, float) else str(value).rpartition("/")[2]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--terms", required=not is_quick(), help="terms of the data")
    parser.add_argument(
        "--quality", required=not is_quick(), help="what a person sees on the picture"
    )
    parser.add_argument("--machine", default="", help="where it was trained, if not here")
    parser.add_argument("--note", default="", help="circumstances of the training")
    options = arguments_of(parser, terms="", quality="")
    recipe, run = existing_run(options.run, Path("runs"), "teach")
    assemble.prepare(recipe)
    name = options.name

    # Keep the weights; what is measured is what was kept.
    path = folder("teachers") / f"{name}.safetensors"
    save_student(assemble.open_teacher(recipe, run), path, half=True)
    taught = assemble.read_student(path, recipe.teacher.factory)
    data = assemble.load_teacher(recipe, run).data
    given = held_out_inputs(ModuleTeacher(taught.module, taught.inputs, data), recipe.seed)
    facts = {
        "note": options.note,
        "minutes": minutes_of(run),
        "taught": run.facts("teach"),
        "params": sum(p.numel() for p in taught.module.parameters()),
        "bytes": path.stat().st_size,
    }
    rows = scores(recipe, run, taught, given)
    record(name, rows, **facts, recipe=(run.path / "recipe.yaml").read_text(encoding="utf-8"))
    save_jpeg(picture(run, taught), folder("results") / f"{name}.jpg")
    write_text(path.with_suffix(".md"), card(name, options, recipe, {**facts, "rows": rows}))


if __name__ == "__main__":
    main()
