"""A student as a ``torch.export`` program: what every format is made from."""

import copy
import inspect
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from gancompress.batch import Batch, Input, example_inputs
from gancompress.errors import ExportError, TraceError
from gancompress.exporters.parity import Parity, sample_batches
from gancompress.student.file import Architecture

IMAGE_KINDS = ("image", "label_map")

# Batch size of the traced example: torch.export takes sizes 0 and 1 for constants.
EXAMPLE_SIZE = 2


@dataclass(frozen=True)
class Exported:
    """A file or folder that was written, and how closely it agrees with what it was made from.

    Attributes:
        path: of the file; of the .xml for OpenVINO.
        size: bytes of all that is needed to run it.
        parity: measured before it was written; of 0 samples where no runtime could run it.
    """

    path: Path
    size: int
    parity: Parity


@dataclass(frozen=True)
class Job:
    """A generator to be written to a file.

    Attributes:
        module: is neither changed nor moved.
        inputs: the keyword arguments of its ``forward``.
        path: of the file; replaced at once or not at all.
        architecture: how the generator was built; without a factory where that is not known.
        fingerprint: of the student, so that the file can be told to be made from it.
        dynamic_batch: accept any number of samples; otherwise exactly one.
        dynamic_size: accept images and label maps of any height and width.
        tolerance: largest difference of exact formats, as a share of the output range.
        batches: further inputs to compare on, such as real images.
        calibration: inputs to take the ranges of 8-bit integers from.
        held_out: other inputs, on which the difference of inexact formats is measured.
        min_psnr: of 8-bit integers, in dB; 0: whatever comes out.
    """

    module: nn.Module
    inputs: Mapping[str, Input]
    path: Path
    _: KW_ONLY
    architecture: Architecture = field(default_factory=lambda: Architecture(""))
    fingerprint: str = ""
    dynamic_batch: bool = True
    dynamic_size: bool = False
    tolerance: float = 1e-4
    batches: Sequence[Batch] = ()
    calibration: Sequence[Batch] = ()
    held_out: Sequence[Batch] = ()
    min_psnr: float = 0.0

    @property
    def free(self) -> dict[str, bool]:
        """Which sizes are free."""
        return {"dynamic_batch": self.dynamic_batch, "dynamic_size": self.dynamic_size}


def frozen_copy(module: nn.Module, inputs: Mapping[str, Input]) -> nn.Module:
    """A copy of ``module`` on the CPU, in evaluation mode, without gradients.

    Its ``forward`` names the ``inputs`` one by one, even where that of ``module`` is
    ``forward(**inputs)``, for which torch.export makes programs that it cannot run.
    """
    try:
        copied = copy.deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise TraceError(
            f"{type(module).__name__}: cannot be copied ({error}); "
            "remove weight normalisation and other hooks before exporting"
        ) from error
    kinds = {parameter.kind for parameter in inspect.signature(copied.forward).parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        copied.forward = _with_named_inputs(copied.forward, inputs)
    return copied.cpu().eval().requires_grad_(False)


def refuse_free_size(job: Job, runtime: str) -> None:
    """Refuse ``dynamic_size`` to a format that fixes the size of its inputs.

    Raises:
        ExportError: it is asked for.
    """
    if job.dynamic_size:
        raise ExportError(
            f"dynamic_size: {runtime} programs are written for one size of their inputs; leave it "
            "off for them, or export onnx, pt2 or openvino"
        )


def trace_program(
    module: nn.Module,
    inputs: Mapping[str, Input],
    *,
    dynamic_batch: bool,
    dynamic_size: bool,
) -> ExportedProgram:
    """Follow ``module`` with ``torch.export``.

    Args:
        module: frozen, on the CPU (see :func:`frozen_copy`).
        inputs: the keyword arguments of its ``forward``.
        dynamic_batch: accept any number of samples; otherwise exactly one.
        dynamic_size: accept images and label maps of any height and width.

    Raises:
        TraceError: the module cannot be followed, or fixes a dimension that should be free.
    """
    example = example_inputs(inputs, EXAMPLE_SIZE if dynamic_batch else 1)
    try:
        with quiet():
            return torch.export.export(
                module,
                (),
                example,
                dynamic_shapes=_dynamic_shapes(inputs, dynamic_batch, dynamic_size),
                strict=False,
            )
    # Whatever a module of a third party raises is the reason why it cannot be followed.
    except Exception as error:
        raise TraceError(f"{type(module).__name__}: {_reason(error)}") from error


def parity_batches(
    module: nn.Module, inputs: Mapping[str, Input], *, dynamic_batch: bool, dynamic_size: bool
) -> list[Batch]:
    """Batches that try out every size which an export promises to accept.

    Raises:
        TraceError: with ``dynamic_size``, where the module itself accepts one image size only.
    """
    batches = sample_batches(inputs, (1, 2, 5) if dynamic_batch else (1, 1, 1))
    if dynamic_size:
        taller = {name: _twice_as_tall(entry) for name, entry in inputs.items()}
        other = example_inputs(taller, 1)
        try:
            with torch.no_grad():
                module(**other)
        except Exception as error:
            shapes = ", ".join(f"{name} {entry.shape}" for name, entry in taller.items())
            raise TraceError(
                f"{type(module).__name__}: refuses inputs of another size ({shapes}): "
                f"{first_line(error)}; export it with dynamic_size=False"
            ) from error
        batches.append(other)
    return batches


@contextmanager
def quiet() -> Iterator[None]:
    """Silence an exporter: its prints, progress, log lines and deprecation warnings."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _with_named_inputs(
    forward: Callable[..., Tensor], inputs: Mapping[str, Input]
) -> Callable[..., Tensor]:
    def named(**batch: Tensor) -> Tensor:
        return forward(**batch)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in inputs]
    )
    return named


def _dynamic_shapes(
    inputs: Mapping[str, Input], dynamic_batch: bool, dynamic_size: bool
) -> dict[str, dict[int, object]]:
    shapes: dict[str, dict[int, object]] = {}
    for name, entry in inputs.items():
        free = {0} if dynamic_batch else set()
        if dynamic_size and entry.kind in IMAGE_KINDS:
            free |= {2, 3}
        shapes[name] = dict.fromkeys(sorted(free), Dim.DYNAMIC)
    return shapes


def _twice_as_tall(entry: Input) -> Input:
    if entry.kind not in IMAGE_KINDS:
        return entry
    channels, height, width = entry.shape
    return Input(entry.kind, (channels, 2 * height, width), entry.low, entry.high)


def _reason(error: Exception) -> str:
    """The one line a user needs out of the pages that torch.export writes."""
    fixed = re.search(
        r"L\['(\w+)'\]\.size\(\)\[(\d)\] as dynamic but your code specialized.*?\((\d+)\)",
        str(error),
    )
    if fixed is None:
        return f"torch.export cannot follow it: {first_line(error)}"
    name, dimension, size = fixed.groups()
    option = "dynamic_batch=False" if dimension == "0" else "dynamic_size=False"
    return (
        f"its code fixes dimension {dimension} of input {name} to {size}; "
        f"read the size from the tensor there, or export it with {option}"
    )


def first_line(error: Exception) -> str:
    """The first line of a message that is not empty; the error's class where there is none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
