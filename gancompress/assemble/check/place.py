"""Whether the machine has what a recipe needs: device, packages, storage, room on the disk."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from gancompress.architecture_search.storage import check_storage
from gancompress.assemble.check.findings import Findings
from gancompress.assemble.check.teacher import Known
from gancompress.assemble.logs import check_trackers
from gancompress.batch import WHOLE
from gancompress.data.outputs import stored_form
from gancompress.errors import MissingPackageError, RecipeError, RunError
from gancompress.recipe.schema import Recipe
from gancompress.training.optimise import check_device

# Packages by what a recipe names, and the extra of this package that brings them.
_ONNX = ("onnx", "onnxscript", "onnxruntime")
PACKAGES: dict[str, tuple[tuple[str, ...], str]] = {
    "onnx": (_ONNX, "onnx"),
    "onnx-fp16": (_ONNX, "onnx"),
    "onnx-int8": (_ONNX, "onnx"),
    "openvino": ((*_ONNX, "openvino"), "openvino"),
    "openvino-int8": ((*_ONNX, "openvino", "nncf"), "openvino"),
    "executorch": (("executorch",), "executorch"),
    "coreml": (("coremltools",), "coreml"),
    "onnxruntime": (_ONNX, "onnx"),
}


def check_machine(recipe: Recipe, found: Findings) -> None:
    """Device, precision, optional packages, and the storage of a shared search."""
    with found.noting("device"):
        check_device(recipe.device, recipe.precision)
    with found.noting("track"):
        check_trackers(recipe.track)
    for name in recipe.export.formats:
        _check_packages("export.formats", name, found)
    if recipe.search.latency_budget and not recipe.search.device:
        _check_packages("search.runtime", recipe.search.runtime, found)
    if recipe.search.storage:
        with found.noting("search.storage"):
            check_storage(recipe.search.storage)


def _check_packages(place: str, name: str, found: Findings) -> None:
    packages, extra = PACKAGES.get(name, ((), ""))
    missing = [package for package in packages if find_spec(package) is None]
    with found.noting(place):
        if missing:
            raise MissingPackageError(
                f"{place}: {name}: {', '.join(missing)} not installed: "
                f'pip install "gancompress[{extra}]"'
            )


def pair_bytes(recipe: Recipe, teacher: Known) -> int:
    """Bytes on disk of one recorded pair; 0 where nothing is recorded or its size is not known."""
    if not recipe.records or teacher.output is None:
        return 0
    count = 1
    for length in teacher.output:
        count *= length
    total = count if stored_form((1, *teacher.output)) == "uint8" else 4 * count
    for entry in teacher.inputs.values():
        length = 1
        for part in entry.shape:
            length *= part
        if entry.choices or entry.kind in WHOLE:
            count = entry.choices or entry.classes
            total += (1 if count <= 256 else 4) * (length if entry.kind in WHOLE else 1)
        elif entry.kind == "label_map":
            total += -(-entry.shape[0] // 8) * (length // entry.shape[0])
        elif entry.kind == "image":
            total += length
        else:
            total += length * (2 if recipe.collect.half else 4)
    return total


def check_disk(recipe: Recipe, needed: int, folder: Path, found: Findings) -> None:
    """Whether ``needed`` bytes fit where the run will be, and whether it may be made there."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    with found.noting("disk"):
        if not place.is_dir():
            raise RunError(f"disk: {place}: is no folder; give another --root or --run")
        if not os.access(place, os.W_OK):
            raise RunError(f"disk: {place}: may not be written to; give another --root or --run")
        free = shutil.disk_usage(place).free
        if needed > free:
            raise RecipeError(
                f"disk: {place}: {free / 1e9:.3g} GB free, but pairs and checkpoints take "
                f"{needed / 1e9:.3g} GB; lower collect.count ({recipe.collect.count}), write "
                "collect.store: false, or give another --root"
            )
