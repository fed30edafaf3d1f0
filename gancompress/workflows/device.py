"""`device`: subnets to be timed on another machine, and what was measured there."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import gancompress as gc
from gancompress import assemble
from gancompress.architecture_search.latency_predictor import subnets_to_time
from gancompress.assemble.devices import (
    DeviceClock,
    check_name,
    keep_device,
    network_id,
    read_results,
)
from gancompress.atomic import replacing, write_json, write_text
from gancompress.batch import example_inputs
from gancompress.content import sha256_of
from gancompress.errors import ExportError
from gancompress.exporters import timer
from gancompress.exporters.formats import FORMATS
from gancompress.progress import progress_bar
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.workflows.export import Samples, samples_of

SCRIPT, MANIFEST = "measure.py", "manifest.json"

#: Formats whose files the script can time.
Timed = Literal["onnx", "onnx-fp16", "onnx-int8", "executorch"]


def pack(recipe: Recipe, run: RunDir, folder: Path, count: int, formats: Sequence[Timed]) -> int:
    """Write subnets of the run's supernet to ``folder``, with a script that times them.

    The manifest is written last, so that a folder with one is whole.

    Args:
        recipe: of the run.
        run: whose supernet is trained.
        folder: is made, or holds an earlier pack.
        count: subnets at most.
        formats: each subnet is written in all of them.

    Returns:
        How many files there are to time.

    Raises:
        ExportError: ``folder`` holds something else, or a format cannot say the network.
        MissingPackageError: a format's extra is not installed; names it.
    """
    _check_folder(folder)
    assemble.prepare(recipe)
    supernet, full = assemble.load_supernet(recipe, run)
    # What is left in float would differ from subnet to subnet, and takes long to find.
    keys = replace(recipe.export, formats=tuple(formats), min_psnr=0.0)
    samples = samples_of(replace(recipe, export=keys), run) or Samples((), ())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    write_text(folder / SCRIPT, Path(timer.__file__).read_text(encoding="utf-8"))
    sample = example_inputs(full.inputs, 1)
    arrays: dict[str, Any] = {name: value.numpy() for name, value in sample.items()}
    with replacing(folder / "inputs.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
    files = []
    subnets = subnets_to_time(supernet.space, supernet.cost_model, count, recipe.seed)
    for number, subnet in enumerate(progress_bar(subnets, desc="subnets")):
        module = supernet.extract(subnet).eval()
        for name in formats:
            form = FORMATS[name]
            given = samples if form.calibrated else Samples((), ())
            written = gc.export(
                module,
                folder / f"{number:03}{form.ending}",
                inputs=full.inputs,
                int8=given.calibration,
                held_out=given.held_out,
                options=keys,
            )
            digest = sha256_of(written.path)
            about = {"subnet": subnet.text, "format": name, "sha256": digest}
            files.append({"file": written.path.name, **about, "bytes": written.size})
    inputs = {n: {"shape": list(a.shape), "dtype": str(a.dtype)} for n, a in arrays.items()}
    about = {"run": run.path.name, "network": network_id(supernet, full), "inputs": inputs}
    write_json(folder / MANIFEST, {**about, "files": files})
    return len(files)


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder}: is a file; name a folder for the pack")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / SCRIPT).is_file():
        raise ExportError(f"{folder}: holds something that is no pack; name an empty folder")


def add(recipe: Recipe, run: RunDir, name: str, results: Path, form: str = "") -> list[str]:
    """Keep what a device took in the run, for searches with ``search.device: NAME``.

    Args:
        recipe: of the run.
        run: whose subnets were timed.
        name: of the device; replaces one of the same name.
        results: the table of times.
        form: the format whose rows count, where the table has several.

    Returns:
        How well its latency can be predicted, in sentences.

    Raises:
        MetricError: the table cannot be used; names the row.
        RunError: ``name`` cannot be one.
    """
    check_name(name)
    supernet, full = assemble.load_supernet(recipe, run)
    device = read_results(results, name, form, supernet, network_id(supernet, full))
    clock = DeviceClock.of(device, supernet)
    keep_device(run, device)
    if recipe.search.device == name:
        run.reopen("search")
    return clock.told
