"""The first screen of a report: what was won, and what it cost."""

from dataclasses import dataclass

from gancompress.architecture_search.front import Candidate, Front
from gancompress.metrics.latency import PairedTiming
from gancompress.report.blocks import Card
from gancompress.report.table import format_bytes, format_count, format_ratio, format_seconds


@dataclass(frozen=True)
class Figures:
    """A network in the figures of the first screen.

    Attributes:
        name: as in the table.
        macs, file_bytes: exact MACs of one sample; bytes of its weights.
        quality: name, value and whether lower is better; None where nothing was scored.
    """

    name: str
    macs: int
    file_bytes: int
    quality: tuple[str, float, bool] | None


def headline(teacher: Figures, student: Figures, timed: PairedTiming) -> list[Card]:
    """Cards of MACs, speed, size and quality against the teacher.

    Args:
        teacher, student: what is known of each.
        timed: one sample of both in PyTorch, in turns.
    """
    before, after = (format_seconds(side.median) for side in (timed.first, timed.second))
    cards = [
        Card(
            format_ratio(teacher.macs / student.macs),
            "fewer MACs",
            f"{format_count(teacher.macs)} → {format_count(student.macs)}",
        ),
        Card(
            format_ratio(timed.speedup),
            "as fast in PyTorch",
            f"{before} → {after}; {timed.low:.1f} to {timed.high:.1f}× with 95 % confidence",
        ),
        Card(
            format_ratio(teacher.file_bytes / student.file_bytes),
            "smaller file",
            f"{format_bytes(teacher.file_bytes)} → {format_bytes(student.file_bytes)}",
        ),
    ]
    if student.quality is not None:
        title, value, lower = student.quality
        note = _scale(title) or f"{'lower' if lower else 'higher'} is better"
        beside = _beside(teacher, student)
        note = f"{teacher.name} {beside:.2f}, {note}" if beside is not None else note
        cards.append(Card(f"{value:.2f}", _in_words(title), note))
    return cards


def against_uniform(front: Front, chosen: Candidate) -> Card | None:
    """The chosen subnet's score beside that of the best uniform-width one of about its cost."""
    stage = front.last_stage(chosen)
    objective = next(iter(front.stages[stage]))
    uniform = front.uniform_baseline(chosen)
    if uniform is None or uniform.subnet == chosen.subnet:
        return None
    key = (stage, objective)
    better = (chosen.scores[key] < uniform.scores[key]) == (
        front.stages[stage][objective] == "minimize"
    )
    share = abs(chosen.scores[key] / uniform.scores[key] - 1)
    return Card(
        f"{share:.0%}",
        f"{'better' if better else 'worse'} than uniform width",
        f"{objective} {chosen.scores[key]:.3g} in the search; {uniform.scores[key]:.3g} where all "
        "layers are narrowed alike",
    )


def lead(teacher: Figures, student: Figures, speedup: float) -> str:
    """The result in one sentence."""
    ratio = format_ratio(teacher.macs / student.macs)
    text = (
        f"The student needs {ratio} fewer multiply-adds than the {teacher.name} and is "
        f"{format_ratio(speedup)} as fast in PyTorch"
    )
    if student.quality is not None:
        title, value, _ = student.quality
        beside = _beside(teacher, student)
        text += f"; {_in_words(title)}: {value:.2f}"
        known = f"{teacher.name}: {beside:.2f}" if beside is not None else _scale(title)
        text += f" ({known})" if known else ""
    return f"{text}."


def _beside(teacher: Figures, student: Figures) -> float | None:
    """The teacher's value of the student's score; None where it is measured against the teacher."""
    title = student.quality[0] if student.quality else ""
    if teacher.quality is None or teacher.quality[0] != title or not title.startswith("fd_"):
        return None
    return teacher.quality[1]


def _scale(title: str) -> str:
    """What the values of a score mean, where they have an end that can be reached."""
    if title.startswith("SSIM"):
        return "1: the same pictures; 0: nothing in common"
    return "0: the same" if title.startswith("L1") else ""


def _in_words(title: str) -> str:
    if title.startswith("fd_"):
        return f"Fréchet distance ({title.removeprefix('fd_')} features)"
    return title
