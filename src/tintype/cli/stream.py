"""`tintype colorize -`: one photograph from standard input, to standard output, or both."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from tintype.cli import one_line
from tintype.formats import Saving, check_name, written_as

NAME = "-"
"""What stands for either on the command line."""


def colorize(
    source: str,
    output: str,
    model: str,
    coloring: dict[str, Any],
    overwrite: bool,
    format: str | None,
    saving: Saving,
) -> None:
    """From standard input, to standard output, or both."""
    from tintype.colorizer import Colorizer, save_result
    from tintype.errors import PhotoError
    from tintype.image import Photo
    from tintype.provenance import is_our_result

    if (source == NAME and sys.stdin is None) or (output == NAME and sys.stdout is None):
        raise click.UsageError("- stands for standard input or output, which is closed.")
    if output == NAME and sys.stdout.isatty():
        raise click.UsageError("a picture is nothing for a terminal: send it to a file or program.")
    kind = format
    if output != NAME:
        check_name(Path(output), format)
        kind = written_as(Path(output), format)
    if source == NAME:
        photo = Photo.open(sys.stdin.buffer.read(), name="standard input")
    else:
        photo = Photo.open(source)
    if is_our_result(photo):
        raise PhotoError(f"{photo.name}: was colored by tintype before.", hint="Give the original.")
    colored = Colorizer(model)(photo, **coloring)
    note = photo.note(kind)
    if note:
        click.echo(one_line(f"tintype: note: {note}"), err=True)
    if output == NAME:
        sys.stdout.buffer.write(colored.to_bytes(format, **saving))
    else:
        save_result(colored, Path(output), overwrite=overwrite, **saving)
        click.echo(one_line(output))
