"""The loss term that CONTRIBUTING.md shows."""

from pathlib import Path
from typing import Any

from gancompress.distillation.features import Networks
from gancompress.distillation.terms.term import LossTerm
from tests.unit.distillation.small import Generator, run

GUIDE = Path(__file__).parents[3] / "CONTRIBUTING.md"


def shown() -> LossTerm:
    _, _, section = GUIDE.read_text(encoding="utf-8").partition("## How to add a loss term")
    _, _, code = section.partition("```python\n")
    names: dict[str, Any] = {}
    exec(code.partition("```")[0], names)
    term = names["TERM"]
    assert isinstance(term, LossTerm)
    return term


def test_the_term_of_the_guide_trains_every_subnet(tmp_path: Path) -> None:
    events: list[Any] = []
    networks = Networks(Generator(12, seed=1))
    run(tmp_path, {shown(): 1.0}, events=events, networks=networks, steps=40, learning_rate=5e-3)
    for kind in ("largest", "smallest"):
        values = [
            e[f"channel_variances.{kind}"] for e in events if f"channel_variances.{kind}" in e
        ]
        assert values[-1] < 0.8 * values[0]
