"""Colorfulness, and colors at the edge of what a screen can show."""

from __future__ import annotations

import numpy as np

from tintype.evaluate.metrics.lab import Floats, RgbU8

NEITHER_BLACK_NOR_WHITE_L = (10.0, 90.0)


def colorfulness(rgb_u8: RgbU8) -> float:
    """Colorfulness of an sRGB picture, from 0 (gray) to about 110 (extremely colorful).

    More is not better: set it beside the truth's. A gray picture gets 0.

    Source: Hasler and Suesstrunk, Measuring colourfulness in natural images, SPIE 5007, 2003,
    their M3, with R, G, B in [0, 255] and opponents rg = R - G, yb = (R + G) / 2 - B.
    """
    r, g, b = np.moveaxis(rgb_u8.astype(np.float64), -1, 0)
    rg, yb = r - g, (r + g) / 2 - b
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def out_of_gamut(rgb_u8: RgbU8, lab: Floats) -> float:
    """Share, in [0, 1], of pixels whose color was too strong for sRGB at its lightness.

    A file cannot hold a color outside sRGB: clipped or desaturated, it ends on the boundary, with
    a channel at 0 or 255. Counted among pixels of L from 10 to 90, since noise alone takes darker
    and lighter ones there. Photographs themselves have some: compare with the truth's.
    A gray picture gets 0.
    """
    low, high = NEITHER_BLACK_NOR_WHITE_L
    counted = (lab[..., 0] > low) & (lab[..., 0] < high)
    if not counted.any():
        return 0.0
    return float(((rgb_u8 == 0) | (rgb_u8 == 255)).any(-1)[counted].mean())
