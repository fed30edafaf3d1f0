"""`demo WHAT`: a local page on which a person plays with a run, or with one student."""

import threading
from functools import partial
from pathlib import Path

from gancompress import assemble
from gancompress.api.scoring import can_be_drawn
from gancompress.architecture_search.front import Candidate, Front
from gancompress.assemble.pairs import open_pairs
from gancompress.assemble.students import student_file, subnet_of
from gancompress.assemble.subnets import ModuleAt, module_at
from gancompress.batch import Batch, example_inputs
from gancompress.data.live import Pairs
from gancompress.demo.gallery import Gallery, Size
from gancompress.demo.server import make_app
from gancompress.errors import RunError
from gancompress.exporters.packages import require
from gancompress.metrics.macs import count_macs
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir, is_run
from gancompress.student.file import Student, load_student
from gancompress.teachers.from_file import student_in
from gancompress.teachers.hub import located
from gancompress.teachers.teacher import ModuleTeacher
from gancompress.workflows.opening import existing_run

# Stops of the budget slider.
STOPS = 24

# Inputs of a translator that 8-bit integers are calibrated by; pictures are large.
CALIBRATION = 32


def demo(what: Path, *, port: int, factory: str | None = None) -> None:
    """Serve the demo on 127.0.0.1 until interrupted.

    Args:
        what: a run directory, whose whole front can be slid along; or a student: its file, a
            folder of `gancompress card`, or ``hf://owner/name``.
        port: to listen on.
        factory: of a student whose architecture is not built in.

    Raises:
        RunError: the run has no student yet, or the port is taken.
        MissingPackageError: the ``demo`` extra is not installed.
    """
    uvicorn = require("uvicorn", "demo")
    gallery = open_gallery(what, factory)
    threading.Thread(target=gallery.prepare, daemon=True).start()
    app = make_app(gallery)
    print(f"http://127.0.0.1:{port}   (Ctrl-C ends it)", flush=True)
    try:
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
    except SystemExit as error:
        raise RunError(f"--port {port}: cannot be listened on; give another") from error


def open_gallery(what: Path, factory: str | None = None) -> Gallery:
    """The networks of a run or of a student file."""
    if is_run(what):
        return _of_run(*existing_run(what, what.parent, "search"))
    student = load_student(student_in(located(what)), factory=factory)
    macs = count_macs(student.module, example_inputs(student.inputs, 1)).exact
    params = sum(p.numel() for p in student.module.parameters())
    size = Size(title=what.stem, macs=macs, params=params, chosen=True, make=lambda: student)
    return Gallery(what.name, student.inputs, teacher=None, teacher_macs=None, sizes=[size])


def _of_run(recipe: Recipe, run: RunDir) -> Gallery:
    supernet, full = assemble.load_supernet(recipe, run)
    pairs = open_pairs(recipe, run)
    at = module_at(recipe, supernet, pairs)
    front = Front.from_csv(run.path / "front.csv")
    chosen = subnet_of(run)
    own = partial(
        assemble.read_student,
        student_file(run),
        assemble.student_factory(recipe),
    )
    sizes = [
        Size(
            title=str(candidate.subnet),
            macs=round(candidate.costs["macs"]),
            params=round(candidate.costs["params"]),
            chosen=str(candidate.subnet) == chosen,
            make=own if str(candidate.subnet) == chosen else partial(_cut, at, full, candidate),
        )
        for candidate in _stops(front, chosen)
    ]
    teacher = assemble.load_teacher(recipe, run)
    module, macs = None, None
    if isinstance(teacher, ModuleTeacher):
        module = teacher.module.eval()
        macs = count_macs(module, example_inputs(teacher.inputs, 1)).exact
    return Gallery(
        recipe.name,
        full.inputs,
        teacher=module,
        teacher_macs=macs,
        sizes=sizes,
        calibration=_calibration(pairs),
    )


def _calibration(pairs: Pairs) -> list[Batch]:
    """Inputs that 8-bit integers are calibrated by, where they cannot be drawn."""
    if can_be_drawn(pairs):
        return []
    indices = pairs.train[:CALIBRATION]
    return [pairs.batch(indices[at : at + 1])[0] for at in range(len(indices))]


def _stops(front: Front, chosen: str) -> list[Candidate]:
    """Subnets of the front from cheap to costly, the chosen one among them."""
    members = front.nondominated(next(iter(front.stages)), "macs")
    step = max(1, -(-len(members) // STOPS))
    picked = [*members[::step], *(c for c in front.candidates if str(c.subnet) == chosen)]
    unique = {c.subnet: c for c in picked}
    return sorted(unique.values(), key=lambda c: c.costs["macs"])


def _cut(at: ModuleAt, full: Student, candidate: Candidate) -> Student:
    module = at(candidate.subnet)
    return Student(module, full.inputs, full.architecture, {"subnet": str(candidate.subnet)})
