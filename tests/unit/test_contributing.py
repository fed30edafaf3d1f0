"""The examples of CONTRIBUTING.md do what it says of them."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import gancompress as gc
from gancompress.distillation.features import Networks
from gancompress.exporters.formats import Format
from gancompress.exporters.program import Job
from gancompress.generators.build import build
from gancompress.teachers import families
from gancompress.teachers.from_file import read_network
from tests.unit.distillation.small import Generator, run

GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def shown(what: str) -> ModuleType:
    """The example of how to add ``what``, as a module that can be imported by this name."""
    _, _, section = GUIDE.read_text(encoding="utf-8").partition(f"## How to add {what}\n")
    _, _, code = section.partition("```python\n")
    module = ModuleType(f"example_of_{what.split()[-1]}")
    sys.modules[module.__name__] = module
    exec(code.partition("```")[0], vars(module))
    return module


def test_the_term_of_the_guide_trains_every_subnet(tmp_path: Path) -> None:
    events: list[Any] = []
    networks, term = Networks(Generator(12, seed=1)), shown("a loss term").TERM
    run(tmp_path, {term: 1.0}, events=events, networks=networks, steps=40, learning_rate=5e-3)
    for kind in ("largest", "smallest"):
        values = [
            e[f"channel_variances.{kind}"] for e in events if f"channel_variances.{kind}" in e
        ]
        assert values[-1] < 0.8 * values[0]


def test_the_metric_of_the_guide_is_taken_by_its_place() -> None:
    place = f"{shown('a metric').__name__}:METRIC"
    torch.manual_seed(0)
    one, other = (build("dcgan", z_dim=7, width=8, resolution=16) for _ in range(2))
    options = gc.EvaluationOptions(samples=8)
    values = [
        gc.evaluate(
            one,
            against,
            extractor="tests.unit.metrics.networks:tiny",
            metrics=(place,),
            options=options,
        )[0].value
        for against in (one, other)
    ]
    assert values[0] == pytest.approx(0, abs=1e-9)
    assert values[1] > 0


def test_the_generator_of_the_guide_is_elastic_throughout() -> None:
    generator = shown("a generator").Dots()
    supernet = gc.Supernet(generator, {"z": torch.randn(2, 8)})
    assert list(supernet.space.largest) == [32, 32]
    small: nn.Module = supernet.extract(supernet.space.smallest)
    assert small(z=torch.randn(2, 8)).shape == (2, 3, 16, 16)


def test_the_reader_of_the_guide_reads_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(families.FAMILIES, "mine", shown("a teacher").FAMILY)
    families.families.cache_clear()
    torch.manual_seed(0)
    module = build("dcgan", z_dim=7, width=8, resolution=16)
    save_file(module.state_dict(), tmp_path / "g.safetensors")
    read = read_network(tmp_path / "g.safetensors", family="mine")
    families.families.cache_clear()
    assert read.module(z=torch.ones(1, 7)).shape == (1, 3, 16, 16)


def test_the_format_of_the_guide_is_written(tmp_path: Path) -> None:
    form, module = shown("an export format").FORMAT, build("dcgan", z_dim=7, width=8, resolution=16)
    assert isinstance(form, Format)
    path = tmp_path / f"student{form.ending}"
    assert form.write(Job(module, module.inputs, path)).size == path.stat().st_size
