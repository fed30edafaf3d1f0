"""Arguments that make no sense are refused by name before anything is done."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

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
    r"inf\); give two numbers": lambda t, s, p: gc.Teacher(module(), output_range=(0.0, math.inf)),
    r"\(0.0,\); give two": lambda t, s, p: gc.Teacher(module(), output_range=(0.0,)),  # type: ignore[arg-type]
    "architecture: output_range": lambda t, s, p: gc.Architecture("dcgan", output_range=(1, 1)),
    "gc.Teacher: str; give a module": lambda t, s, p: gc.Teacher("net.pth"),  # type: ignore[arg-type]
    "seed: 4294967296": lambda t, s, p: gc.collect(t, None, 8, seed=2**32),
    "held_out: 0 is below 2": lambda t, s, p: gc.collect(t, None, 8, held_out=0),
    "gc.collect.batch_size: 0": lambda t, s, p: collect(t, batch_size=0),
    "gc.collect.shard: '9' is not a whole number": lambda t, s, p: collect(t, shard="9"),
    "teacher: DCGANGenerator; give": lambda t, s, p: gc.collect(module(), None, 8),
    "learning_rate: 'x' is not a number": lambda t, s, p: distill(t, s, learning_rate="x"),
    "betas: 'x' is no list": lambda t, s, p: distill(t, s, betas="x"),
    "batch_size: 1000000000 is above": lambda t, s, p: distill(t, s, batch_size=10**9),
    "terms.l1.weight: 'x' is not": lambda t, s, p: gc.distill(s, pairs(t), {"l1": "x"}, steps=1),  # type: ignore[dict-item]
    "settings.seed: -1": lambda t, s, p: settings(t, s, seed=-1),
    "settings.log_every: 0": lambda t, s, p: settings(t, s, log_every=0),
    "settings.checkpoint_seconds: nan": lambda t, s, p: settings(t, s, checkpoint_seconds=math.nan),
    "precision: 'odd' is none of": lambda t, s, p: settings(t, s, precision="odd"),
    "pairs: str; give": lambda t, s, p: gc.distill(s, "pairs", steps=1),  # type: ignore[arg-type]
    "gc.distill: supernet": lambda t, s, p: gc.distill(module(), pairs(t), steps=1),
    "settings.batch_size: 0": lambda t, s, p: search(t, s, batch_size=0),
    "gc.search: settings.seed": lambda t, s, p: search(t, s, seed=2**32),
    r"reference\['macs'\]: nan": lambda t, s, p: search(t, s, reference={"macs": math.nan}),
    "gc.export: str": lambda t, s, p: gc.export("x", p / "a.onnx"),  # type: ignore[arg-type]
    "metrics: none": lambda t, s, p: gc.evaluate(module(), t, []),
    "options.samples: nan": lambda t, s, p: evaluate(t, samples=math.nan),
    "options.batch_size: 0": lambda t, s, p: evaluate(t, batch_size=0),
    "gc.shrink: teacher: str": lambda t, s, p: gc.shrink("net.pth", run=p / "run"),  # type: ignore[arg-type]
    "student.odd: ends in none of": lambda t, s, p: shrink(t, p, formats=(".odd",)),
    "student.bad: ends in none of": lambda t, s, p: compress(t, p, formats=(".bad",)),
    "gc.compress: options.trials: 0": lambda t, s, p: compress(t, p, trials=0),
    "gather: seed: -1": lambda t, s, p: gc.gather(s, [], seed=-1),
    "sort_channels: seed: -1": lambda t, s, p: gc.sort_channels(s, seed=-1),
    "greedy: goes by inputs": lambda t, s, p: gc.sort_channels(s, greedy=True),
    "example_inputs: n: 0": lambda t, s, p: gc.example_inputs(t.inputs, 0),
    "example_inputs: n: 10": lambda t, s, p: gc.example_inputs(t.inputs, 10**12),
    "example_inputs: seed: -1": lambda t, s, p: gc.example_inputs(t.inputs, 2, -1),
    "epsilon: 0": lambda t, s, p: path_length(epsilon=0),
    "path 'odd' is none of": lambda t, s, p: path_length(path="odd"),
    "classes: -1": lambda t, s, p: gc.segmentation_scores(lambda x: x, [], classes=-1),
    "gc.save: str": lambda t, s, p: gc.save("x", p / "x.safetensors"),  # type: ignore[arg-type]
    "student: str": lambda t, s, p: gc.save_student("x", p / "x.safetensors"),  # type: ignore[arg-type]
    "timeout: nan": lambda t, s, p: remote(t, p, timeout=math.nan),
    "workers: 1000000": lambda t, s, p: remote(t, p, workers=10**6),
    "version: none": lambda t, s, p: remote(t, p, version=""),
    "ratios: none": lambda t, s, p: gc.Supernet(module(), t.sample_inputs([0], 0), ratios=[]),
    "module: str; give an nn.Module": lambda t, s, p: gc.Supernet("x", {}),  # type: ignore[arg-type]
    "'NoneType' object is not iterable": lambda t, s, p: gc.Input("normal", None),  # type: ignore[arg-type]
    "invalid literal for int": lambda t, s, p: gc.Input("normal", "x"),  # type: ignore[arg-type]
    "normal: unsupported operand|normal: can only": lambda t, s, p: gc.Input("normal", (4,), "x"),  # type: ignore[arg-type]
}


def pairs(teacher: gc.Teacher) -> Any:
    return gc.collect(teacher, None, 8)


def collect(teacher: gc.Teacher, **options: Any) -> Any:
    return gc.collect(teacher, None, 8, options=gc.CollectOptions(**options))


def distill(teacher: gc.Teacher, supernet: gc.Supernet, **options: Any) -> Any:
    return gc.distill(supernet, pairs(teacher), steps=1, options=gc.DistillOptions(**options))


def settings(teacher: gc.Teacher, supernet: gc.Supernet, **given: Any) -> Any:
    return gc.distill(supernet, pairs(teacher), steps=1, settings=gc.DistillSettings(**given))


def search(teacher: gc.Teacher, supernet: gc.Supernet, **given: Any) -> Any:
    return gc.search(supernet, pairs=pairs(teacher), trials=1, settings=gc.SearchSettings(**given))


def evaluate(teacher: gc.Teacher, **given: Any) -> Any:
    return gc.evaluate(teacher, teacher, options=gc.EvaluationOptions(**given))


def compress(teacher: gc.Teacher, folder: Path, **options: Any) -> Any:
    return gc.compress(teacher, run=folder / "run", options=gc.CompressOptions(**options))


def path_length(**given: Any) -> Any:
    ends = torch.zeros(2, 4)
    return gc.path_length(lambda z: z, ends, ends, lambda a, b: a, **{"path": "line", **given})


def remote(teacher: gc.Teacher, folder: Path, version: str = "1", **given: Any) -> Any:
    return gc.RemoteTeacher(
        "http://localhost:1/x",
        teacher.inputs,
        version=version,
        cache=folder / "answers",
        exchange=gc.Exchange(**given),
    )


def shrink(teacher: gc.Teacher, folder: Path, **options: Any) -> gc.Shrunk:
    return gc.shrink(teacher, run=folder / "run", options=gc.ShrinkOptions(**options))


@pytest.mark.parametrize("told", CALLS)
def test_nonsense_is_refused_by_name(
    told: str, teacher: gc.Teacher, supernet: gc.Supernet, tmp_path: Path
) -> None:
    with pytest.raises(gc.GancompressError, match=told):
        CALLS[told](teacher, supernet, tmp_path)
    assert not list(tmp_path.iterdir())
