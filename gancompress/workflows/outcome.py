"""How a verb ends: what it made, its headline score, and the next command to type."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gancompress.assemble.students import CURRENT, title
from gancompress.report.table import format_bytes, format_count, format_ratio
from gancompress.run import RunDir


@dataclass(frozen=True)
class Outcome:
    """What became of a stage.

    Attributes:
        stage: its name.
        run: path of the run.
        made: paths of what it made.
        headline: its most important figures, in words.
        next: the command that comes next.
        facts: everything recorded of the stage; of `report`, everything measured.
    """

    stage: str
    run: str
    made: list[str]
    headline: str
    next: str
    facts: dict[str, Any]

    def text(self) -> str:
        """For the terminal."""
        lines = [f"made      {path}" for path in self.made]
        lines += [f"result    {self.headline}"] if self.headline else []
        return "\n".join([*lines, f"next      {self.next}"])


def outcome(stage: str, run: RunDir) -> Outcome:
    """What became of ``stage``, which is complete in ``run``."""
    record, facts = run.record(stage), run.facts(stage)
    made = [str(run.path / name) for name in record.made] if record else []
    if stage in ("search", "reconstruct", "finetune") and "student" in facts:
        made.append(str(run.path / CURRENT))
    if stage == "report":
        facts = json.loads((run.path / "report" / "report.json").read_text(encoding="utf-8"))
    told = (
        f"nothing to do: {facts['skipped']}" if "skipped" in facts else HEADLINES[stage](facts, run)
    )
    return Outcome(
        stage=stage,
        run=str(run.path),
        made=made,
        headline=told,
        next=NEXT[stage].format(run=run.path),
        facts=facts,
    )


NEXT = {
    "teach": "gancompress run {run}",
    "collect": "gancompress distill {run}",
    "order": "gancompress search {run} --mac-budget 1/8",
    "distill": "gancompress search {run} --mac-budget 1/8",
    "search": "gancompress export {run}",
    "reconstruct": "gancompress export {run}",
    "finetune": "gancompress export {run}",
    "export": "gancompress report {run}",
    "report": "gancompress search {run} --mac-budget 1/16",
}


def _of_teach(facts: dict[str, Any], run: RunDir) -> str:
    if "frechet" in facts:
        return f"Fréchet distance {facts['frechet']:.3g} at step {facts['step']}"
    return f"{facts['steps']} steps" if "steps" in facts else ""


def _of_collect(facts: dict[str, Any], run: RunDir) -> str:
    stored = (
        "" if facts.get("stored", True) else "; none are stored, the teacher is asked as needed"
    )
    return f"{facts['pairs']:,} pairs, {facts['held_out']:,} of them held out{stored}"


def _of_order(facts: dict[str, Any], run: RunDir) -> str:
    return f"{facts['groups']} elastic groups, channels in order"


def _of_distill(facts: dict[str, Any], run: RunDir) -> str:
    looks = [event for event in run.events("distill") if "held_out.largest" in event]
    if not looks:
        return f"{facts['steps']:,} steps"
    last = looks[-1]
    return (
        "distance to the teacher on held-out pairs: largest subnet "
        f"{last['held_out.largest']:.4g}, smallest {last['held_out.smallest']:.4g}"
    )


def _of_search(facts: dict[str, Any], run: RunDir) -> str:
    costs = facts["costs"]
    return (
        f"{title(facts['student'])}: subnet {facts['subnet']}, {costs['macs']:,.0f} MACs, "
        f"{costs['params']:,.0f} parameters, the best of {facts['scored']} scored"
    )


def _of_reconstruct(facts: dict[str, Any], run: RunDir) -> str:
    best = facts["finalists"][0]
    return (
        f"{title(facts['student'])}: distance to the teacher {best['solved']:.4g}, with the "
        f"weights as cut {best['cut']:.4g}"
    )


def _of_finetune(facts: dict[str, Any], run: RunDir) -> str:
    chosen = facts["chosen"]
    return (
        f"{title(facts['student'])}: distance to the teacher {chosen['inherited']:.4g} → "
        f"{chosen['fine-tuned']:.4g}"
    )


def _of_export(facts: dict[str, Any], run: RunDir) -> str:
    told = []
    for name, found in facts["formats"].items():
        most = found["max_difference"]
        differs = "not run here" if most is None else f"differs by {most:.2g} at most"
        told.append(f"{name} {format_bytes(found['bytes'])}, {differs}")
    return f"{facts['student']}: {'; '.join(told)}"


def _of_report(facts: dict[str, Any], run: RunDir) -> str:
    teacher, *_, student = facts["networks"]
    ratio = format_ratio(teacher["macs"] / student["macs"])
    speedup = format_ratio(facts["speedup_pytorch"]["speedup"])
    told = f"{ratio} fewer MACs ({format_count(student['macs'])}), {speedup} as fast"
    if student["scores"] is not None:
        told += f", Fréchet distance {student['scores']['frechet']:.3g}"
        if teacher["scores"] is not None:
            told += f" ({teacher['name']} {teacher['scores']['frechet']:.3g})"
    return told


HEADLINES: dict[str, Callable[[dict[str, Any], RunDir], str]] = {
    "teach": _of_teach,
    "collect": _of_collect,
    "order": _of_order,
    "distill": _of_distill,
    "search": _of_search,
    "reconstruct": _of_reconstruct,
    "finetune": _of_finetune,
    "export": _of_export,
    "report": _of_report,
}
