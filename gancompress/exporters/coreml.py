"""A student as a Core ML package (.mlpackage) for Apple's devices.

Core ML runs on Apple's systems only. Elsewhere the package is checked in its structure, and no
number of it is known.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from gancompress.atomic import replacing_folder
from gancompress.batch import WHOLE, Input, example_inputs
from gancompress.errors import ExportError
from gancompress.exporters.network import as_network, describe
from gancompress.exporters.packages import require
from gancompress.exporters.parity import NOT_RUN
from gancompress.exporters.program import (
    Exported,
    Job,
    first_line,
    frozen_copy,
    quiet,
    refuse_free_size,
    trace_program,
)

OUTPUT = "output"


def export_coreml(job: Job) -> Exported:
    """Write a module as an ML program in 32-bit floats, for one sample of the size of its inputs.

    What is checked before it is written: inputs and output have their names, shapes and types, and
    the package's weights are as many bytes as the module's. It is not run: ``parity.samples`` is 0.

    The package is a folder that ends in .mlpackage.

    Raises:
        TraceError: ``torch.export`` cannot follow the module.
        ExportError: an operator has no form in Core ML, the structure is not the module's, or
            ``dynamic_size`` is asked for.
        MissingPackageError: the ``coreml`` extra is not installed.
    """
    coreml = require("coremltools", "coreml")
    refuse_free_size(job, "Core ML")
    inputs, frozen = job.inputs, frozen_copy(job.module, job.inputs)
    program = trace_program(frozen, inputs, dynamic_batch=False, dynamic_size=False)
    try:
        with quiet():
            model = coreml.convert(
                program.run_decompositions({}),
                outputs=[coreml.TensorType(name=OUTPUT)],
                convert_to="mlprogram",
                minimum_deployment_target=coreml.target.iOS16,
                compute_precision=coreml.precision.FLOAT32,
                skip_model_load=True,
            )
    # The converter raises whatever its translation of one operator ran into.
    except Exception as error:
        raise ExportError(f"no Core ML form: {first_line(error)}; export onnx instead") from error
    example = example_inputs(inputs, 1)
    _check_structure(model, inputs, tuple(as_network(frozen)(example).shape))
    model.user_defined_metadata.update(describe(inputs, job.fingerprint))
    with replacing_folder(job.path) as folder:
        with quiet():
            model.save(str(folder / "made.mlpackage"))
        for entry in (folder / "made.mlpackage").iterdir():
            entry.replace(folder / entry.name)
        (folder / "made.mlpackage").rmdir()
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        _check_weights(frozen, size)
    return Exported(job.path, size, NOT_RUN)


def _check_structure(model: Any, inputs: Mapping[str, Input], output: tuple[int, ...]) -> None:
    description = model.get_spec().description
    found = {entry.name: tuple(entry.type.multiArrayType.shape) for entry in description.input}
    # Core ML has no scalar arrays: a label is N numbers.
    wanted = {name: (1, *entry.shape) for name, entry in inputs.items()}
    if found != wanted:
        raise ExportError(f"Core ML: the package takes {found}, the student {wanted}")
    made = {entry.name: tuple(entry.type.multiArrayType.shape) for entry in description.output}
    if list(made) != [OUTPUT] or made[OUTPUT] not in ((), output):
        raise ExportError(f"Core ML: the package gives {made}, the student {output}")
    whole = [name for name, entry in inputs.items() if entry.kind in WHOLE]
    kinds = {entry.name: entry.type.multiArrayType.dataType for entry in description.input}
    # 131072 (0x20000) + 32: the enumeration's INT32.
    if wrong := [name for name in whole if kinds[name] != 0x20000 + 32]:
        raise ExportError(f"Core ML: the package takes {', '.join(wrong)} not as whole numbers")


def _check_weights(module: nn.Module, size: int) -> None:
    held = sum(p.numel() * p.element_size() for p in module.parameters())
    # Small tensors stand in the program itself, which is a few kilobytes.
    if size < held:
        raise ExportError(f"Core ML: the package has {size:,} bytes, its weights alone {held:,}")
