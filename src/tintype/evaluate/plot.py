"""Distributions as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np

from tintype.evaluate.columns import Column
from tintype.evaluate.metrics.lab import Floats
from tintype.evaluate.names import shortened, text_width

_WIDTH, _LABEL, _LINE = 520, 160, 38
_TEXT_PX = 19  # the page sets 16 on a phone, and fonts of its readers may be wider
_POINTS = 80
_TICKS = 5


def distributions(column: Column, values: Mapping[str, Floats]) -> str:
    """How a figure spreads over the pictures: a hill for each row, its median marked.

    The outermost hundredth on either side is cut off. Empty when no row has a spread.
    """
    finite = {row: v[np.isfinite(v)] for row, v in values.items()}
    hills = {row: v for row, v in finite.items() if v.size > 1 and np.ptp(v) > 0}
    if not hills:
        return ""
    everything = np.concatenate(list(hills.values()))
    low, high = (float(end) for end in np.percentile(everything, [1, 99]))
    if low == high:
        low, high = float(everything.min()), float(everything.max())
    plot = _WIDTH - _LABEL - 10

    def x(value: float) -> float:
        return _LABEL + (value - low) / (high - low) * plot

    height = len(hills) * _LINE + 26
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="Distribution of {escape(column.label)}">'
    ]
    for tick in _round_ticks(low, high):
        parts.append(
            f'<path class="grid" d="M{x(tick):.1f} 4V{height - 20}"/>'
            f'<text class="tick" x="{x(tick):.1f}" y="{height - 6}">{tick:g}</text>'
        )
    names = shortened(list(hills), _LABEL - 14, text_width(_TEXT_PX))
    for line, (name, (row, v)) in enumerate(zip(names, hills.items(), strict=True)):
        base = (line + 1) * _LINE
        density = _density(v, low, high)
        points = " ".join(
            f"L{_LABEL + i * plot / (_POINTS - 1):.1f} {base - d * (_LINE - 8):.1f}"
            for i, d in enumerate(density)
        )
        middle = x(float(np.clip(np.median(v), low, high)))
        parts.append(
            f'<text class="row" x="{_LABEL - 10}" y="{base - 4}">{escape(name)}'
            f"<title>{escape(row)}</title></text>"
            f'<path class="hill" d="M{_LABEL} {base}{points}L{_LABEL + plot} {base}Z"/>'
            f'<path class="median" d="M{middle:.1f} {base}v-{_LINE - 8}"/>'
        )
    return "".join([*parts, "</svg>"])


def _density(values: Floats, low: float, high: float) -> Floats:
    """A Gaussian kernel estimate with Scott's width, its peak at 1."""
    width = max(float(values.std()) * values.size**-0.2, (high - low) / _POINTS)
    at = np.linspace(low, high, _POINTS)
    density = np.exp(-0.5 * ((at[:, None] - values) / width) ** 2).sum(1)
    return np.asarray(density / density.max())


def _round_ticks(low: float, high: float) -> Floats:
    rough = (high - low) / _TICKS
    power = 10 ** np.floor(np.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough)
    ticks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return np.asarray(np.round(ticks, 10) + 0.0)  # no -0
