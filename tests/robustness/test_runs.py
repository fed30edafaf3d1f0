"""A run that is killed at random moments, and finished runs whose files are damaged."""

import os
import random
import shutil
import signal
from fnmatch import fnmatch
from multiprocessing import get_context
from pathlib import Path

import pytest

from gancompress.cli import main
from gancompress.run import RunDir
from tests.robustness.outcome import COUNT, TRIED
from tests.workflows.conftest import finished, run  # noqa: F401 fixtures
from tests.workflows.tiny_run import KEYS, TINY

# Kills of one run before it may end, after seconds of the CPU since its start; it takes some 4.
KILLS, SOONEST, LATEST = 4, 0.05, 3.0


def started(command: list[str], moment: float) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    # Nothing handles its signal, so that it ends the process at once, as SIGKILL does.
    signal.setitimer(signal.ITIMER_PROF, moment)
    raise SystemExit(main(command))


def killed_at(command: list[str], moment: float) -> bool:
    """Run ``command`` and kill it after ``moment`` seconds of the CPU; whether it was killed."""
    clean = get_context("forkserver")
    clean.set_forkserver_preload(["gancompress.workflows.run", "gancompress.workflows.teach"])
    process = clean.Process(target=started, args=(command, moment))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGPROF), f"{process.exitcode} at {moment} s"
    return process.exitcode != 0


def made(run: RunDir) -> dict[str, str]:  # noqa: F811
    """Hashes of what the stages of a run made, without what holds times."""
    return {
        name: content
        for stage in ("teach", "collect", "distill", "search", "export", "classifier")
        if (record := run.record(stage)) is not None
        for name, content in record.made.items()
    }


@pytest.mark.parametrize("seed", range(max(1, COUNT // 5)))
def test_a_run_killed_at_random_moments_ends_as_one_that_was_not(
    seed: int,
    finished: RunDir,  # noqa: F811
    tmp_path: Path,
) -> None:
    rng = random.Random(seed)
    command = ["run", str(TINY), *KEYS, "--run", str(tmp_path / "tiny-1")]
    moments = [SOONEST * (LATEST / SOONEST) ** rng.random() for _ in range(KILLS)]
    kills = sum(killed_at(command, moment) for moment in moments)
    TRIED["kills"] += kills
    assert kills, moments
    assert main(command) == 0
    killed = RunDir.open(tmp_path / "tiny-1")
    assert made(killed) == made(finished), moments
    assert not any(record.damage(killed.path) for record in map(killed.record, RECORDED) if record)


RECORDED = ("teach", "collect", "distill", "search", "finetune", "export", "report", "classifier")

# Of a finished run: what the next stage to be done compares with its hash, and not before; logs;
# and pictures that nothing is computed from.
LEFT = (
    "checkpoints/*", "pairs/shard-*", "classifier.safetensors", "stages/classifier.json",
    "search.journal", "log.jsonl", "lock", "tensorboard/*", "front.png", "widths.png",
)  # fmt: skip


def cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content)) :]


def flipped(content: bytearray, rng: random.Random) -> None:
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def emptied(content: bytearray, rng: random.Random) -> None:
    content.clear()


def damage(folder: Path, name: str, how: str, rng: random.Random) -> list[str]:
    """Damage a file of a run, or exchange it with another of its kind; which were changed."""
    file = folder / name
    if how == "exchanged":
        others = sorted(p for p in folder.rglob(f"*{file.suffix}") if p.is_file() and p != file)
        other = rng.choice(others or [folder / "log.jsonl"])
        contents = file.read_bytes(), other.read_bytes()
        other.write_bytes(contents[0])
        file.write_bytes(contents[1])
        return [name, str(other.relative_to(folder))]
    content = bytearray(file.read_bytes())
    {"cut": cut, "flipped": flipped, "emptied": emptied}[how](content, rng)
    file.write_bytes(content)
    return [name]


@pytest.mark.parametrize("how", ["cut", "flipped", "emptied", "exchanged"])
def test_damage_is_named_and_mended_or_harmless(
    how: str,
    finished: RunDir,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = sorted(p for p in finished.path.rglob("*") if p.is_file() and p.stat().st_size)
    names = [str(file.relative_to(finished.path)) for file in files]
    rng = random.Random(how)
    for name in names if COUNT > 99 else rng.sample(names, 1 + COUNT // 8):
        copy = Path(shutil.copytree(finished.path, tmp_path / name.replace("/", " ")))
        changed = damage(copy, name, how, random.Random(f"{how} {name}"))
        TRIED["damaged artefacts"] += 1
        bad = {n: (copy / n).read_bytes() for n in changed}
        capsys.readouterr()
        code = main(["run", str(copy)])
        told = capsys.readouterr().err
        named = any(n in told for n in changed)
        if code == 2:
            assert named, (changed, told)
            continue
        assert code == 0, (changed, told)
        found, expected = made(RunDir.open(copy)), made(finished)
        if "stages/classifier.json" in changed:
            # It is made anew only where a classifier is asked for.
            found["classifier.safetensors"] = expected["classifier.safetensors"]
        assert found == expected, (changed, told)
        for n, content in bad.items():
            left = (copy / n).read_bytes() == content
            assert not left or any(fnmatch(n, pattern) for pattern in LEFT), (n, told)
        shutil.rmtree(copy)
