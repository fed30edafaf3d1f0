"""Every page in a real browser: read by axe, and within the screen from a phone to a wide one.

Needs playwright, the system's Chromium and, for axe, axe-playwright-python.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.browser import CHROMIUM, opened, served
from gancompress.cli import main
from gancompress.run import RunDir

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

WIDTHS = (360, 768, 1300, 2560)
PAGES = ("report", "compare", "demo")

OPEN = "() => document.querySelectorAll('details').forEach(one => { one.open = true; })"
TOO_WIDE = "() => document.documentElement.scrollWidth > innerWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened() as found:
        yield found


@pytest.fixture(scope="module")
def addresses(
    finished: RunDir, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Where each page of a finished run is."""
    page = tmp_path_factory.mktemp("compare") / "compared.html"
    other = finished.path.parent / "tiny-2"
    other.symlink_to(finished.path)
    assert main(["compare", str(finished.path), str(other), "--output", str(page)]) == 0
    report = finished.path / "report" / "report.html"
    with served(finished.path) as demo:
        yield {"report": report.as_uri(), "compare": page.as_uri(), "demo": demo}
    other.unlink()


def _shown(browser: Any, address: str, width: int, scheme: str) -> Any:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.evaluate(OPEN)
    return page


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    browser: Any, addresses: dict[str, str], name: str, scheme: str
) -> None:
    page = _shown(browser, addresses[name], 1300, scheme)
    found = axe.Axe().run(page).response["violations"]
    page.close()
    assert not [
        (one["id"], one["nodes"][0]["html"])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_reaches_beyond_the_screen(
    browser: Any, addresses: dict[str, str], name: str, width: int
) -> None:
    page = _shown(browser, addresses[name], width, "light")
    too_wide = page.evaluate(TOO_WIDE)
    page.close()
    assert not too_wide
