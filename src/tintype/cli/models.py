"""`tintype models`: what there is to color with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tintype.models.catalog import Entry


@click.command(
    epilog="""\b
Examples:
  tintype models
  tintype models --json | jq .license"""
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a model.")
def models(as_json: bool) -> None:
    """List the models that go by a name.

    With each its size, the license of its weights, the size it works at, and its scores.
    """
    from tintype.models.catalog import catalog

    for name, entry in catalog().models.items():
        facts = _facts(name, entry, catalog().aliases_of(name))
        click.echo(json.dumps(facts) if as_json else "\n".join(_lines(facts)))


def _facts(name: str, entry: Entry, aliases: list[str]) -> dict[str, Any]:
    from tintype.models import store
    from tintype.runtime import session

    facts: dict[str, Any] = {"name": name, "aliases": aliases, "license": entry.license}
    if not store.is_here(entry):
        return facts | {"bytes": None}
    path = store.locate(name)
    card = session(path).card
    return facts | {
        "bytes": path.stat().st_size,
        "license": card.weights_license,
        "summary": card.summary,
        "parameters": card.parameters,
        "working_px": card.working_px,
        "takes_hints": card.takes_hints,
        "takes_reference": card.takes_reference,
        "gives_confidence": card.gives_confidence,
        "scores": [scores.model_dump() for scores in card.scores],
    }


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    yield " = ".join([facts["name"], *facts["aliases"]])
    if facts["bytes"] is None:
        yield "  size       not on this machine; downloaded when first used"
        yield f"  license    {facts['license']}"
        return
    columns = min(shutil.get_terminal_size().columns, 100)
    yield click.wrap_text(facts["summary"], columns, "  ", "  ")
    megabytes, millions = facts["bytes"] / 1e6, facts["parameters"] / 1e6
    yield f"  size       {megabytes:.1f} MB, {millions:.1f} million parameters"
    yield f"  license    {facts['license']}"
    yield f"  works at   {facts['working_px']} px (short side)"
    takes = [what for what in ("hints", "reference") if facts[f"takes_{what}"]]
    if takes:
        yield f"  takes      {', '.join(takes)}"
    if facts["gives_confidence"]:
        yield "  gives      variants, confidence"
    for scores in facts["scores"]:
        values = ", ".join(f"{name} {value:g}" for name, value in scores["values"].items())
        told = f"{values} ({scores['protocol']})"
        yield click.wrap_text(told, columns, "  scores     ", " " * 13)
