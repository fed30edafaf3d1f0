"""What a reader makes of a file against the program that wrote it, run here on the same inputs.

FOLDER holds checkouts of the publishers' programs, under the names in `programs_*.py`. Each program
builds its network with random weights and statistics, writes it as its training does, and answers;
the file is read without any setting that its tensors show, and what comes out answers the same
inputs. The programs are run: trust them first. SPADE's wants the folder `sync_batchnorm` that its
README names. Without FOLDER those are compared that are installed.

    python -m benchmarks.publishers [FOLDER] [--only NAME] [--quick]
"""

import io
import logging
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from benchmarks.program import Program
from benchmarks.programs_synthesis import SYNTHESIS
from benchmarks.programs_translation import TRANSLATION
from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.batch import example_inputs
from gancompress.teachers.from_file import from_file, read_network

PROGRAMS = {**SYNTHESIS, **TRANSLATION}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="of checkouts")
    parser.add_argument("--only", choices=PROGRAMS, help="one program alone")
    options = arguments_of(parser)
    logging.disable()  # what is assumed of each file
    rows = []
    for name, program in PROGRAMS.items():
        if options.only not in (None, name) or (program.folder and options.folder is None):
            continue
        path = options.folder / program.folder if program.folder else None
        rows.append({"program": name, **compared(program, path), "commit": commit(path)})
    record("publishers", rows)


def compared(program: Program, folder: Path | None) -> dict[str, Any]:
    """What the file was recognised as, and the largest difference of an answer."""
    torch.manual_seed(0)
    with importable(folder, program.stubs), tempfile.TemporaryDirectory() as scratch:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module, saved, answer = program.build()
        randomise(module)
        path = Path(scratch) / "net.pth"
        content = saved()
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        found = read_network(path, **program.settings)
        teacher = from_file(path, **program.settings)
        batch = example_inputs(teacher.inputs, n=2)
        if program.double:
            module.double(), teacher.module.double()
            batch = {name: value.double() for name, value in batch.items()}
        with torch.no_grad():
            theirs, ours = answer(batch), teacher(batch)
        return {
            "family": found.family,
            "largest difference": float((theirs - ours).abs().max()),
            "of answers with deviation": float(theirs.std()),
        }


def randomise(module: nn.Module) -> None:
    """Weights of one scale and statistics as after a training, so that every layer matters."""
    for part in module.modules():
        for name, value in part.named_parameters(recurse=False):
            if value.ndim > 1:
                nn.init.normal_(value.data, std=(2 / value[0].numel()) ** 0.5)
            elif not name.endswith("_g"):
                value.data.add_(torch.randn_like(value), alpha=0.1)
        for name, value in part.named_buffers(recurse=False):
            if "mean" in name:
                value.normal_(std=0.3)
            elif "var" in name and value.is_floating_point():
                value.uniform_(0.5, 2.0)
        for hook in part._forward_pre_hooks.values():
            if type(hook).__name__ == "SpectralNorm":  # its vectors belong to the first weights
                for _ in range(20):
                    hook(part, ())
    module.eval()


@contextmanager
def importable(folder: Path | None, stubs: tuple[str, ...]) -> Iterator[None]:
    """Let the modules of ``folder`` be imported, and forget them afterwards."""
    before = set(sys.modules)
    for name in stubs:
        stub = ModuleType(name)
        stub.__getattr__ = _anything  # type: ignore[method-assign]
        stub.__path__ = [str(folder / name.replace(".", "/"))] if folder else []
        sys.modules[name] = stub
    if folder is not None:
        sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if folder is not None:
            sys.path.remove(str(folder))
            for name in set(sys.modules) - before:
                if not name.startswith("torch.") and not name.startswith("torchvision"):
                    del sys.modules[name]


def _anything(name: str) -> type[Any]:
    if name.startswith("__"):
        raise AttributeError(name)
    return dict


def commit(folder: Path | None) -> str:
    """Of a checkout, as its folder or a file COMMIT in it says."""
    if folder is None:
        return "installed"
    if (told := folder / "COMMIT").is_file():
        return told.read_text().strip()
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
