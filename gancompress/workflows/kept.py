"""What other recipes made: set aside when a stage is done again, and taken back when it fits again.

``earlier/STAGE-FINGERPRINT/`` holds the files of one stage by their paths in the run, and last of
all its ``record.json``. Every step can be killed and is gone on with by the same command.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from gancompress.assemble.identity import Identity, fingerprint
from gancompress.assemble.stages import STAGES
from gancompress.records import Record, read_record
from gancompress.run import RunDir

FOLDER = "earlier"
RECORD = "record.json"

# What every recipe adds to: named by its contents.
SHARED = "students/"


def set_aside(stage: str, run: RunDir, record: Record) -> None:
    """Move what ``stage`` made under another recipe out of the way, its checkpoints included."""
    folder = _folder(stage, run, record.identity)
    for name in list(_files(stage, run, record)):
        _move(run.path / name, folder / name)
    # The record goes last: without it, what was moved is taken for nothing.
    _move(_record(stage, run), folder / RECORD)


def keep_a_copy(stage: str, run: RunDir, record: Record) -> None:
    """Keep what ``stage`` made, and leave it in place for a longer training to go on from."""
    folder = _folder(stage, run, record.identity)
    for name in record.made:
        source, target = run.path / name, folder / name
        if source.is_file() and not name.startswith(SHARED) and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            # Files of a run are replaced, never written into.
            os.link(source, target)
    if not (folder / RECORD).exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_record(stage, run), folder / RECORD)


def take_back(stage: str, run: RunDir, identity: Identity) -> bool:
    """Put back what ``stage`` made under the same ``identity``; gives whether it made anything."""
    folder = _folder(stage, run, identity)
    record = read_record(folder / RECORD, stage)
    if record is None:
        return False
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != RECORD:
            _move(file, run.path / file.relative_to(folder))
    _move(folder / RECORD, _record(stage, run))
    shutil.rmtree(folder, ignore_errors=True)
    return True


def is_kept(stage: str, run: RunDir, identity: Identity) -> bool:
    """Whether ``stage`` was done before under the same ``identity``."""
    record = read_record(_folder(stage, run, identity) / RECORD, stage)
    return record is not None and record.complete


def _folder(stage: str, run: RunDir, identity: Identity) -> Path:
    return run.path / FOLDER / f"{stage}-{fingerprint(identity)}"


def _files(stage: str, run: RunDir, record: Record) -> Iterator[str]:
    yield from (name for name in record.made if not name.startswith(SHARED))
    for pattern in STAGES[stage].works_in:
        for found in run.path.glob(pattern):
            yield str(found.relative_to(run.path))


def _move(source: Path, target: Path) -> None:
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            shutil.rmtree(target)
        source.replace(target)


def _record(stage: str, run: RunDir) -> Path:
    return run.path / "stages" / f"{stage}.json"
