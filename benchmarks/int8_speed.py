"""How much faster the student in 8-bit integers is than the teacher in PyTorch.

    python -m benchmarks.int8_speed --shared ../shared [--quick]

Batch 1, one thread, the teacher in PyTorch in turns with the student's file in ONNX Runtime or
OpenVINO, in one run. Pairs: StyleGAN2 at 32×32 and DiStyleGAN's generator as published and of a
quarter of its width (random weights, on which times do not depend); the style-transfer network of
``recipes/style.yaml`` at 128×128 and its uniform subnet of at most an eighth of the multiply-adds;
the face DCGAN and its trained student, of which a picture is drawn as well. Writes
``benchmarks/results/int8_speed.json`` and ``docs/pictures/int8-faces.png``.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.int8 import style_network
from benchmarks.record import record
from benchmarks.start import HERE, arguments_of, folder, is_quick, parser_of
from gancompress.batch import Batch, InputSpec, draw_inputs
from gancompress.exporters.formats import FORMATS
from gancompress.exporters.onnx import run_onnx
from gancompress.exporters.openvino import run_openvino
from gancompress.exporters.program import Exported, Job
from gancompress.generators.build import build
from gancompress.metrics.latency import eager_run, onnx_run, openvino_run, time_pair
from gancompress.metrics.macs import count_macs
from gancompress.report.grid import save_grid
from gancompress.student.file import load_student
from gancompress.supernet import Supernet
from gancompress.teachers.from_file import from_file

RUNTIMES = {"onnx": (onnx_run, run_onnx), "openvino": (openvino_run, run_openvino)}
PICTURED = 8


@dataclass(frozen=True)
class Compared:
    """A teacher, its student, and inputs of both by batches."""

    name: str
    teacher: nn.Module
    student: nn.Module
    inputs: InputSpec
    batches: list[Batch]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="data and weights")
    options = arguments_of(parser)
    torch.set_num_threads(1)
    count, repeats = (8, 3) if options.quick else (32, 30)
    rows = []
    for pair in [*_cifar(count), _style(options.shared, count), _faces(options.shared, count)]:
        rows += [_measured(pair, runtime, repeats) for runtime in RUNTIMES]
    record("int8_speed", rows, inputs=count, repeats=repeats)


def _drawn(inputs: InputSpec, count: int) -> list[Batch]:
    return [draw_inputs(inputs, range(start, start + 4), 0) for start in range(0, count, 4)]


def _cifar(count: int) -> list[Compared]:
    # As StyleGAN2-ADA's program makes it of --cfg=cifar.
    teacher = build("stylegan2", classes=10, resolution=32, mapping_layers=2)
    found = []
    for width in (256, 64):
        student = build("distylegan", width=width).eval()
        found.append(
            Compared(
                f"DiStyleGAN, width {width}",
                teacher.eval(),
                student,
                student.inputs,
                _drawn(student.inputs, count),
            )
        )
    return found


def _style(shared: Path, count: int) -> Compared:
    teacher, inputs, batches = style_network(shared, count)
    supernet = Supernet(teacher, batches[0])
    space, costs = supernet.space, supernet.cost_model
    most = costs.cost(space.largest).macs / 8
    shares = [number / 64 for number in range(64, 0, -1)]
    fitting = (s for s in map(space.uniform, shares) if costs.cost(s).macs <= most)
    student = supernet.extract(next(fitting)).eval()
    return Compared("style, 1/8", teacher, student, inputs, batches)


def _faces(shared: Path, count: int) -> Compared:
    teacher = from_file(shared / "weights" / "faces-dcgan.safetensors")
    student = load_student(HERE / "students" / "faces-1of8.safetensors").module.eval()
    batches = _drawn(teacher.inputs, count)
    return Compared("faces, 1/8", teacher.module, student, teacher.inputs, batches)


def _measured(pair: Compared, runtime: str, repeats: int) -> dict[str, Any]:
    middle = len(pair.batches) // 2
    one = {key: value[:1] for key, value in pair.batches[0].items()}
    with tempfile.TemporaryDirectory() as place:
        form = FORMATS[f"{runtime}-int8"]
        written = form.write(
            Job(
                pair.student,
                pair.inputs,
                Path(place) / f"student{form.ending}",
                calibration=pair.batches[:middle],
                held_out=pair.batches[middle:],
            )
        )
        small = RUNTIMES[runtime][0](written.path, one, threads=1)
        timed = time_pair(eager_run(pair.teacher, one), small, warmup=3, repeats=repeats)
        if pair.name.startswith("faces") and runtime == "openvino":
            _draw(pair, written)
    return {
        "pair": pair.name,
        "runtime": runtime,
        "MACs": " → ".join(
            f"{count_macs(module, one).exact:.3g}" for module in (pair.teacher, pair.student)
        ),
        "× of the teacher in PyTorch": timed.speedup,
        "95 %": f"{timed.low:.1f} to {timed.high:.1f}",
        "PSNR to the student": written.parity.psnr,
    }


def _draw(pair: Compared, written: Exported) -> None:
    small = run_openvino(written.path)
    batch = draw_inputs(pair.inputs, range(1_000, 1_000 + PICTURED), 0)
    with torch.no_grad():
        rows = {"teacher": pair.teacher(**batch), "student": pair.student(**batch)}
    rows["student, 8 bits"] = small(batch)
    place = folder("results") if is_quick() else HERE.parent / "docs" / "pictures"
    save_grid(rows, place / "int8-faces.png")


if __name__ == "__main__":
    main()
