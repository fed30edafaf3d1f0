"""The run's page: what was won and what it cost, then how, then where everything came from."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gancompress.architecture_search.front import Candidate, Front
from gancompress.assemble.provenance import about, provenance
from gancompress.assemble.report_media import FILM
from gancompress.assemble.report_pictures import MAP, small_picture
from gancompress.assemble.scores import Scores
from gancompress.assemble.similarity import Answered
from gancompress.assemble.students import subnet_of
from gancompress.errors import RunError
from gancompress.recipe.load import differences, recipe_to_dict
from gancompress.recipe.schema import Recipe
from gancompress.report import blocks
from gancompress.report.blocks import Bar, Card, Html
from gancompress.report.charts import Mark, Series, lines, scatter
from gancompress.report.curves import loss_curves, meaning
from gancompress.report.html import save_page
from gancompress.report.table import Table, format_count
from gancompress.run import RunDir
from gancompress.supernet.cost import Layer
from gancompress.supernet.space import Subnet

# By the end of the file's name.
_RUNTIMES = {
    ".onnx": "import onnxruntime as ort\n"
    'session = ort.InferenceSession("{file}")\n'
    "output = session.run(None, {inputs})[0]",
    ".pt2": 'import torch\nmodule = torch.export.load("{file}").module()\n'
    "output = module({keywords})",
    ".xml": "import openvino as ov\n"
    'network = ov.Core().compile_model("{file}", "CPU")\n'
    "output = network({inputs})[0]",
    ".pte": "from executorch.runtime import Runtime\n"
    'forward = Runtime.get().load_program("{file}").load_method("forward")\n'
    "output = forward.execute([{listed}])[0]  # one sample",
    ".mlpackage": "import coremltools as ct  # on an Apple system\n"
    'model = ct.models.MLModel("{file}")\n'
    'output = model.predict({inputs})["output"]  # one sample',
    "-python": "import sys\n"
    'sys.path.insert(0, "{file}")\n'
    "import generator\noutput = generator.load()({keywords})",
}


# What stands below the picture of all rows.
_ROWS = "The same inputs through both, and their difference"
_SPECTROGRAMS = "Spectrograms of the same inputs through both"


@dataclass(frozen=True)
class Result:
    """What a report has found out and the page shows.

    Attributes:
        cards: the figures of the first screen.
        lead: the result in one sentence.
        table: the networks that were measured.
        remarks: what the table does not say, in plain sentences.
        layers: of the student, with their costs.
        widths: chosen and full width by group.
        answers: of teacher and student to some pictures, where they give scores.
        pictures: data URI of what subnets of the front make.
        inputs: names of the student's inputs.
        teacher_macs: of one sample; None for a black box.
        scores: of the student; None where it was not compared with images.
    """

    cards: Sequence[Card]
    lead: str
    table: Table
    remarks: Sequence[str]
    layers: Sequence[Layer]
    widths: Mapping[str, tuple[int, int]]
    answers: Sequence[Answered]
    pictures: Mapping[Subnet, str]
    inputs: Sequence[str]
    teacher_macs: int | None
    scores: Scores | None


def write_page(recipe: Recipe, run: RunDir, result: Result) -> None:
    """Write ``report/report.html``."""
    page = [
        blocks.cards(result.cards),
        *_pictures(run),
        *_answers(result),
        blocks.section("Networks measured", blocks.table(result.table), *_classes(result)),
        *_search(run, result),
        blocks.section("Widths of the student", blocks.bars(_bars(result))),
        *_losses(run),
        blocks.section("How to load it", *_snippets(run, result.inputs)),
        blocks.section(
            "How far to trust it",
            blocks.folded("Remarks", blocks.items(result.remarks)),
            blocks.folded("Provenance", blocks.facts({**about(recipe), **provenance(run)})),
            blocks.folded("Recipe: what differs from the defaults", _recipe(recipe)),
        ),
    ]
    save_page(run.path / "report" / "report.html", recipe.name, result.lead, page)


def _classes(result: Result) -> list[Html]:
    if result.scores is None or not result.scores.confusion:
        return []
    shown = blocks.confusion(result.scores.classes, result.scores.confusion)
    return [blocks.folded("Classes asked of the student, and seen", shown)]


def _pictures(run: RunDir) -> list[Html]:
    folder = run.path / "report"
    left, right, all_rows = (folder / n for n in ("left.png", "right.png", "samples.png"))
    found = []
    if left.is_file() and right.is_file():
        found.append(blocks.compare(left, right, ("teacher", "student")))
    heard = {name: sorted(folder.glob(f"{name}-*.wav")) for name in ("teacher", "student")}
    if any(heard.values()):
        found.append(blocks.sounds(heard))
    elif (folder / FILM).is_file():
        found.append(blocks.picture(folder / FILM, "The same inputs through both"))
    if all_rows.is_file():
        rows = blocks.picture(all_rows, _SPECTROGRAMS if any(heard.values()) else _ROWS)
        found.append(blocks.folded("Row by row", rows) if found else rows)
    if (folder / MAP).is_file():
        text = (
            "Images of both, like ones side by side (t-SNE of the extractor's features). "
            "Tiles that only the teacher fills are what the student does not make."
        )
        found.append(blocks.folded("Map of images", blocks.picture(folder / MAP, text)))
    films = sorted((run.path / "samples").glob("*.webp"))
    shown = [
        blocks.picture(film, f"{film.stem}: the same inputs during training") for film in films
    ]
    if shown:
        found.append(blocks.folded("Films of the training", blocks.side_by_side(*shown)))
    return [blocks.section("Teacher and student", *found)] if found else []


def _answers(result: Result) -> list[Html]:
    rows = [
        (small_picture(one.picture), _listed(one.teacher), _listed(one.student))
        for one in result.answers
    ]
    if not rows:
        return []
    hint = "Numbers of the classes with the highest scores, highest first, on pictures not seen."
    shown = blocks.pictured_table(("picture", "teacher", "student"), rows)
    return [blocks.section("Answers of both", blocks.paragraphs([hint]), shown)]


def _listed(classes: Sequence[int]) -> str:
    return ", ".join(map(str, classes))


def _search(run: RunDir, result: Result) -> list[Html]:
    try:
        front = Front.from_csv(run.path / "front.csv")
        chosen = next(c for c in front.candidates if str(c.subnet) == subnet_of(run))
    except (RunError, StopIteration):
        return []
    charts, levels = [], _levels(run, result.teacher_macs)
    for stage in front.stages:
        objective, direction = next(iter(front.stages[stage].items()))
        key, better = (stage, objective), "lower" if direction == "minimize" else "higher"
        groups = {
            "all that were scored": ("dots", front.candidates),
            "uniform width": ("line", [c for c in front.candidates if c.uniform]),
            "front": ("line", front.nondominated(stage, "macs")),
            "chosen": ("star", [chosen]),
        }
        series = [
            Series(name, style, [_mark(c, key, result) for c in members if key in c.scores])
            for name, (style, members) in groups.items()
        ]
        svg = scatter("MACs", f"{objective} ({better} is better)", series, levels)
        count = sum(key in c.scores for c in front.candidates)
        charts.append(blocks.chart(svg, f"Stage {stage}: {count} subnets"))
    hint = "Point at a mark to see its subnet; control and wheel magnify, a double click restores."
    # The last stage decides, so it comes first.
    return [blocks.section("Search", blocks.paragraphs([hint]), blocks.side_by_side(*charts[::-1]))]


def _levels(run: RunDir, teacher: int | None) -> dict[str, float]:
    """The MACs of the teacher and of the budget, where they are known."""
    levels: dict[str, float] = {"teacher": teacher} if teacher else {}
    budget = run.facts("search").get("limits", {}).get("macs")
    return levels if budget is None else {**levels, "budget": budget}


def _mark(candidate: Candidate, key: tuple[str, str], result: Result) -> Mark:
    score, spread = candidate.scores[key], candidate.spreads.get(key, 0.0)
    macs = candidate.costs["macs"]
    shown = f"{score:.4g}" + (f" ± {spread:.2g}" if spread else "")
    widths = str(candidate.subnet)
    label = f"{format_count(macs)} MACs\n{key[1]} {shown}\n{_shortened(widths)}"
    picture = result.pictures.get(candidate.subnet, "")
    return Mark(
        x=macs,
        y=score,
        label=label,
        picture=picture,
        spread=spread if math.isfinite(spread) else 0.0,
    )


def _shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _bars(result: Result) -> list[Bar]:
    total = sum(layer.macs for layer in result.layers) or 1
    bars = []
    for name, (width, full) in result.widths.items():
        macs = sum(layer.macs for layer in result.layers if layer.module == name)
        bars.append(Bar(name, width, full, macs / total))
    return bars


def _losses(run: RunDir) -> list[Html]:
    stages = []
    logged = run.logged_stages()
    short = [stage.partition("-")[0] for stage in logged]
    for stage, name in zip(logged, short, strict=True):
        kinds = {
            kind: curves
            for kind, curves in loss_curves(run.events(stage)).items()
            if any(len(curve) > 1 for curve in curves.values())
        }
        charts = [
            blocks.chart(lines(kind, curves), f"{kind}: {meaning(kind)}")
            for kind, curves in kinds.items()
        ]
        if charts:
            # What follows the name tells the trainings of several students apart.
            title = name if short.count(name) == 1 else stage
            stages.append(blocks.folded(title, blocks.side_by_side(*charts)))
    if not stages:
        return []
    hint = "Each in its own unit, before weights; a term's largest, smallest and other subnets."
    return [blocks.section("Losses", blocks.paragraphs([hint]), *stages)]


def _snippets(run: RunDir, inputs: Sequence[str]) -> list[Html]:
    keywords = ", ".join(f"{name}={name}" for name in inputs)
    found = [
        blocks.code(
            "student.safetensors, with gancompress",
            "import gancompress as gc\n"
            'student = gc.load_student("student.safetensors")\n'
            f"output = student.module({keywords})  # images and waves in [-1, 1]",
        )
    ]
    files = [str(facts["file"]) for facts in run.facts("export").get("formats", {}).values()]
    return found + [blocks.code(file, text) for file, text in snippets_of(files, inputs).items()]


def snippets_of(files: Sequence[str], inputs: Sequence[str]) -> dict[str, str]:
    """Lines of Python that run exported files, by file; others of ``files`` are left out."""
    keywords = ", ".join(f"{name}={name}" for name in inputs)
    fed = "{" + ", ".join(f'"{name}": {name}' for name in inputs) + "}"
    parts = {"{inputs}": fed, "{keywords}": keywords, "{listed}": ", ".join(inputs)}
    found = {}
    for file in files:
        for text in (text for ending, text in _RUNTIMES.items() if file.endswith(ending)):
            for part, value in {"{file}": file, **parts}.items():
                text = text.replace(part, value)
            found[file] = text
    return found


def _recipe(recipe: Recipe) -> Html:
    changed = differences(recipe_to_dict(Recipe()), recipe_to_dict(recipe))
    pairs = [line.partition(": ") for line in changed]
    return blocks.facts({path: values.rpartition(" → ")[2] for path, _, values in pairs})
