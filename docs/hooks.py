"""What the pages of reference say is taken from the code when the site is built."""

import argparse
import html
import posixpath
import re
from pathlib import Path
from typing import Any

import gancompress
from gancompress.cli import command_parser
from gancompress.recipe.describe import describe_schema

# Public names by what they are for; those in none of the chapters stand in a last one.
CHAPTERS = {
    "All of it": ("compress", "CompressOptions", "Compressed"),
    "Teachers": ("Teacher", "load_teacher", "RemoteTeacher", "Exchange"),
    "Pairs": ("collect", "CollectOptions", "MemoryPairs"),
    "Supernet": ("Supernet", "SearchSpace", "Subnet", "Cost", "sort_channels"),
    "Training": (
        "distill",
        "DistillSettings",
        "DistillOptions",
        "TermOptions",
        "DiscriminatorOptions",
        "LossTerm",
        "LossInputs",
    ),
    "Search": (
        "search",
        "SearchSettings",
        "SearchOptions",
        "EvaluatorOptions",
        "SearchResult",
        "Chosen",
        "finetune",
        "FinetuneOptions",
        "Finetuned",
    ),
    "Files": ("save", "load", "Student", "Architecture", "save_student", "load_student"),
    "Export": ("export", "ExportOptions", "load_exported"),
    "Evaluation": (
        "evaluate",
        "EvaluationOptions",
        "path_length",
        "segmentation_scores",
        "SegmentationScores",
    ),
    "Inputs and errors": ("Batch", "Input", "InputSpec", "example_inputs", "GancompressError"),
}

# Pictures beside the benchmarks that pages show, and where they are on the site.
RESULTS, ON_SITE = "../benchmarks/results/", "pictures/"

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)\s]+)\)")
_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):<code>~?([^<]*)</code>")


def on_config(config: Any) -> Any:
    """Put pages that the menu of mkdocs.yml does not name at the end of its last chapter."""
    (last,) = config.nav[-1].values()
    named = set(re.findall(r"[\w/]+\.md", str(config.nav)))
    pages = sorted(path.name for path in Path(config.docs_dir).glob("*.md"))
    last += [name for name in pages if name not in named]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Put the pictures of benchmarks on the site."""
    from mkdocs.structure.files import File

    for path in sorted((Path(config.docs_dir) / RESULTS).resolve().glob("*.jpg")):
        files.append(File.generated(config, f"{ON_SITE}{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what a page asks for; name files that are not on the site without a link."""
    for marker, write in WRITERS.items():
        if marker in markdown:
            markdown = markdown.replace(marker, write())
    markdown = markdown.replace(f"]({RESULTS}", f"]({ON_SITE}")
    folder = posixpath.dirname(page.file.src_uri)

    def plain(found: re.Match[str]) -> str:
        text, target = found[1], posixpath.normpath(posixpath.join(folder, found[2]))
        if not target.startswith("../"):
            return found[0]
        return text if "`" in text else f"{text} (`{target.removeprefix('../').partition('#')[0]}`)"

    return _LINK.sub(plain, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Show names that docstrings mark in Sphinx's way as code."""
    return _ROLE.sub(r"<code>\1</code>", content)


def python_reference() -> str:
    """Every public name, in chapters."""
    public = [name for name in gancompress.__all__ if name != "__version__"]
    named = {name for names in CHAPTERS.values() for name in names}
    further = [name for name in public if name not in named]
    parts = []
    for title, names in {**CHAPTERS, "Further": further}.items():
        if names:
            parts.append(f"## {title}\n")
        parts += [f"::: gancompress.{name}\n" for name in names]
    return "\n".join(parts)


def recipe_reference() -> str:
    """A table of keys for each section of a recipe."""
    parts = ["| key | type and default | |\n|---|---|---|"]
    for line in describe_schema().splitlines():
        if line.startswith("# "):
            name, _, about = line[2:].partition(": ")
            parts.append(f"\n## {name}\n\n{about}\n\n| key | type and default | |\n|---|---|---|")
        elif line.startswith(" "):
            parts[-1] += f" {_cell(line)} |"
        elif line:
            key, _, kind = line.partition(" ")
            parts.append(f"| `{key}` | {_cell(kind)} |")
    return "\n".join(parts)


def command_reference() -> str:
    """The help of every verb."""
    parser = command_parser()
    (verbs,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    parts = [f"```text\n{parser.format_help()}```"]
    for name, verb in verbs.choices.items():
        parts.append(f"## {name}")
        within = (a for a in verb._actions if isinstance(a, argparse._SubParsersAction))
        helps = [verb, *(one for action in within for one in action.choices.values())]
        parts += [f"```text\n{one.format_help()}```" for one in helps]
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    return html.escape(text.strip(), quote=False).replace("|", "\\|")


WRITERS = {
    "<!-- python reference -->": python_reference,
    "<!-- recipe reference -->": recipe_reference,
    "<!-- command reference -->": command_reference,
}
