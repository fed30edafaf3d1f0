"""The student: a plain module, its inputs and how it was built; and the one file that holds it.

A student file is safetensors. Its tensors are all parameters and buffers under the module's own
names; its metadata holds one JSON text under ``gancompress``: the factory that builds the
architecture at full width, and what sets the student apart from it. Nothing in it is pickled.
Where no factory is known, every plain attribute is kept, and whoever reads the file gives one.
"""

import copy
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from gancompress.atomic import replacing
from gancompress.batch import InputSpec, spec_to_json
from gancompress.errors import DataError, TeacherError, UnsafeFileError
from gancompress.generators.adapted import adapted, has_lists
from gancompress.generators.build import build, complete
from gancompress.generators.signed import RANGE, signed
from gancompress.options import check_given, check_image_range
from gancompress.student import claims, refit
from gancompress.student.finite import check_finite
from gancompress.student.separable import Norm, separate
from gancompress.supernet.skip import put_skips, skips_of

#: What builds a module at full width: a name as in a recipe, a callable without arguments, or such
#: a module itself, which is copied.
Factory = str | Callable[[], nn.Module] | nn.Module


@dataclass(frozen=True)
class Architecture:
    """How a module is built at full width.

    Attributes:
        factory: a built-in name, ``"module:attr"`` or ``"file.py:attr"``; empty where it is not
            known.
        kwargs: its keyword arguments; plain data (JSON).
        separable: name patterns of the convolutions to replace, see
            :func:`gancompress.student.separable.separate`.
        separable_norm: between depthwise and pointwise.
        output_range: black and white of what the factory's module answers; the module that is built
            answers in [-1, 1].
        output: which of the tensors that the factory's module returns is its answer, see
            :mod:`gancompress.generators.adapted`; empty where it returns one.
        lists: whether the factory's module takes lists of tensors.
    """

    factory: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    separable: tuple[str, ...] = ()
    separable_norm: Norm = "none"
    output_range: tuple[float, float] = RANGE
    output: str = ""
    lists: bool = False

    def __post_init__(self) -> None:
        check_image_range(self.output_range, "architecture: output_range")

    def build(self) -> nn.Module:
        """The module at full width, freshly initialised."""
        module = build(self.factory, **self.kwargs)
        if self.separable:
            separate(module, self.separable, norm=self.separable_norm)
        return self.around(module)

    def around(self, module: nn.Module) -> nn.Module:
        """What the factory builds, as it is called here: fed lists, one output, in [-1, 1]."""
        own = getattr(module, "inputs", None)
        lists = self.lists or (isinstance(own, Mapping) and has_lists(own))
        return signed(adapted(module, self.output, lists=lists), self.output_range)


@dataclass(frozen=True)
class Student:
    """A compressed generator that stands alone.

    Attributes:
        module: a plain module, called with the inputs as keyword arguments.
        inputs: what it is fed.
        architecture: how the network that it was cut from is built.
        provenance: where it comes from, plain data: teacher, subnet, scores.
    """

    module: nn.Module
    inputs: InputSpec
    architecture: Architecture
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of architecture, inputs and every tensor, but not of provenance."""
        digest = hashlib.sha256(_dumps(_identity(self), "architecture").encode())
        for name, tensor in sorted(refit.tensors(self.module).items()):
            value = tensor.detach().cpu().contiguous()
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()


def save_student(student: Student, path: str | os.PathLike[str], *, half: bool = False) -> None:
    """Write ``student`` to one safetensors file, replacing what was there.

    Args:
        student: what is kept.
        path: of the file.
        half: round 32-bit numbers to 16 bits, to be widened again when the file is read.

    Raises:
        OptionError: ``student`` is none.
        TeacherError: the module is not what its architecture builds, widths apart, or holds numbers
            that are not finite, be it in 16 bits.
        DataError: the factory's arguments or the provenance are not plain data.
    """
    check_given(student, Student, "save_student: student", "a gc.Student; gc.save takes modules")
    description = {
        "format": claims.FORMAT,
        **_identity(student),
        **differences(student),
        "provenance": dict(student.provenance),
        **({"half": True} if half else {}),
    }
    tensors = {
        # A copy, because slices that share memory cannot be told apart in the file.
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in refit.tensors(student.module).items()
    }
    buffers = dict(student.module.named_buffers())
    check_finite(tensors, "save_student", buffers, "train it anew, from before it diverged")
    if half:
        tensors = claims.converted(tensors, torch.float32, torch.float16)
        check_finite(tensors, "save_student: in 16 bits", buffers, "keep it in 32: half=False")
    metadata = {"gancompress": _dumps(description, "provenance")}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)
        # safetensors leaves a file that only its owner may read.
        temporary.chmod(0o644)


def load_student(path: str | os.PathLike[str], *, factory: Factory | None = None) -> Student:
    """Read a student, in eval mode, on the CPU.

    Args:
        path: written by :func:`save_student`.
        factory: what to build with: a name, which gets the arguments that the file holds, or a
            callable without arguments, or a module at full width, which is copied. Only built-in
            factories run without it: a file must not decide what code is run.

    Raises:
        TeacherError: the file is missing, damaged, not a student, or does not fit its factory; it
            holds numbers that are not finite; or it names no factory, and none was given.
        UnsafeFileError: the factory is not built in, and was not given.
    """
    description, tensors = claims.read(Path(path))
    architecture = Architecture(
        factory=description["factory"],
        kwargs=description["kwargs"],
        separable=tuple(description["separable"]),
        separable_norm=description["separable_norm"],
        output_range=tuple(description.get("output_range", RANGE)),
        output=description.get("output", ""),
        lists=description.get("lists", False),
    )
    make = architecture.build
    if isinstance(factory, str):
        architecture = replace(architecture, factory=factory)
        make = architecture.build
    elif factory is not None:
        make = _maker(factory)
    elif not architecture.factory:
        raise TeacherError(
            f"{path}: holds a {description.get('class', 'module')}, and does not say what builds "
            "one; give that: factory=, a callable without arguments or a module of full width"
        )
    elif ":" in architecture.factory:
        raise UnsafeFileError(
            f"{path}: building this student runs {architecture.factory!r}, which is not built in; "
            f"if you trust it, name it yourself: factory={architecture.factory!r}"
        )
    try:
        inputs = claims.inputs_of(description)
    except DataError as error:
        raise TeacherError(f"{path}: damaged student description: {error}") from error
    module = _rebuild(make, description, tensors, path)
    check_finite(refit.tensors(module), str(path), dict(module.named_buffers()))
    return Student(module.eval(), inputs, architecture, description["provenance"])


def _build(make: Callable[[], nn.Module]) -> nn.Module:
    # Built on the CPU rather than the meta device: constructors that compute with tensors, and
    # tensors that are neither parameters nor buffers, keep their values.
    with torch.random.fork_rng(devices=[]):
        return make()


def _maker(factory: Callable[[], nn.Module] | nn.Module) -> Callable[[], nn.Module]:
    if isinstance(factory, nn.Module):
        return lambda: copy.deepcopy(factory).cpu()
    return factory


def differences(student: Student) -> dict[str, Any]:
    """What is kept of the module beside its tensors: all that its factory does not do like that.

    Raises:
        TeacherError: the module is not what its architecture builds, widths apart.
    """
    skips = skips_of(student.module)
    beside: dict[str, Any] = {"tied": refit.tied_names(student.module)}
    beside |= {"skipped": skips} if skips else {}
    if not student.architecture.factory:
        return {"attributes": refit.plain_attributes(student.module), **beside}
    full = _build(student.architecture.build)
    put_skips(full, skips)
    if differing := refit.structural_differences(student.module, full):
        raise TeacherError(
            f"student: its module is not what {student.architecture.factory!r} builds: "
            f"{_some(differing)} differ; give the factory and arguments that made the module"
        )
    attributes = refit.changed_attributes(student.module, full)
    dropped = refit.dropped_names(student.module, full)
    return {"attributes": attributes, **({"dropped": dropped} if dropped else {}), **beside}


def _rebuild(
    make: Callable[[], nn.Module],
    description: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    path: str | os.PathLike[str],
) -> nn.Module:
    name = description["factory"] or "the factory given"
    tied = description["tied"]

    def built() -> nn.Module:
        made = _build(make)
        refit.drop(made, description.get("dropped", []))
        put_skips(made, description.get("skipped", {}))
        return made

    try:
        with claims.bounded(tensors):
            light = claims.rehearsed(built)
            # Memory is taken for what fits only.
            if light is None or not refit.unfitting_tensors(light, tensors, tied):
                module = built()
            else:
                module = light
    except Exception as error:  # a factory may fail in any way
        raise TeacherError(
            f"{path}: the student's architecture cannot be built: {error}. Install what defines "
            f"{name}, or give another factory that builds it"
        ) from error
    unfitting = refit.unfitting_tensors(module, tensors, tied)
    unfitting += description["attributes"].keys() - {name for name, _ in module.named_modules()}
    if unfitting:
        raise TeacherError(
            f"{path}: the student does not fit what {name} builds: "
            f"{_some(unfitting)} differ; use the version of it that the student was cut from"
        )
    try:
        refit.set_attributes(module, description["attributes"])
        refit.set_tensors(module, tensors, tied)
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise TeacherError(f"{path}: damaged student description: {error}") from error
    return module


def _identity(student: Student) -> dict[str, Any]:
    architecture = student.architecture
    identity: dict[str, Any] = {
        "factory": architecture.factory,
        "kwargs": complete(architecture.factory, architecture.kwargs),
        "separable": list(architecture.separable),
        "separable_norm": architecture.separable_norm,
        "inputs": spec_to_json(student.inputs),
    }
    # Named where they matter only: most files, and their fingerprints, do without them.
    if not architecture.factory:
        identity["class"] = type(student.module).__qualname__
    if architecture.output_range != RANGE:
        identity["output_range"] = list(architecture.output_range)
    if architecture.output:
        identity["output"] = architecture.output
    if architecture.lists:
        identity["lists"] = True
    return identity


def _dumps(value: Any, what: str) -> str:
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"student: its factory arguments and {what} must be plain data (numbers, texts, "
            f"lists, mappings): {error}"
        ) from error


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
