"""What `tintype colorize` tells of what it did: lines, JSON, counts, contact sheets."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from tintype.cli import one_line

if TYPE_CHECKING:
    from tintype.batch import Result


def tell(outcome: dict[str, Any], *, as_json: bool, results: TextIO | None = None) -> None:
    """What became of a photograph, and its notes: to `results`, or standard output, and stderr.

    `outcome` is what `--json` prints: input, output, status, reason, note and more.
    """
    from tqdm import tqdm

    results = results or sys.stdout
    if as_json:
        tqdm.write(json.dumps(outcome), file=results)
    elif outcome["status"] == "colored":
        tqdm.write(one_line(outcome["output"]), file=results)
    elif outcome["status"] == "planned":
        tqdm.write(one_line(f"{outcome['input']} -> {outcome['output']}"), file=results)
    if outcome["note"]:
        tqdm.write(one_line(f"tintype: note: {outcome['note']}"), file=sys.stderr)
    if outcome["reason"]:
        tqdm.write(one_line(f"tintype: {outcome['status']}: {outcome['reason']}"), file=sys.stderr)


def line(result: Result, seconds: float) -> dict[str, Any]:
    """A result as `--json` prints it."""
    return {
        "input": str(result.item.source),
        "output": str(result.item.output),
        "variant": result.item.variant,
        "status": result.status,
        "reason": result.reason,
        "note": result.note,
        "sha256": result.sha256,
        "model": result.model,
        "seconds": round(seconds, 3),
    }


def told(counts: Counter[str], total: int, dry_run: bool) -> str:
    """How many came to what, in one line."""
    parts = [f"{counts[key]} {key}" for key in ("colored", "skipped", "failed")]
    if dry_run:
        parts[0] = f"{counts['planned']} to color"
    if untried := total - counts.total():
        parts.append(f"{untried} not tried")
    return ", ".join(parts)


def save_sheets(path: Path, pictures: list[Path]) -> None:
    """Contact sheets of the results that are there; further ones are numbered."""
    from tintype import contact
    from tintype.files import make_folder

    shown = [picture for picture in pictures if os.path.lexists(picture)]
    make_folder(path.parent)
    for number, first in enumerate(range(0, len(shown), contact.PICTURES_A_SHEET), 1):
        place = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        page = shown[first : first + contact.PICTURES_A_SHEET]
        contact.save(contact.contact_sheet(page), place)
        click.echo(one_line(str(place)))
