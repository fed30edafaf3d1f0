"""One self-contained page about a run: pictures embedded, no scripts, nothing fetched."""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from gancompress.atomic import write_text
from gancompress.errors import DataError
from gancompress.report.table import Table

_MEDIA_TYPES = {
    ".png": "image/png",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
}

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .3rem .9rem; border-bottom: 1px solid #8884; text-align: right; }
th:first-child, td:first-child { text-align: left; }
td { font-variant-numeric: tabular-nums; }
.facts td { text-align: left; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; }
figcaption { opacity: .75; }
""".strip()


@dataclass(frozen=True)
class Section:
    """One heading of the page and what stands under it, in this order.

    Attributes:
        title: the heading.
        text: paragraphs, separated by empty lines; plain text.
        tables: to be compared.
        pictures: caption to image file.
        facts: names to plain data (text, numbers, lists); mappings in it are flattened by dots.
    """

    title: str
    text: str = ""
    tables: Sequence[Table] = ()
    pictures: Mapping[str, str | os.PathLike[str]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def save_page(path: str | os.PathLike[str], title: str, sections: Sequence[Section]) -> None:
    """Write one HTML file that needs no other: it can be mailed, or kept for years.

    Raises:
        DataError: a picture cannot be read or is of a kind that browsers do not show.
    """
    body = "\n".join([f"<h1>{escape(title)}</h1>", *map(_section, sections)])
    write_text(
        path,
        "<!doctype html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n",
    )


def _section(section: Section) -> str:
    paragraphs = [part.strip() for part in section.text.split("\n\n") if part.strip()]
    parts = [f"<h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs]
    parts += [_table(table) for table in section.tables]
    parts += [_figure(caption, Path(file)) for caption, file in section.pictures.items()]
    if section.facts:
        parts.append(_facts(section.facts))
    return "\n".join(parts)


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in table.columns)
    rows = (
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    body = "\n".join(rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _figure(caption: str, file: Path) -> str:
    media_type = _MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        known = ", ".join(_MEDIA_TYPES)
        raise DataError(f"{file}: a page can show {known}, not {file.suffix or 'this'}")
    try:
        data = base64.b64encode(file.read_bytes()).decode("ascii")
    except OSError as error:
        raise DataError(f"{file}: picture cannot be read: {error.strerror}") from error
    text = escape(caption)
    return (
        f'<figure><img src="data:{media_type};base64,{data}" alt="{text}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _facts(facts: Mapping[str, Any]) -> str:
    rows = (
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in _flat(facts).items()
    )
    body = "\n".join(rows)
    return f'<table class="facts">\n<tbody>\n{body}\n</tbody>\n</table>'


def _flat(facts: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in facts.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            flat[f"{prefix}{name}"] = text
    return flat
