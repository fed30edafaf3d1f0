from pathlib import Path

from PIL import Image

from gancompress.architecture_search.front import Candidate, Front
from gancompress.assemble.front import draw_front, list_front, trust
from gancompress.run import RunDir
from gancompress.supernet.space import SearchSpace, Subnet

SPACE = SearchSpace(("a", "b"), ((8, 16, 24, 32), (8, 16)), {})


def candidate(
    a: int, b: int, l1: float, uniform: bool = False, full: float | None = None
) -> Candidate:
    scores, spreads = {("paired", "l1"): l1}, {("paired", "l1"): 0.0}
    if full is not None:
        scores["full", "fd"], spreads["full", "fd"] = full, 0.5
    costs = {"macs": a * b * 1e3, "params": float(a * b), "latency": a * 1e-3}
    return Candidate(
        subnet=Subnet((a, b)), uniform=uniform, costs=costs, scores=scores, spreads=spreads
    )


CHOSEN = candidate(16, 8, 1.0, full=9.0)
FRONT = Front(
    {"paired": {"l1": "minimize"}, "full": {"fd": "minimize"}},
    (
        candidate(8, 8, 3.0, True, 20.0),
        CHOSEN,
        candidate(16, 16, 2.0, True),
        candidate(24, 16, 0.5),
    ),
)


def test_front_and_widths_are_drawn(tmp_path: Path) -> None:
    draw_front(FRONT, CHOSEN, SPACE, RunDir(tmp_path), {"latency": 0.02})
    with Image.open(tmp_path / "front.png") as image:
        # A panel for each stage and one for the latency that was limited.
        assert image.width > 2.5 * image.height
    with Image.open(tmp_path / "widths.png") as image:
        assert image.format == "PNG"


def test_the_list_shows_the_front_with_costs_and_scores() -> None:
    lines = list_front(FRONT).splitlines()
    assert len(lines) == 2 + 3  # 16_16 is beaten by 16_8
    assert "8_8 (uniform)" in lines[2] and "64K" in lines[2] and "20 ± 0.5" in lines[2]
    assert lines[3].startswith("16_8 ") and "16ms" in lines[3]


def test_the_choice_is_told_beside_its_uniform_baseline() -> None:
    told = trust(FRONT, CHOSEN)
    assert "fd of the chosen subnet 9 ± 0.5, of the best uniform-width one" in told[-1]
    assert "(8_8) 20 ± 0.5" in told[-1]
