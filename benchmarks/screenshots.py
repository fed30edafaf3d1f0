"""Screenshots of a run's report and demo for the documentation, in a headless Chromium.

python -m benchmarks.screenshots runs/solve-faces-1

Beside them it notes which page they are of, so that a test can tell when they are outdated. Needs
playwright and the system's Chromium.
"""

import hashlib
from pathlib import Path
from typing import Any

from benchmarks.browser import opened, served
from benchmarks.start import HERE, arguments_of, folder, is_quick, parser_of
from gancompress.atomic import write_json

PICTURES = HERE.parent / "docs" / "pictures"
NOTE = "screenshots.json"

# Name to width, height and colour scheme.
REPORT = {"report.png": (1200, 860, "light"), "report-phone.png": (360, 780, "dark")}
DEMO = {"demo.png": (1200, 640, "light"), "demo-phone.png": (360, 780, "dark")}


def page_hash() -> str:
    """SHA-256 (hex) of everything that decides how the pages look, data apart."""
    digest = hashlib.sha256()
    for room in ("report", "demo"):
        for file in sorted((HERE.parent / "gancompress" / room / "static").iterdir()):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def take(browser: Any, address: str, pictures: dict[str, tuple[int, int, str]], to: Path) -> None:
    for name, (width, height, scheme) in pictures.items():
        page = browser.new_page(
            viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1
        )
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.wait_for_function("() => !document.body.classList.contains('busy')")
        page.screenshot(path=to / name)
        page.close()
        print(to / name)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("run", type=Path)
    options = arguments_of(parser)
    to = folder("pictures") if is_quick() else PICTURES
    with opened() as browser, served(options.run) as demo:
        report = options.run.resolve() / "report" / "report.html"
        take(browser, report.as_uri(), REPORT, to)
        take(browser, demo, DEMO, to)
    write_json(to / NOTE, {"pages": page_hash(), "pictures": [*REPORT, *DEMO]})


if __name__ == "__main__":
    main()
