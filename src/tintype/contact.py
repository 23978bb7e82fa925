"""Pictures made of pictures: before and after, and contact sheets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tintype import files
from tintype.errors import OutputError, PhotoError
from tintype.image import Photo
from tintype.provenance import is_our_result, marked

COMPARED_PX = 1000  # longest side of each half
PICTURES_A_SHEET = 100
_COLUMNS = 8
_TILE_PX = 220
_GAP_PX = 12
_TEXT_PX = 13
_QUALITY = 88
_PAPER, _INK = "#ffffff", "#222222"


def before_after(before: Photo, after: Photo) -> Image.Image:
    """Two pictures side by side, each of at most 1000 px, a white line between them."""
    left, right = (Image.fromarray(photo.thumbnail(COMPARED_PX)) for photo in (before, after))
    size = (left.width + _GAP_PX + right.width, max(left.height, right.height))
    sheet = Image.new("RGB", size, _PAPER)
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + _GAP_PX, 0))
    return sheet


def confidence_map(photo: Photo, confidence: NDArray[np.float32]) -> Image.Image:
    """How sure a model is, from black to white; in the photograph's shape, of at most 1000 px."""
    levels = Image.fromarray(np.rint(confidence * 255).astype(np.uint8))
    scale = min(1, COMPARED_PX / max(photo.width, photo.height))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return levels.resize(size, Image.Resampling.BILINEAR)


def contact_sheet(pictures: Sequence[Path]) -> Image.Image:
    """Small pictures in rows, the names of their files below them.

    One that cannot be read is an empty frame.
    """
    columns = min(_COLUMNS, len(pictures))
    step, line = _TILE_PX + _GAP_PX, _TILE_PX + _TEXT_PX + 2 * _GAP_PX
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * step + _GAP_PX, rows * line + _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_TEXT_PX)
    for number, path in enumerate(pictures):
        left, top = _GAP_PX + number % columns * step, _GAP_PX + number // columns * line
        try:
            tile = Image.fromarray(Photo.open(path).thumbnail(_TILE_PX))
            place = (left + (_TILE_PX - tile.width) // 2, top + (_TILE_PX - tile.height) // 2)
            sheet.paste(tile, place)
        except PhotoError:
            draw.rectangle((left, top, left + _TILE_PX, top + _TILE_PX), outline=_INK)
        name = _fitting(path.name, font)
        x = left + (_TILE_PX - font.getlength(name)) // 2
        draw.text((x, top + _TILE_PX + _GAP_PX // 2), name, _INK, font)
    return sheet


def save(sheet: Image.Image, path: Path) -> None:
    """Write a JPEG that bears our mark, so that it is never colored; an earlier one is replaced.

    Raises `OutputError` where it cannot be written or would replace what is not ours.
    """
    if os.path.lexists(path) and not is_our_result(path):
        raise OutputError(
            f"{path}: is there already, and is no picture of tintype.", hint="Name another file."
        )
    with (
        files.replacing(path, overwrite=True) as descriptor,
        open(descriptor, "wb", closefd=False) as file,
    ):
        sheet.save(file, "JPEG", quality=_QUALITY, xmp=marked(None, model=None))


def _fitting(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """A name as long as its tile is wide, its middle left out."""
    name = shown = "".join(c if c.isprintable() else "?" for c in name)
    keep = len(shown)
    while font.getlength(shown) > _TILE_PX:
        keep -= 1
        shown = name[: keep // 2] + "…" + name[len(name) - keep // 2 :]
    return shown
