"""`export`: the student in the formats that runtimes read, each checked against the student."""

from dataclasses import dataclass

from torch import nn

from gancompress import assemble
from gancompress.batch import InputSpec
from gancompress.exporters.onnx import export_onnx
from gancompress.exporters.openvino import export_openvino
from gancompress.exporters.torch_export import export_pt2
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir

EXPORTERS = {
    "onnx": (export_onnx, ".onnx"),
    "pt2": (export_pt2, ".pt2"),
    "openvino": (export_openvino, ".xml"),
}


@dataclass(frozen=True)
class Network:
    """A generator that can be exported: a module, its inputs, and a name for its weights."""

    module: nn.Module
    inputs: InputSpec
    fingerprint: str


def export(recipe: Recipe, run: RunDir) -> None:
    """Write ``run/student.safetensors`` in every format of the recipe into ``run/export``."""
    student = assemble.read_student(
        run.path / "student.safetensors", assemble.student_factory(recipe)
    )
    network = Network(student.module, student.inputs, student.fingerprint)
    facts: dict[str, object] = {}
    for name in recipe.export.formats:
        facts[name] = export_network(network, name, run, "student")
    run.complete("export", facts)


def export_network(network: Network, name: str, run: RunDir, title: str) -> dict[str, object]:
    """Write one network in one format; returns where it is and how exactly it agrees."""
    write, suffix = EXPORTERS[name]
    path = run.path / "export" / f"{title}{suffix}"
    path.parent.mkdir(exist_ok=True)
    written = write(network.module, network.inputs, path, fingerprint=network.fingerprint)
    return {
        "file": str(path.relative_to(run.path)),
        "bytes": path.stat().st_size,
        "max_difference": written.parity.max_abs,
        "samples_compared": written.parity.samples,
    }
