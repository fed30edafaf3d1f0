"""A student as a folder of plain Python: its source, its weights, and nothing of gancompress.

Checked by a process of its own, in which gancompress cannot be imported.
"""

import os
import pprint
import subprocess
import sys
import tempfile
import textwrap
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gancompress.atomic import replacing_folder
from gancompress.batch import Batch, InputSpec
from gancompress.errors import ExportError
from gancompress.exporters.network import as_network
from gancompress.exporters.parity import Parity, check_parity, sample_batches
from gancompress.exporters.program import Exported, Job
from gancompress.exporters.source import Place, standalone_source
from gancompress.generators.build import BUILT_IN
from gancompress.generators.signed import RANGE
from gancompress.student.file import Student, differences
from gancompress.student.refit import tensors

MODULE, WEIGHTS = "generator.py", "weights.safetensors"

_FILL: Place = ("gancompress.student.fill", "fill")
_SEPARATE: Place = ("gancompress.student.separable", "separate")
_ADAPTED: Place = ("gancompress.generators.adapted", "adapted")
_SIGNED: Place = ("gancompress.generators.signed", "signed")

# Runs in the folder, in the place of what a stranger would write.
_CHECK = """
import sys
sys.modules["gancompress"] = None
sys.path.insert(0, sys.argv[1])
import torch
from safetensors.torch import load_file, save_file
import generator
network, given, made = generator.load(), load_file(sys.argv[2]), {}
for number in range(int(sys.argv[4])):
    batch = {n.partition(" ")[2]: t for n, t in given.items() if n.startswith(f"{number} ")}
    with torch.no_grad():
        made[str(number)] = network(**batch).contiguous()
save_file(made, sys.argv[3])
"""


def export_python(job: Job) -> Exported:
    """Write a generator as a folder: ``generator.py``, ``weights.safetensors``, ``README.md``.

    The source is that of the built-in network, with all that it uses of gancompress; PyTorch and
    safetensors are what it takes to run it.

    Raises:
        ExportError: its network is not built in, or the folder does not run by itself.
        ParityError: it answers otherwise.
    """
    student = Student(job.module, dict(job.inputs), job.architecture)
    if student.architecture.factory not in BUILT_IN:
        raise ExportError(
            f"python: the student's network is {student.architecture.factory or 'its own module'}, "
            "whose source is not gancompress's to copy; export pt2 instead, or take the source "
            "with the student's file"
        )
    compared = [*sample_batches(student.inputs), *job.batches]
    with replacing_folder(job.path) as folder:
        own = {n: t.detach().cpu().clone().contiguous() for n, t in tensors(student.module).items()}
        save_file(own, folder / WEIGHTS)
        (folder / WEIGHTS).chmod(0o644)
        (folder / MODULE).write_text(_source(student), encoding="utf-8")
        (folder / "README.md").write_text(_readme(student.inputs), encoding="utf-8")
        parity = _checked(student, folder, compared, job.tolerance)
        size = sum(file.stat().st_size for file in folder.iterdir())
    return Exported(job.path, size, parity)


def _source(student: Student) -> str:
    architecture, found = student.architecture, differences(student)
    module, _, attribute = BUILT_IN[architecture.factory].partition(":")
    wanted: list[Place] = [(module, attribute), _FILL]
    separable = bool(architecture.separable)
    wanted += [_SEPARATE] if separable else []
    chosen = bool(architecture.output or architecture.lists)
    wanted += [_ADAPTED] if chosen else []
    ranged = architecture.output_range != RANGE
    wanted += [_SIGNED] if ranged else []
    text, (network, fill, *others) = standalone_source(wanted)
    names = dict(zip(wanted[2:], others, strict=True))
    lines = [f"module = {network}(**ARGUMENTS)"]
    if separable:
        patterns, norm = architecture.separable, architecture.separable_norm
        lines.append(f"{names[_SEPARATE]}(module, {patterns!r}, norm={norm!r})")
    if chosen:
        output, lists = architecture.output, architecture.lists
        lines.append(f"module = {names[_ADAPTED]}(module, {output!r}, lists={lists})")
    if ranged:
        lines.append(f"module = {names[_SIGNED]}(module, {architecture.output_range!r})")
    constants = {
        "ARGUMENTS": dict(architecture.kwargs),
        "ATTRIBUTES": found["attributes"],
        "TIED": found["tied"],
        "DROPPED": found.get("dropped", []),
        "SKIPPED": found.get("skipped", {}),
    }
    literals = "\n".join(f"{name} = {_literal(value)}" for name, value in constants.items())
    return _TEMPLATE.format(
        version=version("gancompress"),
        source=text,
        literals=literals,
        build=textwrap.indent("\n".join(lines), "    "),
        fill=fill,
        weights=WEIGHTS,
    )


_TEMPLATE = '''"""A small generator, made by gancompress {version} (Apache-2.0).

``load()`` gives it with its weights. Needs torch and safetensors; what it is fed, README.md says.
"""

from pathlib import Path
from safetensors.torch import load_file
{source}

# What built the network at full width, and in what the small one differs from that.
{literals}


def load(weights=Path(__file__).with_name("{weights}")) -> nn.Module:
    """The generator with its trained weights, in evaluation mode, on the CPU."""
{build}
    return {fill}(
        module,
        load_file(weights),
        attributes=ATTRIBUTES,
        tied=TIED,
        dropped=DROPPED,
        skipped=SKIPPED,
    )
'''


def _literal(value: object) -> str:
    return pprint.pformat(value, width=96, sort_dicts=False)


def _readme(inputs: InputSpec) -> str:
    rows = [
        f"| `{name}` | {entry.kind} | N × {' × '.join(map(str, entry.shape)) or '–'} "
        f"| {entry.low:g} to {entry.high:g} |"
        if entry.kind in ("image", "uniform", "truncated_normal")
        else f"| `{name}` | {entry.kind} | N{''.join(f' × {size}' for size in entry.shape)} "
        f"| {f'0 to {entry.classes - 1}' if entry.classes else 'see its kind'} |"
        for name, entry in inputs.items()
    ]
    keywords = ", ".join(f"{name}={name}" for name in inputs)
    return "\n".join(
        [
            "# A small generator",
            "",
            "```python",
            "import generator",
            "",
            "network = generator.load()",
            f"output = network({keywords})  # images are in [-1, 1]",
            "```",
            "",
            "| input | kind | shape | values |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _checked(student: Student, folder: Path, compared: list[Batch], tolerance: float) -> Parity:
    """Compare with what the folder answers in a process that has no gancompress."""
    with tempfile.TemporaryDirectory() as place:
        given, made = Path(place) / "given.safetensors", Path(place) / "made.safetensors"
        named: dict[str, Tensor] = {
            f"{number} {name}": value.clone().contiguous()
            for number, batch in enumerate(compared)
            for name, value in batch.items()
        }
        save_file(named, given)
        threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
        done = subprocess.run(
            [sys.executable, "-I", "-B", "-c", _CHECK, *map(str, (folder, given, made)),
             str(len(compared))],
            capture_output=True, text=True, check=False, env={**os.environ, **threads},
        )  # fmt: skip
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            raise ExportError(f"python: the folder does not run by itself: {reason}")
        answers = load_file(made)
    found = iter([answers[str(number)] for number in range(len(compared))])
    module = student.module.eval()
    return check_parity(
        as_network(module), lambda _: next(found), compared, tolerance, subject="python folder"
    )
