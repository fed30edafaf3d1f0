"""One self-contained page: pictures, style and script embedded, nothing fetched."""

import os
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from gancompress.atomic import write_text
from gancompress.report.blocks import Html


def save_page(path: str | os.PathLike[str], title: str, lead: str, blocks: Sequence[Html]) -> None:
    """Write one HTML file that needs no other: it can be mailed, or kept for years.

    Args:
        path: of the file.
        title: plain text, the heading and the name of the window.
        lead: one sentence below it, plain text.
        blocks: of :mod:`gancompress.report.blocks`, in order.
    """
    style, script = (_static(name) for name in ("page.css", "page.js"))
    body = "\n".join(blocks)
    write_text(
        path,
        "<!doctype html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f'<body>\n<main>\n<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n'
        f"{body}\n</main>\n<script>\n{script}</script>\n</body>\n</html>\n",
    )


def _static(name: str) -> str:
    return (files("gancompress.report") / "static" / name).read_text(encoding="utf-8")
