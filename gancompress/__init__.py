"""Make any generator small: distil, search, prove, export.

What is listed in ``__all__`` is the public API. It is loaded when it is first used, so that
``import gancompress`` and ``gancompress --help`` do not wait for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gancompress.api.channels import sort_channels
    from gancompress.api.collect import collect
    from gancompress.api.compress import Compressed, CompressOptions, compress
    from gancompress.api.distill import DistillSettings, distill
    from gancompress.api.evaluate import evaluate
    from gancompress.api.export import export, load_exported
    from gancompress.api.files import load, save
    from gancompress.api.finetune import Finetuned, finetune
    from gancompress.api.scoring import SearchSettings
    from gancompress.api.search import Chosen, SearchResult, search
    from gancompress.api.shrink import ShrinkOptions, Shrunk, shrink
    from gancompress.api.teacher import Teacher, load_teacher
    from gancompress.architecture_search.options import EvaluatorOptions, SearchOptions
    from gancompress.batch import Batch, Input, InputSpec, example_inputs
    from gancompress.data.memory import MemoryPairs
    from gancompress.data.options import CollectOptions
    from gancompress.distillation.options import (
        DiscriminatorOptions,
        DistillOptions,
        FinetuneOptions,
        TermOptions,
    )
    from gancompress.distillation.terms.term import LossInputs, LossTerm
    from gancompress.errors import GancompressError
    from gancompress.exporters.options import ExportOptions
    from gancompress.metrics.options import EvaluationOptions
    from gancompress.metrics.path_length import path_length
    from gancompress.metrics.segmentation import SegmentationScores, segmentation_scores
    from gancompress.reconstruction import Gathered, LayerFit, gather, reconstruct
    from gancompress.student.file import Architecture, Student, load_student, save_student
    from gancompress.supernet import Cost, SearchSpace, Subnet, Supernet
    from gancompress.teachers.remote import Exchange, RemoteTeacher

    __version__: str

# Where each public name is defined.
_PLACES = {
    "Architecture": "gancompress.student.file",
    "Batch": "gancompress.batch",
    "Chosen": "gancompress.api.search",
    "CollectOptions": "gancompress.data.options",
    "CompressOptions": "gancompress.api.compress",
    "Compressed": "gancompress.api.compress",
    "Cost": "gancompress.supernet",
    "DiscriminatorOptions": "gancompress.distillation.options",
    "DistillOptions": "gancompress.distillation.options",
    "DistillSettings": "gancompress.api.distill",
    "EvaluationOptions": "gancompress.metrics.options",
    "EvaluatorOptions": "gancompress.architecture_search.options",
    "Exchange": "gancompress.teachers.remote",
    "ExportOptions": "gancompress.exporters.options",
    "FinetuneOptions": "gancompress.distillation.options",
    "Finetuned": "gancompress.api.finetune",
    "GancompressError": "gancompress.errors",
    "Gathered": "gancompress.reconstruction",
    "Input": "gancompress.batch",
    "InputSpec": "gancompress.batch",
    "LayerFit": "gancompress.reconstruction",
    "LossInputs": "gancompress.distillation.terms.term",
    "LossTerm": "gancompress.distillation.terms.term",
    "MemoryPairs": "gancompress.data.memory",
    "RemoteTeacher": "gancompress.teachers.remote",
    "SearchOptions": "gancompress.architecture_search.options",
    "SearchResult": "gancompress.api.search",
    "SearchSettings": "gancompress.api.scoring",
    "SearchSpace": "gancompress.supernet",
    "SegmentationScores": "gancompress.metrics.segmentation",
    "ShrinkOptions": "gancompress.api.shrink",
    "Shrunk": "gancompress.api.shrink",
    "Student": "gancompress.student.file",
    "Subnet": "gancompress.supernet",
    "Supernet": "gancompress.supernet",
    "Teacher": "gancompress.api.teacher",
    "TermOptions": "gancompress.distillation.options",
    "collect": "gancompress.api.collect",
    "compress": "gancompress.api.compress",
    "distill": "gancompress.api.distill",
    "evaluate": "gancompress.api.evaluate",
    "example_inputs": "gancompress.batch",
    "export": "gancompress.api.export",
    "finetune": "gancompress.api.finetune",
    "gather": "gancompress.reconstruction",
    "load": "gancompress.api.files",
    "load_exported": "gancompress.api.export",
    "load_student": "gancompress.student.file",
    "load_teacher": "gancompress.api.teacher",
    "path_length": "gancompress.metrics.path_length",
    "reconstruct": "gancompress.reconstruction",
    "save": "gancompress.api.files",
    "save_student": "gancompress.student.file",
    "search": "gancompress.api.search",
    "shrink": "gancompress.api.shrink",
    "segmentation_scores": "gancompress.metrics.segmentation",
    "sort_channels": "gancompress.api.channels",
}

__all__ = [
    "Architecture",
    "Batch",
    "Chosen",
    "CollectOptions",
    "CompressOptions",
    "Compressed",
    "Cost",
    "DiscriminatorOptions",
    "DistillOptions",
    "DistillSettings",
    "EvaluationOptions",
    "EvaluatorOptions",
    "Exchange",
    "ExportOptions",
    "FinetuneOptions",
    "Finetuned",
    "GancompressError",
    "Gathered",
    "Input",
    "InputSpec",
    "LayerFit",
    "LossInputs",
    "LossTerm",
    "MemoryPairs",
    "RemoteTeacher",
    "SearchOptions",
    "SearchResult",
    "SearchSettings",
    "SearchSpace",
    "SegmentationScores",
    "ShrinkOptions",
    "Shrunk",
    "Student",
    "Subnet",
    "Supernet",
    "Teacher",
    "TermOptions",
    "__version__",
    "collect",
    "compress",
    "distill",
    "evaluate",
    "example_inputs",
    "export",
    "finetune",
    "gather",
    "load",
    "load_exported",
    "load_student",
    "load_teacher",
    "path_length",
    "reconstruct",
    "save",
    "save_student",
    "search",
    "segmentation_scores",
    "shrink",
    "sort_channels",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in _PLACES:
        value = getattr(import_module(_PLACES[name]), name)
    else:
        raise AttributeError(f"module 'gancompress' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("gancompress")
    except PackageNotFoundError:  # a checkout that was never installed
        return "0"
