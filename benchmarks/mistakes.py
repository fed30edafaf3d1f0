"""Forty mistakes that a user makes: what is said, and after how many seconds.

Writes ``docs/mistakes.md``. Each is made in a process of its own, which has loaded the program
already; how long that takes is measured once. Seconds are those of the CPU, one thread.

    python -m benchmarks.mistakes [--quick]
"""

import contextlib
import io
import multiprocessing
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from benchmarks.record import table
from benchmarks.start import arguments_of, folder, is_quick, parser_of
from tests.workflows.painter import Painter

ROOT = Path(__file__).parents[1]
QUICKSTART = "recipes/quickstart.yaml"
PAINTER = "tests/workflows/painter.yaml"

# What every command loads, PyTorch's shape inference included.
LOAD = "import gancompress.cli.stages, gancompress.workflows.check, torch._dynamo"


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    Attributes:
        kind: what it is about.
        change: what is written, ``&&`` between several; FOLDER stands for the folder of examples.
        expected: part of what is said.
        recipe: that it is written into.
        verb: of the command.
    """

    kind: str
    change: str
    expected: str
    recipe: str = QUICKSTART
    verb: str = "run"


MISTAKES = (
    Mistake("the recipe", "distill.step=900", "did you mean 'steps'?"),
    Mistake("the recipe", "distill.steps=many", "distill.steps: expected a whole number"),
    Mistake("the recipe", "distill.schedule=cosin", "did you mean 'cosine'?"),
    Mistake("the recipe", "distill.betas=[0.5]", "distill.betas: two numbers"),
    Mistake("the recipe", "search.score_samples=5000", "is more than collect.held_out"),
    Mistake("the recipe", "", "no such recipe", recipe="recipes/quickstrat.yaml"),
    Mistake("a factory", "student.factory=distylgan", "did you mean 'distylegan'?"),
    Mistake("a factory", "student.kwargs.widht=64", "did you mean 'width'?"),
    Mistake("a factory", "teacher.factory=my_models:build", "cannot import my_models"),
    Mistake("a factory", "student.factory=mine.py:build", "there is no file mine.py"),
    Mistake("a factory", "student.factory=FOLDER/mine.py:biuld && student.kwargs={}",
            "did you mean 'build'?"),
    Mistake("a factory", "student.factory=FOLDER/mine.py:build && student.kwargs={}",
            "KeyError: 'weights'"),
    Mistake("a file", "teacher.file=teacher.pkl", "teacher.pkl: no such file"),
    Mistake("a file", "teacher.weights=FOLDER/other.safetensors", "does not fit what", PAINTER),
    Mistake("a file", "teacher.file=FOLDER/page.pth", "a web page, not a checkpoint"),
    Mistake("a file", "distill.discriminator.file=d.pt", "d.pt: no such file"),
    Mistake("shapes", "student.kwargs.channels=3", "the student makes 3×16×16, the teacher 1×"),
    Mistake("shapes", "student.kwargs.z_dim=128", "equal, e.g. student.kwargs: {z_dim: 64}"),
    Mistake("shapes", "student.kwargs.resolution=32", "the student makes 1×32×32"),
    Mistake("shapes", "teacher.kwargs.resolution=32 && student.kwargs.resolution=32",
            "data.resolution, data.channels: the real images are 1×16×16"),
    Mistake("shapes", "teacher.inputs.image.shape=[4, 24, 24]", "cannot take what it", PAINTER),
    Mistake("shapes", "teacher.inputs={photo: {kind: image, shape: [3, 24, 24]}}",
            "cannot take what it says", PAINTER),
    Mistake("classes", "teacher.kwargs.classes=7", "10 class folders"),
    Mistake("classes", "collect.class_shares=[1, 2]", "collect.class_shares: 2 numbers"),
    Mistake("data", "teacher.data.source=photos", "photos: no such file or folder", PAINTER),
    Mistake("data", "teacher.data.source=FOLDER/empty", "no image files", PAINTER),
    Mistake("data", "teacher.data.source=FOLDER/damaged", "cannot be read as an image", PAINTER),
    Mistake("data", "teacher.data.layout=label_maps", "has no image (image)", PAINTER),
    Mistake("data", "data.source=FOLDER/few",
            "data.held_out: 0.2 of 3 images is 0"),
    Mistake("discriminator", "distill.discriminator.kwargs={}",
            "e.g. distill.discriminator.kwargs: {channels: 1, resolution: 16}"),
    Mistake("discriminator", "teach.discriminator.kwargs.resolution=64",
            "teach.discriminator: cannot judge images of 1×16×16"),
    Mistake("terms", "distill.terms={l1: {}, sim: {}}", "did you mean 'ssim'?"),
    Mistake("terms", "distill.terms={kl: {}}", "compares scores, the teacher answers 1×16×16"),
    Mistake("terms", "distill.terms={style: {}}", "distill.terms.style.network: missing"),
    Mistake("terms", "distill.terms={adapted: {taps: [up9]}}", "has no submodule 'up9'"),
    Mistake("the student", "student.minimum=512", "nothing of 'distylegan' can be made narrower"),
    Mistake("the student", "student.keep=[mapping]", "student.keep: mapping: there is no such"),
    Mistake("the student", "student.separable=[blocks.*]", "matches no convolution"),
    Mistake("the student", "distill.fixed=64_32", "2 widths, but the space has 4 groups"),
    Mistake("the budget", "search.mac_budget=100K", "is below the smallest subnet"),
    Mistake("the budget", "search.mac_budget=2 million", "is not an amount"),
    Mistake("judges", "evaluate.extractor=resnet", "is none of: inception"),
    Mistake("judges", "search.evaluators={sharp: {function: mine:sharpness}}",
            "search.evaluators.sharp.function: mine:sharpness: cannot import"),
    Mistake("the machine", "device=cuda:7", "device: cuda:7"),
    Mistake("the machine", "collect.count=10000000000", "GB free, but pairs and checkpoints take"),
    Mistake("the machine", "search.storage=sqlite:////no/such/folder/trials.db",
            "there is no folder /no/such/folder"),
)  # fmt: skip


def examples(folder: Path) -> None:
    """What the mistakes need: a broken factory, weights of another network, odd folders."""
    (folder / "mine.py").write_text("def build():\n    return {}['weights']\n")
    save_file(Painter().state_dict(), folder / "weights.safetensors")
    save_file({"head.weight": torch.zeros(4, 3, 3, 3)}, folder / "other.safetensors")
    (folder / "page.pth").write_text("<!DOCTYPE html><html>not found</html>" + " " * 64)
    for name in ("photos", "empty", "damaged", "few"):
        (folder / name).mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        pixels = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
        pixels.save(folder / "photos" / f"{number}.png")
        if number < 3:
            pixels.save(folder / "few" / f"{number}.png")
    (folder / "damaged" / "0.png").write_bytes(b"no picture")


def command_of(mistake: Mistake, examples: Path, runs: Path) -> list[str]:
    """Arguments of the command line that make ``mistake``."""
    changes = [part.strip() for part in mistake.change.split("&&") if part.strip()]
    if mistake.recipe == PAINTER:
        given = ["teacher.data.source=FOLDER/photos", "teacher.weights=FOLDER/weights.safetensors"]
        names = {change.partition("=")[0] for change in changes}
        changes += [change for change in given if change.partition("=")[0] not in names]
    changes = [change.replace("FOLDER", str(examples)) for change in changes]
    return [mistake.verb, mistake.recipe, *changes, "--root", str(runs)]


def made(mistake: Mistake, examples: Path, runs: Path) -> tuple[int, str, float]:
    """Exit code, what is said, and CPU seconds of a mistake made here."""
    from gancompress.cli import main

    said = io.StringIO()
    before = _seconds(resource.RUSAGE_SELF)
    with contextlib.redirect_stderr(said):
        code = main(command_of(mistake, examples, runs))
    return code, said.getvalue(), _seconds(resource.RUSAGE_SELF) - before


def _seconds(whose: int) -> float:
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def _load() -> float:
    """CPU seconds of a process that only loads the program."""
    before = _seconds(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", LOAD], cwd=ROOT, check=True)
    return _seconds(resource.RUSAGE_CHILDREN) - before


def measured(mistakes: tuple[Mistake, ...]) -> Iterator[tuple[Mistake, str, float]]:
    """Every mistake with what is said and its seconds; each made in a copy of this process."""
    exec(LOAD)
    with tempfile.TemporaryDirectory() as temporary:
        place, runs = Path(temporary), Path(temporary) / "runs"
        examples(place)
        context = multiprocessing.get_context("fork")
        for mistake in mistakes:
            with context.Pool(1) as pool:
                code, said, seconds = pool.apply(made, (mistake, place, runs))
            if code != 2 or mistake.expected not in said or runs.exists():
                raise SystemExit(f"{mistake}: exit code {code}, {said}")
            yield mistake, said.replace(str(place), "FOLDER"), seconds


def page(rows: list[tuple[Mistake, str, float]], load: float) -> str:
    """The table as Markdown; ``load``: seconds that loading took."""
    lines = [
        "# Mistakes, and what is said about them",
        "",
        f"{len(rows)} mistakes that a user makes in a recipe, each with the message and the CPU",
        "seconds (one thread) after which it comes, from when the program has loaded, which took",
        f"{load:.1f} s on the same shared, busy machine (PyTorch, its shape inference, SciPy). All",
        "come before there is a run folder, with exit code 2; several are told together. Made by",
        "`python -m benchmarks.mistakes`; FOLDER stands for a folder of examples.",
        "",
        "| what is written | what is said | seconds |",
        "|---|---|---:|",
    ]
    kind = ""
    for mistake, said, seconds in rows:
        if mistake.kind != kind:
            kind = mistake.kind
            lines.append(f"| **{kind}** | | |")
        written = mistake.change.replace(" && ", "`, `") or mistake.recipe
        lines.append(f"| `{_cell(written)}` | {_cell(_message(said))} | {seconds:.2f} |")
    return "\n".join([*lines, ""])


def _message(said: str) -> str:
    """Without the program's name and the number of mistakes."""
    lines = said.strip().removeprefix("gancompress: ").splitlines()
    told = lines[1:] if len(lines) > 1 else lines
    whole = "<br>".join(line.strip() for line in told)
    return whole if len(whole) <= 300 else whole[:299] + "…"


def _cell(text: str) -> str:
    # Whose machine it was made on is nobody's business.
    text = text.replace(str(Path.cwd()), "/home/me/project")
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Make every mistake; the page, and the slowest."""
    arguments_of(parser_of(__doc__))
    load = min(_load() for _ in range(1 if is_quick() else 3))
    rows = list(measured(MISTAKES[::8] if is_quick() else MISTAKES))
    print(table([{"change": m.change[:60], "seconds": f"{s:.2f}"} for m, _, s in rows]))
    target = (folder("pages") if is_quick() else ROOT / "docs") / "mistakes.md"
    target.write_text(page(rows, load), encoding="utf-8")
    print(
        f"{target}: {len(rows)} mistakes, the slowest after {load:.1f} + "
        f"{max(s for *_, s in rows):.2f} s"
    )


if __name__ == "__main__":
    main()
