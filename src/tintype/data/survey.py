"""What there is to train on: how many pictures, how large, how colorful, which are damaged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tintype.color import lab_to_srgb
from tintype.data.choose import Measures, lab_of, measures, short_sides
from tintype.data.source import U8, Form, Source
from tintype.errors import DataError

NEAR_GRAY_CHROMA = 3.0
"""Mean chroma, in Lab units, that what JPEG and scanners leave in a gray picture stays below."""
PERCENTILES = (5, 50, 95)

_SHEET_DRAWN = 40
_SHEET_PALEST = 8
_COLUMNS = 8
_TILE_PX, _GAP_PX, _TEXT_PX = 128, 8, 12
_PAPER, _INK = "#ffffff", "#222222"


@dataclass(frozen=True)
class Survey:
    """The pictures of a source, measured."""

    form: Form
    pictures: int
    short_side_px: tuple[int, int, int]
    """The smallest, the median and the largest."""
    percentiles: dict[str, tuple[float, ...]]
    """Of each measure of `Measures`, its `PERCENTILES`."""
    near_gray: int
    damaged: dict[str, str]
    """Names, and what is wrong."""
    found: tuple[Measures | None, ...]
    """Of each picture; None for the damaged ones."""


def survey(source: Source) -> Survey:
    """Read every picture once. Raises DataError where not one can be read."""
    numbers = np.arange(len(source))
    found = measures(source, numbers)
    damaged = {
        source.name(i): outcome.message
        for i, outcome in enumerate(found)
        if isinstance(outcome, DataError)
    }
    whole = np.array([outcome for outcome in found if isinstance(outcome, Measures)])
    if not len(whole):
        name, problem = next(iter(damaged.items()))
        raise DataError(f"None of {len(source)} pictures can be read. {name}: {problem}")
    sides = short_sides(source)
    sides = sides[sides > 0]
    return Survey(
        form=source.form,
        pictures=len(source),
        short_side_px=(int(sides.min()), int(np.median(sides)), int(sides.max())),
        percentiles={
            name: tuple(float(v) for v in np.percentile(whole[:, i], PERCENTILES))
            for i, name in enumerate(Measures._fields)
        },
        near_gray=int((whole[:, 0] < NEAR_GRAY_CHROMA).sum()),
        damaged=damaged,
        found=tuple(m if isinstance(m, Measures) else None for m in found),
    )


def contact_sheet(source: Source, surveyed: Survey) -> Image.Image:
    """Some pictures by a seeded draw, then the palest; their mean chroma below each."""
    chroma = {i: m.chroma for i, m in enumerate(surveyed.found) if m is not None}
    order = np.random.default_rng(0).permutation(list(chroma))
    parts = {
        "": sorted(int(i) for i in order[:_SHEET_DRAWN]),
        "palest": sorted(chroma, key=lambda i: chroma[i])[:_SHEET_PALEST],
    }
    columns = _COLUMNS // 2 if source.form == "pair" else _COLUMNS
    lines = [
        (part, members[first : first + columns])
        for part, members in parts.items()
        for first in range(0, len(members), columns)
    ]
    step, line = _TILE_PX + _GAP_PX, _TILE_PX + 2 * _TEXT_PX + _GAP_PX
    wide = 2 if source.form == "pair" else 1
    size = (columns * (wide * _TILE_PX + _GAP_PX) + _GAP_PX, len(lines) * line + _GAP_PX)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_TEXT_PX)
    for row, (part, members) in enumerate(lines):
        top = _GAP_PX + row * line
        for column, index in enumerate(members):
            left = _GAP_PX + column * (step + (wide - 1) * _TILE_PX)
            for at, tile in enumerate(_tiles(source, index)):
                sheet.paste(Image.fromarray(tile), (left + at * _TILE_PX, top))
            told = f"{part or index}: chroma {chroma[index]:.1f}"
            draw.text((left, top + _TILE_PX + 2), told, _INK, font)
    return sheet


def _tiles(source: Source, index: int) -> Iterable[U8]:
    """The middle of a picture in color, after the gray one of a pair."""
    view = source.view(index, load_px=_TILE_PX, crop_px=_TILE_PX)
    top, left = ((side - _TILE_PX) // 2 for side in view.shape[:2])
    view = view[top : top + _TILE_PX, left : left + _TILE_PX]
    if source.form == "lab":
        yield np.round(lab_to_srgb(lab_of(view, "lab")) * 255).astype(np.uint8)
        return
    if source.form == "pair":
        yield np.repeat(view[..., :1], 3, axis=2)
    yield view[..., -3:]
