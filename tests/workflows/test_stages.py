"""The table of what stages depend on says the truth: every key that a stage reads is in it."""

import dataclasses
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gancompress.assemble import page, scores
from gancompress.assemble.identity import keys_of
from gancompress.assemble.stages import CONDITIONS, STAGES, skipped
from gancompress.recipe.load import load_recipe
from gancompress.recipe.schema import Recipe
from gancompress.workflows import run as workflow
from gancompress.workflows.opening import make_run

TINY = Path(__file__).with_name("tiny.yaml")

# How and where a run is made; nothing that is made depends on it.
NOWHERE = {"name", "threads", "device", "checkpoint_seconds", "log_every", "track"}

# Read where a training is prepared for, by stages that train nothing.
PREPARED = {"collect": {"precision"}, "search": {"precision"}, "report": {"precision"}}


def sections(kind: Any, path: str = "") -> Iterator[tuple[Any, str]]:
    """Every section of a recipe with its key; ``*`` stands for a name that the user gives."""
    yield kind, path
    for name, hint in typing.get_type_hints(kind).items():
        inner = f"{path}.{name}" if path else name
        if typing.get_origin(hint) is dict:
            hint, inner = typing.get_args(hint)[1], f"{inner}.*"
        if dataclasses.is_dataclass(hint):
            yield from sections(hint, inner)


@contextmanager
def noted(read: set[str]) -> Iterator[None]:
    """Note every key of a recipe that is read, as it stands in a recipe."""
    restore = []
    for kind, path in sections(Recipe):
        keys = {field.name for field in dataclasses.fields(kind)}
        restore.append((kind, kind.__dict__.get("__getattribute__")))
        kind.__getattribute__ = _noting(read, keys, path)
    try:
        yield
    finally:
        for kind, before in restore:
            assert before is None
            del kind.__getattribute__


def _noting(read: set[str], keys: set[str], path: str) -> Callable[[Any, str], Any]:
    def get(self: Any, name: str) -> Any:
        value = object.__getattribute__(self, name)
        leaf = not dataclasses.is_dataclass(value) and not _holds_sections(value)
        if name in keys and leaf:
            read.add(f"{path}.{name}" if path else name)
        return value

    return get


def _holds_sections(value: Any) -> bool:
    return isinstance(value, dict) and any(map(dataclasses.is_dataclass, value.values()))


def test_every_key_of_the_table_is_one_of_a_recipe() -> None:
    known = {key for _, path in sections(Recipe) if path for key in [path]}
    known |= {f"{path}.{field.name}".removeprefix(".") for kind, path in sections(Recipe)
              for field in dataclasses.fields(kind)}  # fmt: skip
    for stage in STAGES.values():
        further = [key for keys, _ in stage.where.values() for key in keys]
        assert {*stage.reads, *stage.free, *further} <= known


VARIANTS = {
    "plain": ["export.formats=[onnx]"],
    "patience": ["distill.validate_every=2", "distill.patience=9", "finetune.steps=0"],
    "pairs as needed": ["collect.store=false", "finetune.steps=0"],
    "looks": ["teach.evaluate_every=4", "teach.evaluation_samples=20", "finetune.steps=0"],
    "inside": ["distill.terms={l1: {}, kernel_alignment: {}}", "finetune.steps=1"],
    "teacher's": ["student={factory: teacher, init: teacher}", "finetune.steps=0"],
    "online": ["distill.online=true", "finetune.steps=0"],
    "in order": ["student={factory: teacher}", "reconstruct.samples=16", "finetune.steps=0"],
    "solved": [
        "student={factory: teacher}",
        "reconstruct.samples=16",
        "distill.steps=0",
        "finetune={steps: 2, compare: 0}",
    ],
    "latency": ["search.latency_budget=1s", "finetune.steps=0"],
}
SLOW = ("in order", "solved", "patience", "looks", "inside", "teacher's", "latency")


@pytest.mark.parametrize(
    "variant",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in VARIANTS],
)
def test_a_stage_reads_only_the_keys_that_the_table_lists(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ["search.trials=3", "search.finalists=1", "search.screened=0", *VARIANTS[variant]]
    recipe = load_recipe(TINY, keys)
    run = make_run(recipe, tmp_path / "run", tmp_path)
    # The page shows the whole recipe, and nothing of it decides what is in the rest of it.
    monkeypatch.setattr(page, "recipe_to_dict", lambda recipe: {})
    # Its keys are those of the table, written down with the classifier.
    monkeypatch.setattr(scores, "keys_of", lambda *asked: {})
    missing = {}
    for stage, work in workflow.WORK.items():
        listed, read = listed_for(stage, recipe), set[str]()
        with noted(read):
            work(recipe, run)
        read -= NOWHERE | PREPARED.get(stage, set())
        if unlisted := sorted(key for key in read if not covered(key, listed)):
            missing[stage] = unlisted
    assert missing == {}, "stages read keys that assemble/stages.py does not list"


def listed_for(stage: str, recipe: Recipe) -> set[str]:
    """What the identity of ``stage`` follows from: keys of the table, and those of conditions."""
    found, asked = keys_of(STAGES[stage], recipe), set[str]()
    with noted(asked):
        skipped(stage, recipe)
        for condition in STAGES[stage].where:
            CONDITIONS[condition](recipe)
    return {*found["recipe"], *found["files"], *STAGES[stage].free, *asked}


def covered(key: str, listed: set[str]) -> bool:
    """Whether ``key`` is listed; of a mapping, whether a key in it is."""
    pattern = key.split(".*.")
    return any(
        known == key
        or known.startswith(f"{key}.")
        or (len(pattern) == 2 and known.startswith(f"{pattern[0]}.") and known.endswith(pattern[1]))
        for known in listed
    )
