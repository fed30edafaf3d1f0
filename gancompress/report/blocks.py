"""What a page is made of: every function takes plain text and gives HTML in which it is escaped."""

import base64
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NewType

from gancompress.errors import DataError
from gancompress.report.table import Table

#: A piece of a page, ready to be put into it.
Html = NewType("Html", str)

_MEDIA_TYPES = {
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
    ".wav": "audio/wav",
}


@dataclass(frozen=True)
class Card:
    """One figure of the first screen.

    Attributes:
        value: large, a few characters: ``9.0×``.
        label: of what: ``fewer MACs``.
        note: the two figures behind it: ``9.66M → 1.08M``.
    """

    value: str
    label: str
    note: str


@dataclass(frozen=True)
class Bar:
    """A width beside the full one.

    Attributes:
        name: of the channel group.
        value, full: channels chosen, and at full width.
        share: of the student's MACs that its layers have, 0 to 1.
    """

    name: str
    value: int
    full: int
    share: float


def section(title: str, *blocks: Html) -> Html:
    """A heading and what stands under it."""
    return Html(f"<section><h2>{escape(title)}</h2>\n" + "\n".join(blocks) + "\n</section>")


def folded(title: str, *blocks: Html) -> Html:
    """What is there to be opened."""
    inside = "\n".join(blocks)
    return Html(f"<details><summary>{escape(title)}</summary>\n{inside}\n</details>")


def paragraphs(texts: Sequence[str]) -> Html:
    """Plain text, one paragraph each."""
    return Html("\n".join(f"<p>{escape(text)}</p>" for text in texts))


def items(texts: Sequence[str]) -> Html:
    """Plain sentences as a list."""
    return Html("<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>")


def cards(figures: Sequence[Card]) -> Html:
    """The figures of the first screen, beside each other where there is room."""
    inside = "".join(
        f'<div class="card"><b>{escape(c.value)}</b><span>{escape(c.label)}</span>'
        f"<small>{escape(c.note)}</small></div>"
        for c in figures
    )
    return Html(f'<div class="cards">{inside}</div>')


def table(contents: Table) -> Html:
    """A table, scrolled by itself where it is wider than the screen."""
    rows = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in contents.rows
    )
    return _scrolled(contents.columns, f"<tbody>{rows}</tbody>")


def pictured_table(titles: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Html:
    """A table whose rows begin with a picture, as a data URI."""
    lines = []
    for number, (uri, *cells) in enumerate(rows, 1):
        image = f'<img src="{escape(uri)}" alt="{escape(titles[0])} {number}">'
        told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row">{image}</th>{told}</tr>')
    return _scrolled(titles, f"<tbody>{''.join(lines)}</tbody>")


def facts(named: Mapping[str, Any]) -> Html:
    """Names and plain data (text, numbers, lists); mappings in it are flattened by dots."""
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in _flat(named).items()
    )
    return Html(f'<table class="facts"><tbody>{rows}</tbody></table>')


def bars(widths: Sequence[Bar]) -> Html:
    """Widths beside the full ones, with each group's share of the cost."""
    rows = "\n".join(
        f'<tr><th scope="row">{_breakable(bar.name)}</th>'
        f'<td class="bar"><span style="width:{100 * bar.value / bar.full:.1f}%"></span></td>'
        f"<td>{bar.value} of {bar.full}</td><td>{_percent(bar.share)}</td></tr>"
        for bar in widths
    )
    titles = ("group", "width", "channels", "of MACs")
    return _scrolled(titles, f"<tbody>{rows}</tbody>", "bars")


def confusion(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Html:
    """Images by the class asked for (rows) and the class seen (columns), in shares of a row."""
    rows = []
    for name, row in zip(names, counts, strict=True):
        total = sum(row) or 1
        cells = "".join(
            f'<td style="--share:{count / total:.3f}">{count / total:.0%}</td>' for count in row
        )
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    body = "\n".join(rows)
    return _scrolled(["asked for ↓ seen →", *names], f"<tbody>{body}</tbody>", "confusion")


def picture(file: str | os.PathLike[str], caption: str) -> Html:
    """An image with a caption."""
    text = escape(caption)
    image = f'<img src="{data_uri(file)}" alt="{text}">'
    return Html(f"<figure>{image}<figcaption>{text}</figcaption></figure>")


def sounds(rows: Mapping[str, Sequence[str | os.PathLike[str]]]) -> Html:
    """Waves to be listened to, a row each with its title, those of one column under each other."""
    found = []
    for title, files in rows.items():
        players = "".join(
            f'<td><audio controls src="{data_uri(file)}" '
            f'aria-label="{escape(title)} {number}"></audio></td>'
            for number, file in enumerate(files, 1)
        )
        found.append(f'<tr><th scope="row">{escape(title)}</th>{players}</tr>')
    columns = max((len(files) for files in rows.values()), default=0)
    titles = ["", *(str(number) for number in range(1, columns + 1))]
    return _scrolled(titles, f"<tbody>{''.join(found)}</tbody>", "sounds")


def compare(
    left: str | os.PathLike[str], right: str | os.PathLike[str], names: tuple[str, str]
) -> Html:
    """Two images of one size over each other, with a slider between them."""
    a, b = (escape(name) for name in names)
    return Html(
        f'<figure class="compare"><div class="over">'
        f'<img src="{data_uri(left)}" alt="{a}"><img src="{data_uri(right)}" alt="{b}"></div>'
        f'<label><span>{a}</span><input type="range" min="0" max="100" value="50" '
        f'aria-label="how much of {a} is shown beside {b}"><span>{b}</span></label></figure>'
    )


def chart(svg: str, caption: str) -> Html:
    """A chart of :mod:`gancompress.report.charts` with a caption."""
    return Html(f'<figure class="chart">{svg}<figcaption>{escape(caption)}</figcaption></figure>')


def side_by_side(*blocks: Html) -> Html:
    """Blocks beside each other where there is room."""
    return Html('<div class="columns">' + "\n".join(blocks) + "</div>")


def code(title: str, text: str) -> Html:
    """Lines to be copied."""
    return Html(
        f'<div class="code"><h3>{escape(title)}</h3><button type="button">copy</button>'
        f'<pre tabindex="0">{escape(text)}</pre></div>'
    )


def data_uri(file: str | os.PathLike[str]) -> str:
    """A file of an image or a wave as text that a page can hold.

    Raises:
        DataError: it cannot be read or is of a kind that browsers do not show.
    """
    path = Path(file)
    media_type = _MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None:
        known = ", ".join(_MEDIA_TYPES)
        raise DataError(f"{path}: a page can show {known}, not {path.suffix or 'this'}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _scrolled(titles: Sequence[str], body: str, kind: str = "plain") -> Html:
    """A table that is scrolled by itself, and is named by its columns when it is read aloud."""
    heads = "".join(
        f'<th scope="col">{_breakable(title)}</th>' if title else "<td></td>" for title in titles
    )
    name = escape("table: " + ", ".join(filter(None, titles)))
    return Html(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table class="{kind}">'
        f"<thead><tr>{heads}</tr></thead>\n{body}</table></div>"
    )


def _percent(share: float) -> str:
    return "&lt; 1%" if 0 < share < 0.005 else f"{share:.0%}"


def _breakable(name: str) -> str:
    """A name whose parts may stand below each other."""
    return re.sub(r"([._])", r"\1<wbr>", escape(name))


def _flat(named: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in named.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            flat[f"{prefix}{name}"] = text
    return flat
