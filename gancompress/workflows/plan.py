"""What a run has still to do, and why: told before anything is done."""

from collections.abc import Sequence
from dataclasses import dataclass

from gancompress.assemble.identity import changes, consumed_by, identity_of, maker_of
from gancompress.assemble.pairs import damaged_shards
from gancompress.assemble.stages import STAGES, belongs, skipped
from gancompress.recipe.schema import Recipe
from gancompress.records import Record
from gancompress.run import RunDir
from gancompress.workflows.continuing import grows, obstacle
from gancompress.workflows.kept import is_kept

# What is noted of a stage that is passed over.
NOTHING = "nothing to do"


@dataclass(frozen=True)
class Step:
    """One stage of a plan.

    Attributes:
        stage: its name.
        todo: whether it is to be done; perhaps it turns out that it need not be, where all that
            changes is what it consumes.
        reasons: why it is done, in words; of one that is not, why there is nothing to do.
        note: what becomes of what it made before, and what doing it again takes.
        lost: its files that are missing or damaged, and which of the two.
    """

    stage: str
    todo: bool
    reasons: tuple[str, ...] = ()
    note: str = ""
    lost: tuple[tuple[str, str], ...] = ()

    def line(self) -> str:
        """For the terminal."""
        if not self.todo or self.note == NOTHING:
            told = "; ".join([*self.reasons, *([self.note] if self.note else [])])
            return f"  {self.stage:11} {told or 'kept'}"
        return f"  {self.stage:11} to do: {'; '.join(self.reasons)}" + (
            f" ({self.note})" if self.note else ""
        )


def plan(recipe: Recipe, run: RunDir | None, last: str) -> list[Step]:
    """The stages up to and with ``last``: which are to be done, and why.

    Args:
        recipe: what is asked for.
        run: what there is; None for a run that is still to be made.
        last: the last stage; `report` means all of them, whatever it consumes itself.
    """
    names = [
        stage
        for stage in list(STAGES)[: list(STAGES).index(last) + 1]
        if stage == last or belongs(stage, recipe)
    ]
    outdated: dict[str, tuple[str, ...]] = {}
    lost: dict[str, dict[str, str]] = {}
    for stage in names:
        record = run.record(stage) if run else None
        reasons = _reasons(stage, recipe, run, record)
        makers = [maker_of(name, recipe) for name in consumed_by(stage, recipe)]
        after = [maker for maker in dict.fromkeys(makers) if maker in outdated]
        if not reasons and after:
            reasons = [f"after {' and '.join(after)}"]
        if reasons:
            outdated[stage] = tuple(reasons)
        elif record is not None and run is not None:
            lost[stage] = record.damage(run.path)
    todo = _needed(recipe, names, outdated, lost)
    # Pairs may be many gigabytes: they are read where somebody is going to consume them.
    if lost.get("collect") == {} and any("pairs" in consumed_by(s, recipe) for s in todo):
        record = run.record("collect") if run else None
        lost["collect"] = damage_of(run, record) if run and record else {}
        todo = _needed(recipe, names, outdated, lost)
    return [_step(stage, recipe, run, stage in todo, outdated, lost) for stage in names]


def damage_of(run: RunDir, record: Record) -> dict[str, str]:
    """What of a stage's files is not as it was made; shards of pairs one by one."""
    found = record.damage(run.path)
    if "pairs/pairs.json" in record.made and not found:
        found |= {f"pairs/{file}": how for file, how in damaged_shards(run.path / "pairs").items()}
    return found


def _reasons(stage: str, recipe: Recipe, run: RunDir | None, record: Record | None) -> list[str]:
    if record is None:
        return ["not done yet"]
    changed = changes(record.identity, identity_of(stage, recipe, run))
    return changed or ([] if record.complete else ["goes on where it stopped"])


def _needed(
    recipe: Recipe,
    names: Sequence[str],
    outdated: dict[str, tuple[str, ...]],
    lost: dict[str, dict[str, str]],
) -> set[str]:
    """What has to be done: what is outdated, and what is lost of what that consumes."""
    last = names[-1]
    todo: set[str] = set()
    wanted: set[str] = set()
    for stage in reversed(names):
        asked = stage == last or last == "report" or stage in wanted or skipped(stage, recipe)
        if asked and (stage in outdated or lost.get(stage)):
            todo.add(stage)
            wanted |= {maker_of(name, recipe) for name in consumed_by(stage, recipe)}
    return todo


def _step(
    stage: str,
    recipe: Recipe,
    run: RunDir | None,
    todo: bool,
    outdated: dict[str, tuple[str, ...]],
    lost: dict[str, dict[str, str]],
) -> Step:
    damaged = lost.get(stage, {})
    told = tuple(f"{name} is {how}" for name, how in damaged.items())
    if not todo:
        note = "not needed" if told or stage in outdated else skipped(stage, recipe)
        return Step(stage, False, told, note)
    reasons = outdated.get(stage, ()) or told
    if run is None or (record := run.record(stage)) is None:
        if reason := skipped(stage, recipe):
            return Step(stage, True, (reason,), NOTHING)
        return Step(stage, True, reasons)
    return Step(
        stage=stage,
        todo=True,
        reasons=reasons,
        note=_note(stage, recipe, run, record),
        lost=tuple(damaged.items()),
    )


def _note(stage: str, recipe: Recipe, run: RunDir, record: Record) -> str:
    new = identity_of(stage, recipe, run)
    if skipped(stage, recipe):
        return NOTHING
    if is_kept(stage, run, new):
        return "done before: taken back from earlier/"
    if grows(stage, record.identity, new):
        why = obstacle(stage, recipe)
        return f"from the start: {why}" if why else "goes on from where it ended"
    if not changes(record.identity, new) and (run.path / "checkpoints" / f"{stage}.pt").is_file():
        return "from its checkpoint"
    return f"took {_seconds(record.seconds)}" if record.seconds else ""


def _seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
