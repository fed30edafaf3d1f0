"""`report`: what came out of a run, as a table and a picture of the same inputs through both."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import safetensors.torch

from gancompress import assemble
from gancompress.api.scoring import can_be_drawn, unseen_pairs
from gancompress.architecture_search.front import Front
from gancompress.assemble.headline import against_uniform, headline, lead
from gancompress.assemble.latency import threads_of
from gancompress.assemble.page import Result, write_page
from gancompress.assemble.pairs import open_pairs
from gancompress.assemble.provenance import about
from gancompress.assemble.report_pictures import IMAGES, STREAM, draw_pictures, subnet_pictures
from gancompress.assemble.report_rows import NetworkRow, figures_of, rows_table
from gancompress.assemble.scores import Scores, extractor_of, score_generator, score_images
from gancompress.assemble.similarity import answered, similarity
from gancompress.assemble.students import CURRENT, student_file, subnet_of, title
from gancompress.assemble.subnets import ModuleAt, module_at
from gancompress.atomic import write_json, write_text
from gancompress.batch import example_inputs
from gancompress.data.answers import teacher_images
from gancompress.data.images import Images
from gancompress.data.live import Pairs
from gancompress.data.problems import problem_lines
from gancompress.metrics.collect import collect
from gancompress.metrics.features import Extractor
from gancompress.metrics.frechet import FeatureStatistics
from gancompress.metrics.latency import (
    PairedTiming,
    eager_run,
    onnx_run,
    time_pair,
    time_run,
)
from gancompress.metrics.macs import count_macs
from gancompress.metrics.threads import pinned_threads
from gancompress.recipe.schema import Recipe
from gancompress.report.table import Table, format_ratio
from gancompress.run import RunDir
from gancompress.student.file import Student
from gancompress.supernet import Subnet, Supernet
from gancompress.teachers.teacher import ModuleTeacher
from gancompress.workflows.export import export_network

Network = ModuleTeacher | Student


@dataclass(frozen=True)
class Scorer:
    """What scores are taken with: an extractor and images in its features, which are the held-out
    real ones, or else the teacher's."""

    extractor: Extractor
    reference: FeatureStatistics


@dataclass(frozen=True)
class Opened:
    """What a report is about: loaded and traced once.

    Attributes:
        pairs: of the run.
        supernet: whose subnets are shown.
        module_at: one of them as a module.
        networks: teacher, if it is a white box, largest subnet, if it was trained, and student.
    """

    pairs: Pairs
    supernet: Supernet
    module_at: ModuleAt
    networks: dict[str, Network]


def report(recipe: Recipe, run: RunDir) -> None:
    """Measure teacher, largest subnet and student on inputs and images not used before."""
    assemble.prepare(recipe)
    opened = _opened(recipe, run, open_pairs(recipe, run))
    networks, pairs = opened.networks, opened.pairs
    data = assemble.real_images(recipe)
    extractor = extractor_of(recipe, run, data[0] if data else None)
    ceiling, scorer = None, None
    reference = data[1] if data else _answers(recipe, pairs)
    if reference is not None and extractor is not None:
        scorer = Scorer(extractor, collect(reference, extractor).statistics)
    if data is not None and extractor is not None:
        ceiling = score_images(data[1], extractor, collect(data[0], extractor).statistics)
    rows = [
        _measure(recipe, run, name, network, scorer, pairs) for name, network in networks.items()
    ]
    if data is None or not can_be_drawn(pairs):
        rows = [
            replace(row, similarity=similarity(network.module, pairs, samples, extractor))
            for samples in [unseen_pairs(recipe.search, pairs)]
            for row, network in zip(rows, networks.values(), strict=True)
        ]
    # The first one is the teacher, or for a black box the largest subnet.
    speedup = _speedup(recipe, next(iter(networks.values())), networks["student"])
    table = rows_table(rows, scorer.extractor.name if scorer else None)
    remarks = _remarks(recipe, rows, ceiling, speedup, run)
    remarks += [f"Real images: {line}." for line in problem_lines(data[0].problems if data else ())]
    if data is None and scorer is not None:
        remarks.append(
            f"fd_{scorer.extractor.name}: to the teacher's own images, as there are no real ones."
        )
    modules = {name: network.module for name, network in networks.items()}
    draw_pictures(recipe, modules, networks["student"].inputs, pairs, extractor, run)
    folder = run.path / "report"
    write_text(folder / "report.txt", "\n".join([table.text(), "", *remarks]) + "\n")
    result = _result(recipe, run, opened, rows, table, remarks, speedup)
    told = {"lead": result.lead, "remarks": remarks, "samples": recipe.evaluate.samples}
    told["extractor"] = scorer.extractor.name if scorer else None
    told["reference"] = "held-out real images" if data else "the teacher's own images"
    write_json(folder / "report.json", {**_facts(rows, ceiling, speedup), **told, **about(recipe)})
    write_page(recipe, run, result)
    facts = {
        "text": "report/report.txt",
        "page": "report/report.html",
        "student": title(student_file(run)),
    }
    run.complete("report", facts, _made(run, list(networks)))


def _made(run: RunDir, networks: list[str]) -> list[str]:
    """What the report wrote: its own folder, and what it exported to be timed."""
    own = [file for file in (run.path / "report").glob("[!.]*") if file.is_file()]
    timed = [run.path / "export" / f"{name.split()[0]}.onnx" for name in networks[:-1]]
    found = [file for file in (*own, *timed) if file.is_file()]
    return sorted(str(file.relative_to(run.path)) for file in found)


def show(run: RunDir) -> str:
    """The text of a finished report, with where to find what it is about."""
    text = (run.path / "report" / "report.txt").read_text(encoding="utf-8")
    exports = [facts["file"] for facts in run.facts("export")["formats"].values()]
    # Scores have none.
    pictures = [run.path / "report" / "samples.png"]
    places = [
        f"student   {run.path / CURRENT} ({title(student_file(run))})",
        *(f"export    {run.path / file}" for file in exports),
        *(f"pictures  {path}" for path in pictures if path.is_file()),
        f"page      {run.path / 'report' / 'report.html'}",
    ]
    return text + "\n" + "\n".join(places)


def _answers(recipe: Recipe, pairs: Pairs) -> Images | None:
    """The teacher's images: of other inputs than the networks are fed, where these are drawn."""
    drawn = can_be_drawn(pairs)
    return teacher_images(pairs, pairs.train if drawn else unseen_pairs(recipe.search, pairs))


def _opened(recipe: Recipe, run: RunDir, pairs: Pairs) -> Opened:
    teacher = assemble.load_teacher(recipe, run)
    supernet, full = assemble.load_supernet(recipe, run)
    at = module_at(recipe, supernet, pairs)
    factory = assemble.student_factory(recipe)
    student = assemble.read_student(student_file(run), factory)
    networks: dict[str, Network] = {"student": student}
    if not recipe.solves:
        # Its BatchNorm statistics are those of all subnets together; it deserves its own.
        largest = Student(at(supernet.space.largest), full.inputs, full.architecture)
        networks = {"largest subnet": largest, **networks}
    if isinstance(teacher, ModuleTeacher):
        networks = {"teacher": teacher, **networks}
    return Opened(pairs, supernet, at, networks)


def _measure(
    recipe: Recipe, run: RunDir, name: str, network: Network, scorer: Scorer | None, pairs: Pairs
) -> NetworkRow:
    batch = example_inputs(network.inputs, 1)
    repeats = recipe.evaluate.latency_runs
    threads = threads_of(recipe.threads)
    with pinned_threads(threads):
        eager = time_run(eager_run(network.module, batch), warmup=5, repeats=repeats)
    onnx = None
    if "onnx" in recipe.export.formats:
        written = export_network(network, "onnx", run, name.split()[0], recipe.export)
        session = onnx_run(run.path / str(written["file"]), batch, threads=threads)
        onnx = time_run(session, warmup=5, repeats=repeats)
    scores = None
    if scorer is not None:
        unseen = unseen_pairs(recipe.search, pairs)
        scores = score_generator(
            network.module,
            network.inputs,
            scorer.extractor,
            scorer.reference,
            count=recipe.evaluate.samples,
            seed=recipe.seed + STREAM,
            given=None if can_be_drawn(pairs) else pairs.batch(unseen)[0],
        )
    parameters = list(network.module.parameters())
    return NetworkRow(
        name=name,
        macs=count_macs(network.module, batch).exact,
        params=sum(p.numel() for p in parameters),
        file_bytes=_file_bytes(network),
        torch_seconds=eager,
        onnx_seconds=onnx,
        scores=scores,
        similarity={},
    )


def _file_bytes(network: Network) -> int:
    """Size of the network's tensors as a safetensors file."""
    tensors = {name: value.clone() for name, value in network.module.state_dict().items()}
    return len(safetensors.torch.save(tensors))


def _speedup(recipe: Recipe, teacher: Network, student: Network) -> PairedTiming:
    """Teacher against student in alternation, one sample at a time."""
    batch = example_inputs(teacher.inputs, 1)
    with pinned_threads(threads_of(recipe.threads)):
        return time_pair(
            eager_run(teacher.module, batch),
            eager_run(student.module, batch),
            warmup=5,
            repeats=recipe.evaluate.latency_runs,
        )


def _remarks(
    recipe: Recipe,
    rows: list[NetworkRow],
    ceiling: Scores | None,
    speedup: PairedTiming,
    run: RunDir,
) -> list[str]:
    """What the table does not say by itself."""
    teacher, student = rows[0], rows[-1]
    ratio = format_ratio(teacher.macs / student.macs)
    widths = Subnet(int(width) for width in subnet_of(run).split("_"))
    remarks = [
        f"The student {title(student_file(run))} ({widths.brief}) needs {ratio} "
        f"fewer MACs than the {teacher.name} (exact: every multiply-add executed) and is "
        f"{format_ratio(speedup.speedup)} as fast in PyTorch "
        f"({speedup.low:.2f} to {speedup.high:.2f} with 95 % confidence, timed in turns).",
        "Times: batch 1, median ± half the interquartile range.",
        *run.facts("search")["remarks"],
        *(run.facts("reconstruct")["remarks"] if recipe.solves else []),
        *run.facts("finetune").get("remarks", []),
    ]
    if ceiling is not None and ceiling.accuracy is not None:
        remarks.append(
            f"Held-out real images: fd {ceiling.frechet:.2f}, right class {ceiling.accuracy:.1%}: "
            "the ceiling."
        )
    return remarks


def _result(
    recipe: Recipe,
    run: RunDir,
    opened: Opened,
    rows: list[NetworkRow],
    table: Table,
    remarks: list[str],
    speedup: PairedTiming,
) -> Result:
    """What the page shows besides the pictures of teacher and student."""
    supernet, pairs = opened.supernet, opened.pairs
    front = Front.from_csv(run.path / "front.csv")
    subnet = supernet.space.parse(subnet_of(run))
    extractor = next((title for title in table.columns if title.startswith("fd_")), "")
    teacher, student = (figures_of(row, extractor) for row in (rows[0], rows[-1]))
    cards = headline(teacher, student, speedup)
    for chosen in (c for c in front.candidates if c.subnet == subnet):
        cards += [card for card in [against_uniform(front, chosen)] if card is not None]
    unseen, own = unseen_pairs(recipe.search, pairs), opened.networks["student"]
    return Result(
        cards=cards,
        lead=lead(teacher, student, speedup.speedup),
        table=table,
        remarks=remarks,
        layers=supernet.cost_model.layers(subnet),
        widths={
            name: (width, most)
            for name, width, most in zip(
                supernet.space.groups, subnet, supernet.space.largest, strict=True
            )
        },
        pictures=subnet_pictures(opened.module_at, front, pairs.batch(unseen[:IMAGES])[0]),
        answers=answered(own.module, pairs, unseen),
        inputs=list(own.inputs),
        teacher_macs=rows[0].macs if "teacher" in opened.networks else None,
        scores=rows[-1].scores,
    )


def _facts(rows: list[NetworkRow], ceiling: Scores | None, speedup: PairedTiming) -> dict[str, Any]:
    return {
        "networks": [asdict(row) for row in rows],
        "real_held_out": asdict(ceiling) if ceiling else None,
        "speedup_pytorch": asdict(speedup),
    }
