"""Long trainings in instalments: each call goes on where the last one stopped.

A job is a verb on a recipe in a process of its own, which is asked to stop when the time is over;
it then writes a checkpoint, and the next call goes on from there with the same numbers as if it
had never stopped.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.record import surroundings, table
from benchmarks.start import arguments_of, parser_of
from gancompress.atomic import write_json

ROOT = Path(__file__).parents[2]


# Seconds that a job gets to write its checkpoint, and fewer than which none is started for.
GRACE = 50
SHORTEST = 20


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        name: of its run's folder.
        verb: ``teach``, ``run``, …
        recipe: in ``recipes/``, without the ending, or a path.
        stage: after which it is done.
        changes: ``key.sub=value``; ``{out}`` is the folder of all runs.
        tiny: further changes for a trial of seconds.
    """

    name: str
    verb: str
    recipe: str
    stage: str
    changes: Sequence[str] = ()
    tiny: Sequence[str] = ()

    def done(self, out: Path) -> bool:
        """Whether it has ended well."""
        return (out / self.name / "stages" / f"{self.stage}.json").is_file()

    def command(self, out: Path, device: str, tiny: bool) -> list[str]:
        """What starts it or goes on with it."""
        path = Path(self.recipe)
        recipe = path if path.suffix else ROOT / "recipes" / f"{self.recipe}.yaml"
        changes = [text.replace("{out}", str(out)) for text in self.changes]
        return [
            sys.executable, "-m", "gancompress", self.verb, str(recipe), f"device={device}",
            *changes, *(self.tiny if tiny else ()), "--run", str(out / self.name),
        ]  # fmt: skip


def main(description: str, jobs: Sequence[Job]) -> None:
    """Do what the time allows of ``jobs``, in order; leaves 0 if all are done, 3 if not, else 1."""
    parser = parser_of(description)
    parser.add_argument("out", type=Path, help="folder of the runs; give the same one every time")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=540, help="of this call (default 540)")
    options = arguments_of(parser, device="cpu")
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + options.seconds - GRACE * (options.seconds > 2 * GRACE)
    rows, broken = [], False
    for job in jobs:
        start = time.monotonic()
        code = 0
        if not job.done(out) and end - start > min(SHORTEST, options.seconds / 2):
            code = _run(
                job.command(out, options.device, options.quick), out / f"{job.name}.log", end
            )
        failed = code not in (0, 130, -signal.SIGINT) and not job.done(out)
        broken = broken or failed
        state = "done" if job.done(out) else f"failed ({code})" if failed else "call again"
        seconds = round(time.monotonic() - start, 1)
        rows.append({"job": job.name, "state": state, "seconds": seconds, **_reached(out, job)})
    print(table(rows))
    facts = {"rows": rows, "quick": options.quick, "device": options.device, **surroundings()}
    write_json(out / f"{Path(sys.argv[0]).stem}.json", facts)
    sys.exit(1 if broken else 0 if all(job.done(out) for job in jobs) else 3)


def _run(command: Sequence[str], log: Path, end: float) -> int:
    """Run ``command`` until it ends or the time is over; its output is added to ``log``."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    with log.open("a", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, stdout=file, stderr=file
        )
        try:
            return process.wait(timeout=max(end - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            return process.wait()


def _reached(out: Path, job: Job) -> dict[str, Any]:
    """The last step and score in the run's log."""
    log = out / job.name / "log.jsonl"
    if not log.is_file():
        return {}
    lines = log.read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines if line.endswith("}")]
    found: dict[str, Any] = {}
    for event in events:
        found |= {key: event[key] for key in ("stage", "step", "frechet") if key in event}
    return found
