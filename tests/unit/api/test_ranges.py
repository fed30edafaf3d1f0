"""Arguments that make no sense are refused by name before anything is done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gancompress as gc
from gancompress.generators.build import build


def module() -> Any:
    return build("dcgan", z_dim=8, width=16, resolution=16, channels=1)


@pytest.fixture(scope="module")
def teacher() -> gc.Teacher:
    return gc.Teacher(module())


@pytest.fixture(scope="module")
def supernet(teacher: gc.Teacher) -> gc.Supernet:
    return gc.Supernet(module(), teacher.sample_inputs([0, 1], 0), divisor=4, minimum=4)


CALLS: dict[str, Callable[[gc.Teacher, gc.Supernet, Path], Any]] = {
    "count: 1;": lambda t, s, p: gc.collect(t, None, 1),
    "count: 'many'": lambda t, s, p: gc.collect(t, None, "many"),  # type: ignore[arg-type]
    "seed: -1": lambda t, s, p: gc.collect(t, None, 8, seed=-1),
    "every input is drawn": lambda t, s, p: gc.collect(t, "photos", 8),
    "steps: 0": lambda t, s, p: gc.distill(s, gc.collect(t, None, 8), steps=0),
    "trials: 0": lambda t, s, p: gc.search(s, lambda module: 0.0, trials=0),
    "gc.shrink.trials: 0": lambda t, s, p: shrink(t, p, trials=0),
    "gc.shrink.steps: -1": lambda t, s, p: shrink(t, p, steps=-1),
    "gc.shrink.order: 'best' is none of": lambda t, s, p: shrink(t, p, order="best"),
    "batches: none": lambda t, s, p: gc.sort_channels(s, []),
    "black below white": lambda t, s, p: gc.Teacher(module(), output_range=(1.0, -1.0)),
}


def shrink(teacher: gc.Teacher, folder: Path, **options: Any) -> gc.Shrunk:
    return gc.shrink(teacher, run=folder / "run", options=gc.ShrinkOptions(**options))


@pytest.mark.parametrize("told", CALLS)
def test_nonsense_is_refused_by_name(
    told: str, teacher: gc.Teacher, supernet: gc.Supernet, tmp_path: Path
) -> None:
    with pytest.raises(gc.GancompressError, match=told):
        CALLS[told](teacher, supernet, tmp_path)
    assert not list(tmp_path.iterdir())
