"""One item of a plan: the function that every engine calls."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, Unpack

from tintype import contact, files
from tintype.batch.plan import Item
from tintype.colorizer import Colorizer, save_result
from tintype.errors import (
    OutputError,
    OutputExists,
    OutputUnavailable,
    PhotoError,
    PhotoTooLarge,
    TintypeError,
)
from tintype.formats import Saving, written_as
from tintype.hints import Hints
from tintype.image import Photo
from tintype.likely import Palette
from tintype.provenance import is_our_result

Room = Callable[[int], AbstractContextManager[object]]
"""Entered with the pixels of a photograph, for as long as it is in memory."""


@dataclass(frozen=True)
class Result:
    """What became of one item; `reason` says why it was skipped or failed.

    `note` says what the result could not be that its input is. `sha256` is that of the input,
    hexadecimal; a failed item has one where the photograph itself is at fault, so that trying again
    changes nothing. `model` is the name on the card.
    """

    item: Item
    status: Literal["colored", "skipped", "failed", "planned"]
    reason: str = ""
    note: str = ""
    sha256: str | None = None
    model: str | None = None


def colorize_one(
    item: Item,
    colorizer: Colorizer,
    *,
    strength: float = 1.0,
    keep_tint: bool = False,
    hints: Hints | None = None,
    reference: Palette | None = None,
    overwrite: bool = False,
    room: Room = nullcontext,
    **saving: Unpack[Saving],
) -> Result:
    """Color one item. Whatever fails is told in the result, so that the others go on.

    `overwrite` makes an earlier result anew; a file that is not one is never replaced. `saving` is
    explained at `formats.Saving`. `room` bounds how much is in memory at a time. Raises
    `OutputUnavailable`, and nothing else, where no other result can be written either.
    """
    sha256 = None
    try:
        result = foresee(item, overwrite=overwrite)
        if result.status == "failed":
            return result
        _make_folder(item)
        if result.status == "planned":
            try:
                stamp = files.stamp(item.source.stat())
                sha256 = files.sha256_of(item.source)
            except OSError as error:
                raise files.unreadable(item.source, error) from None
            photo = Photo.open(item.source)
            if is_our_result(photo):
                return _ours(item)
            if files.stamp(item.source.stat()) != stamp:
                raise files.changed(item.source)
            with room(photo.width * photo.height):
                colored = colorizer(
                    photo,
                    strength=strength,
                    keep_tint=keep_tint,
                    hints=hints,
                    reference=reference,
                    variant=item.variant,
                )
                save_result(colored, item.output, overwrite=overwrite, **saving)
            note = photo.note(written_as(item.output))
            result = Result(item, "colored", "", note, sha256, colorizer.card.name)
        if item.compare and (overwrite or not os.path.lexists(item.compare)):
            sheet = contact.before_after(Photo.open(item.source), Photo.open(item.output))
            contact.save(sheet, item.compare)
        if item.confidence and (overwrite or not os.path.lexists(item.confidence)):
            photo = Photo.open(item.source)
            with room(photo.width * photo.height):
                sure = colorizer.confidence(photo, hints=hints, reference=reference)
            contact.save(contact.confidence_map(photo, sure), item.confidence)
        return result
    except OutputUnavailable:
        raise
    except OutputExists:  # another process was faster
        return _exists(item)
    except Exception as error:
        return _failed(item, error, sha256)


def foresee(item: Item, *, overwrite: bool = False) -> Result:
    """What is known before the photograph is looked at; `planned` is what is to be colored."""
    if item.problem:
        return Result(item, "failed", item.problem)
    if not os.path.lexists(item.output):
        return Result(item, "planned")
    if is_our_result(item.output):
        return Result(item, "planned") if overwrite else _exists(item)
    reason = f"{item.output}: is there already, and is no result of tintype. Name another output."
    return Result(item, "failed", reason)


def glance(item: Item) -> Result:
    """What the head of a photograph's file tells: `planned`, or why it will not be colored."""
    try:
        if is_our_result(Photo.open(item.source)):
            return _ours(item)
    except Exception as error:
        return _failed(item, error)
    return Result(item, "planned")


def _failed(item: Item, error: Exception, sha256: str | None = None) -> Result:
    if isinstance(error, TintypeError):
        own_fault = isinstance(error, PhotoError) and not isinstance(error, PhotoTooLarge)
        return Result(item, "failed", str(error), sha256=sha256 if own_fault else None)
    if isinstance(error, OSError):
        where = error.filename or item.output
        return Result(item, "failed", f"{where}: {error.strerror or error}")
    return Result(item, "failed", f"{item.source}: {type(error).__name__}: {error}")


def exists(output: object, changed: object = None) -> str:
    """Why there is nothing to do; `changed` is the input, if it is another than it was then."""
    but = f", but {changed} has changed since" if changed else ""
    return f"{output} exists{but}; --overwrite makes it anew"


def _exists(item: Item) -> Result:
    return Result(item, "skipped", exists(item.output))


def _ours(item: Item) -> Result:
    return Result(item, "skipped", f"{item.source} was colored by tintype before")


def _make_folder(item: Item) -> None:
    """The folder of the output; the root of all outputs is not made anew if a disk went away."""
    if item.root and not item.root.is_dir():
        raise OutputUnavailable(
            f"{item.root}: the folder for the results is gone.",
            hint="Bring it back, and run again to go on.",
        )
    files.make_folder(item.output.parent)
    if item.twin and files.folds_case(item.output.parent):
        raise OutputError(
            f"{item.source}: its result would fall on {item.twin}: "
            "this disk does not tell upper from lower case."
        )
