"""The best, the median and the worst pictures, to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tintype.evaluate.compare import BASELINES
from tintype.evaluate.measure import Truth
from tintype.evaluate.metrics.lab import RgbU8
from tintype.evaluate.names import shortened, text_width
from tintype.evaluate.run import Evaluation

PICTURES_A_PART = 4
_TILE_PX = 200
_GAP_PX = 8
_TEXT_PX = 15
_PAPER, _INK = "#ffffff", "#222222"


@dataclass(frozen=True)
class Exhibit:
    """One picture: what each row makes of it, and the CIEDE2000 of each."""

    picture: str
    de00: Mapping[str, float]
    made: Mapping[str, RgbU8]


def exhibits(evaluation: Evaluation) -> dict[str, list[Exhibit]]:
    """Parts `best`, `median` and `worst`, by the mean CIEDE2000 of the rows that are no baselines.

    Of each picture: gray, half, truth, and every such row. No picture is in two parts.
    """
    comparison = evaluation.comparison
    baselines = [row.name for row in BASELINES]
    compared = [row.name for row in comparison.rows if row.name not in baselines]
    mean_de00 = np.mean([comparison.column(row, "de00") for row in compared], axis=0)
    order = [int(i) for i in np.argsort(mean_de00, kind="stable")]
    n = len(order)
    k = max(min(PICTURES_A_PART, n // 3), 1)
    middle = max((n - k) // 2, k)
    chosen = {
        "best": order[:k],
        "median": order[middle : middle + k] if n > 2 else [],
        "worst": order[max(n - k, k) :][::-1],
    }
    makers = {row.name: row.maker_of for row in comparison.rows}
    names = list(comparison.pictures)
    parts: dict[str, list[Exhibit]] = {}
    for part, members in chosen.items():
        for index in members:
            name = names[index]
            truth = Truth(comparison.pictures[name], evaluation.protocol)
            rows = [*baselines, *compared]
            parts.setdefault(part, []).append(
                Exhibit(
                    name,
                    {row: float(comparison.column(row, "de00")[index]) for row in rows},
                    {row: makers[row](name).result(truth) for row in rows},
                )
            )
    return parts


def contact_sheet(parts: Mapping[str, Sequence[Exhibit]]) -> Image.Image:
    """All of them on one sheet: a picture a line, a row of the table a column."""
    lines = [(part, exhibit) for part, members in parts.items() for exhibit in members]
    columns = list(lines[0][1].made)
    step, head = _TILE_PX + _GAP_PX, _TEXT_PX + 2 * _GAP_PX
    sheet = Image.new("RGB", (len(columns) * step + _GAP_PX, head + len(lines) * (step + head)))
    sheet.paste(_PAPER, (0, 0, *sheet.size))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_TEXT_PX)
    for i, name in enumerate(shortened(columns, _TILE_PX, text_width(_TEXT_PX))):
        draw.text((_GAP_PX + i * step, _GAP_PX // 2), name, _INK, font)
    top = head
    for part, exhibit in lines:
        tiles = [Image.fromarray(rgb_u8) for rgb_u8 in exhibit.made.values()]
        for tile in tiles:
            tile.thumbnail((_TILE_PX, _TILE_PX), Image.Resampling.LANCZOS)
        below = top + tiles[0].height + _GAP_PX // 2
        for i, (name, tile) in enumerate(zip(columns, tiles, strict=True)):
            told = part if name == "truth" else f"CIEDE2000 {exhibit.de00[name]:.1f}"
            sheet.paste(tile, (_GAP_PX + i * step, top))
            draw.text((_GAP_PX + i * step, below), told, _INK, font)
        top += tiles[0].height + head
    return sheet.crop((0, 0, sheet.width, top))
