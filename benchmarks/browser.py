"""A headless Chromium, and the demo of a run or student to look at in it.

Needs playwright and the system's Chromium.
"""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gancompress.demo.server import make_app
from gancompress.workflows.demo import open_gallery

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def opened() -> Iterator[Any]:
    """The browser, as playwright drives it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(what: Path) -> Iterator[str]:
    """The address of the demo of a run or student."""
    import uvicorn

    gallery = open_gallery(what)
    server = uvicorn.Server(uvicorn.Config(make_app(gallery), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
