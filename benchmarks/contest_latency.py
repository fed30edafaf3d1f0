"""How fast the students of :mod:`benchmarks.contest` are, in PyTorch, ONNX Runtime and 8 bits.

    python -m benchmarks.contest_latency faces vintage anime [--share 1/8]

Students of seed 0 that ``benchmarks.contest`` left in ``runs/contest``; batch 1, one thread, each
in turns with the teacher in PyTorch. Columns: milliseconds in PyTorch, then how many times as fast
as the teacher in PyTorch each runtime is. INT8: per channel, calibrated by the inputs solved on;
its PSNR is to the student. Writes ``benchmarks/results/contest_latency.json``.
"""

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.contest import SETTINGS, kept_in, sized
from benchmarks.flagships import FLAGSHIPS, Flagship
from benchmarks.record import record
from benchmarks.start import arguments_of, is_quick, parser_of
from gancompress.errors import GancompressError
from gancompress.exporters.formats import FORMATS
from gancompress.exporters.program import Job
from gancompress.metrics.latency import Run, eager_run, onnx_run, time_pair


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("flagships", nargs="*", default=["faces"], metavar="FLAGSHIP")
    parser.add_argument("--share", default="", help="of the teacher's MACs")
    options = arguments_of(parser)
    torch.set_num_threads(1)
    rows = []
    for name in options.flagships:
        what = FLAGSHIPS[name]()
        share = (options.share or SETTINGS[name].share).replace("/", "-")
        kept = {
            path.stem.removesuffix("-0"): torch.load(path, weights_only=False).eval()
            for path in sorted((kept_in() / name / share).glob("*-0.pt"))
        }
        # Without a contest before it, as under --quick, the teacher stands in for its students.
        for way, module in (kept or {"teacher": what.teacher.module}).items():
            rows.append({"flagship": name, "share": share, "way": way, **timed(name, what, module)})
            print(rows[-1], flush=True)
    record("contest_latency", rows)


def timed(name: str, what: Flagship, module: nn.Module) -> dict[str, Any]:
    """One student beside the teacher."""
    assert what.teacher.module is not None
    side = SETTINGS[name].side
    inputs = sized(what.teacher, side) if side else dict(what.teacher.inputs)
    one = {name: value[:1] for name, value in what.unseen[0].items()}
    teacher = eager_run(what.teacher.module, one)

    def beside(run: Run) -> Any:
        return time_pair(teacher, run, warmup=2, repeats=3 if is_quick() else 20)

    eager = beside(eager_run(module, one))
    row = {"ms": round(1e3 * eager.second.median, 3), "× eager": eager.speedup}
    with tempfile.TemporaryDirectory() as folder:
        for form in ("onnx", "onnx-int8"):
            job = Job(module, inputs, Path(folder) / f"{form}.onnx",
                      calibration=what.solved[:4], held_out=what.chosen[:2])  # fmt: skip
            try:
                written = FORMATS[form].write(job)
            except GancompressError as error:
                row[f"× {form}"] = str(error).splitlines()[0]
                continue
            row[f"× {form}"] = beside(onnx_run(written.path, one, threads=1)).speedup
            row["PSNR of INT8, dB"] = written.parity.psnr
    return row


if __name__ == "__main__":
    main()
