"""What the pages show works: every Python snippet of a page, in order, with smaller numbers."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gancompress.generators.build import build

ROOT = Path(__file__).parents[2]

# Long trainings as they are written, and as they are run here.
SHORTER = {
    r"\bsteps=[\d_]+": "steps=1",
    r"\bcount=[\d_]+": "count=4",
    r"\btrials=[\d_]+": "trials=2",
    r"\brange\(200\)": "range(2)",
}

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    if "```python" in path.read_text(encoding="utf-8")
)


class Tint(nn.Module):
    """Somebody's generator."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.tail = nn.Conv2d(3, 256, 1), nn.Conv2d(256, 3, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.tail(torch.relu(self.head(image))))


def prepare(folder: Path) -> dict[str, object]:
    """What the pages take for granted: photographs, a published file, a generator."""
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(10):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{number}.png")
    torch.manual_seed(0)
    published = build("resnet", width=8, blocks=6)
    torch.save(published.state_dict(), folder / "latest_net_G.pth")
    return {"my_generator": Tint()}


@pytest.mark.parametrize("page", PAGES)
def test_snippets_of_a_page_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT))
    names = prepare(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    for code in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for long, short in SHORTER.items():
            code = re.sub(long, short, code)
        exec(compile(code, page, "exec"), names)
