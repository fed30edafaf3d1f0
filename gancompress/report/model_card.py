"""A model card as the Hugging Face hub shows it: Markdown, with what programs read in front."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from gancompress.report.table import Table

LIBRARY = "gancompress"


@dataclass(frozen=True)
class Metric:
    """A score of the model.

    Attributes:
        kind: its name in one word, ``fd_squeezenet``.
        title: its name in words.
        value: the score.
        data: what it was measured on, in words.
    """

    kind: str
    title: str
    value: float
    data: str


@dataclass(frozen=True)
class ModelCard:
    """What a card says.

    Attributes:
        name: of the model.
        task: as the hub names it: ``image-to-image``, ….
        licence: identifier of the hub (``mit``); empty where nobody stated it.
        base_model: ``owner/name`` of the teacher on the hub, or empty.
        lead: what it is and what was measured, in one sentence.
        picture: file beside the card, or empty.
        table: the networks that were measured.
        conditions: of the measurement, a sentence each.
        metrics: for programs.
        snippets: title to lines of code.
        origin: facts of where it comes from, by name.
        remarks: what one should know before it is used, a sentence each.
    """

    name: str
    task: str
    licence: str
    base_model: str
    lead: str
    picture: str
    table: Table
    conditions: Sequence[str]
    metrics: Sequence[Metric]
    snippets: Mapping[str, str]
    origin: Mapping[str, str]
    remarks: Sequence[str]


def card_text(card: ModelCard) -> str:
    """The card as Markdown."""
    code = [f"**{title}**\n\n```python\n{text}\n```" for title, text in card.snippets.items()]
    picture = [f"![the same inputs through teacher and student]({card.picture})"]
    facts = Table(["", ""], [[name, f"`{value}`"] for name, value in card.origin.items()])
    parts = [
        f"---\n{yaml.safe_dump(_front_matter(card), sort_keys=False, allow_unicode=True)}---",
        f"# {card.name}",
        card.lead,
        *(picture if card.picture else []),
        "## Measured",
        card.table.markdown(),
        _list(card.conditions),
        "## Use",
        *code,
        "## Before you use it",
        _list(card.remarks),
        "## Licence",
        _licence(card.licence),
        "## Where it comes from",
        facts.markdown(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(card: ModelCard) -> dict[str, Any]:
    """The part of the card that the hub's programs read (its ``model-index`` specification)."""
    licence = {"license": card.licence}
    if not card.licence:
        licence = {"license": "other", "license_name": "not-stated"}
    tags = ["gan", "model-compression", "distillation", LIBRARY]
    front: dict[str, Any] = {
        **licence,
        "library_name": LIBRARY,
        "pipeline_tag": card.task,
        "tags": tags,
    }
    if card.base_model:
        front |= {"base_model": card.base_model, "base_model_relation": "finetune"}
    if card.picture:
        text = "the same inputs through teacher and student"
        front["widget"] = [{"text": text, "output": {"url": card.picture}}]
    if card.metrics:
        results = [_result(metric, card.task) for metric in card.metrics]
        front["model-index"] = [{"name": card.name, "results": results}]
    return front


def _result(metric: Metric, task: str) -> dict[str, Any]:
    return {
        "task": {"type": task},
        "dataset": {"name": metric.data, "type": "custom"},
        "metrics": [{"type": metric.kind, "name": metric.title, "value": metric.value}],
    }


def _licence(licence: str) -> str:
    if licence:
        return f"{licence}, as the publisher of this model states."
    return (
        "Not stated. The weights are derived from the teacher's: the teacher's licence applies to "
        "them, and should be stated here before they are passed on."
    )


def _list(texts: Sequence[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)
