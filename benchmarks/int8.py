"""What 8-bit integers cost in quality and save in time, for published networks.

    python -m benchmarks.int8 --shared ../shared [--quick]

Networks: the style-transfer network of ``recipes/style.yaml`` at 128×128 on photographs,
the face DCGAN at 64×64. Half of the inputs calibrate, the other half is measured on. Times:
batch 1, one thread, the 8-bit file
in turns with the 32-bit one of the same runtime. Writes ``benchmarks/results/int8.json``.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.batch import Batch, Input, InputSpec, draw_inputs, in_range
from gancompress.data.images import to_float
from gancompress.data.paired import open_side_by_side
from gancompress.exporters.float_layers import Quantized
from gancompress.exporters.formats import FORMATS
from gancompress.exporters.program import Job
from gancompress.generators.build import build
from gancompress.generators.signed import signed
from gancompress.metrics.latency import eager_run, onnx_run, openvino_run, time_pair
from gancompress.teachers.from_file import from_file

STYLE = str(Path(__file__).parents[1] / "examples" / "style_wave.py:build")

# Name of a row: format, least PSNR asked for.
ROWS = {
    "onnx-int8, every layer": ("onnx-int8", 0.0),
    "onnx-int8, 36 dB": ("onnx-int8", 36.0),
    "onnx-int8, 42 dB": ("onnx-int8", 42.0),
    "openvino-int8": ("openvino-int8", 0.0),
    "openvino-int8, 36 dB": ("openvino-int8", 36.0),
}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="data and weights")
    options = arguments_of(parser)
    torch.set_num_threads(1)
    count, repeats = (8, 3) if options.quick else (48, 30)
    rows = []
    for name, (module, inputs, batches) in _networks(options.shared, count).items():
        rows += _measured(name, module, inputs, batches, repeats)
    record("int8", rows, inputs=count, repeats=repeats)


def _networks(shared: Path, count: int) -> dict[str, tuple[nn.Module, InputSpec, list[Batch]]]:
    teacher = from_file(shared / "weights" / "faces-dcgan.safetensors")
    faces = [draw_inputs(teacher.inputs, range(s, s + 4), 0) for s in range(0, count, 4)]
    return {"style": style_network(shared, count), "faces": (teacher.module, teacher.inputs, faces)}


def style_network(shared: Path, count: int) -> tuple[nn.Module, InputSpec, list[Batch]]:
    """The style-transfer network with published weights, and photographs in batches of 4."""
    from safetensors.torch import load_file

    inputs = {"image": Input("image", (3, 128, 128), 0, 255)}
    module = build(STYLE)
    module.load_state_dict(load_file(shared / "weights" / "style-wave.safetensors"))
    archive = shared / "data" / "facades-train.zip"
    pairs = open_side_by_side(archive, direction="AtoB", resolution=(128, 128))
    photos = in_range(to_float(pairs.inputs.batch(range(count))), inputs["image"])
    batches = [{"image": photos[start : start + 4]} for start in range(0, count, 4)]
    return signed(module, (0, 255)).eval(), inputs, batches


def _measured(
    name: str, module: nn.Module, inputs: InputSpec, batches: Sequence[Batch], repeats: int
) -> list[dict[str, Any]]:
    middle = len(batches) // 2
    one = {key: value[:1] for key, value in batches[0].items()}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for title, (form, least) in ROWS.items():
            runtime = form.removesuffix("-int8")
            path = Path(folder) / f"{name}{FORMATS[form].ending}"
            job = Job(module, inputs, path, calibration=batches[:middle],
                      held_out=batches[middle:], min_psnr=least)  # fmt: skip
            exact = Job(module, inputs, Path(folder) / f"{name}-32{FORMATS[runtime].ending}")
            written, reference = FORMATS[form].write(job), FORMATS[runtime].write(exact)
            run = onnx_run if runtime == "onnx" else openvino_run
            small, full = (run(w.path, one, threads=1) for w in (written, reference))
            inside = time_pair(full, small, warmup=3, repeats=repeats)
            eager = time_pair(eager_run(module, one), small, warmup=3, repeats=repeats)
            rows.append({
                "network": name, "format": title, "psnr": written.parity.psnr,
                "bytes": f"{reference.size} → {written.size}",
                "layers in float": len(written.kept) if isinstance(written, Quantized) else "",
                "× of 32 bits in the runtime": inside.speedup,
                "× of PyTorch": eager.speedup,
            })  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
