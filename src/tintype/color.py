"""CIELAB (D65, 2 degrees) to sRGB and back, and what to do with colors that do not exist.

Colors lie on the last axis, `(..., 3)`, or are single quantities of any shape. Every function takes
anything that numpy can read and gives float64, or float32 where float32 came in.

Sources: IEC 61966-2-1:1999 for sRGB (transfer function, matrix, white), CIE 15:2018 section 8.2.1
for L*, a*, b*, and ITU-T T.871 (JFIF) for Y', Cb, Cr.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]

# IEC 61966-2-1, linear RGB to XYZ. Its rows sum to the white, so neutral stays neutral exactly.
SRGB_TO_XYZ = np.array(
    [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
)
D65_WHITE = SRGB_TO_XYZ.sum(axis=1)

# CIE 15: f(t) is a cube root above DELTA cubed, and its tangent below
DELTA = 6 / 29

# f_x = f_y + a / 500 and f_z = f_y - b / 200
A_PER_F = 500.0
B_PER_F = 200.0

# ITU-T T.871: luma and the two color differences of JPEG, as fractions of full scale
RGB_TO_YCC = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.299 / 1.772, -0.587 / 1.772, 0.5],
        [0.5, -0.587 / 1.402, -0.114 / 1.402],
    ]
)


def _floats(values: ArrayLike) -> Floats:
    array = np.asarray(values)
    return array if array.dtype == np.float32 else array.astype(np.float64)


def _through(matrix: Floats, colors: Floats) -> Floats:
    return np.asarray(colors @ matrix.T.astype(colors.dtype))


def srgb_decode(encoded: ArrayLike) -> Floats:
    """sRGB code values in [0, 1] to linear light in [0, 1] (IEC 61966-2-1).

    >>> float(srgb_decode(0.5).round(4))
    0.214
    """
    code = _floats(encoded)
    return np.where(code <= 0.04045, code / 12.92, ((np.maximum(code, 0) + 0.055) / 1.055) ** 2.4)


def srgb_encode(linear: ArrayLike) -> Floats:
    """Linear light in [0, 1] to sRGB code values in [0, 1] (IEC 61966-2-1)."""
    light = _floats(linear)
    curve = 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, light * 12.92, curve)


def lab_f(ratio: ArrayLike) -> Floats:
    """The compressive function of CIELAB, of a tristimulus value over that of the white."""
    t = _floats(ratio)
    return np.where(t > DELTA**3, np.cbrt(t), t / (3 * DELTA**2) + 4 / 29)


def lab_f_inverse(f: ArrayLike) -> Floats:
    """Tristimulus value over that of the white, from `lab_f` of it."""
    t = _floats(f)
    return np.where(t > DELTA, t**3, 3 * DELTA**2 * (t - 4 / 29))


def lightness(luminance: ArrayLike) -> Floats:
    """CIELAB L in [0, 100] of a relative luminance Y in [0, 1].

    >>> float(lightness(0.1842).round(1))
    50.0
    """
    return 116 * lab_f(luminance) - 16


def luminance(lightness: ArrayLike) -> Floats:
    """Relative luminance Y in [0, 1] of a CIELAB L in [0, 100]."""
    return lab_f_inverse((_floats(lightness) + 16) / 116)


def gray_of(srgb: ArrayLike) -> Floats:
    """The gray code value, in [0, 1], that gives as much light as a color does.

    `srgb` is `(..., 3)` in [0, 1]; the answer is `(...)`: its linear-light luminance, encoded.
    """
    return srgb_encode(srgb_decode(srgb) @ SRGB_TO_XYZ[1])


def fit_gamut(linear: ArrayLike, luminance: ArrayLike) -> Floats:
    """Desaturate colors that do not exist towards the gray of the same luminance.

    `linear` is `(..., 3)` linear RGB of any range, `luminance` its `(...)` Y in [0, 1]. On the
    straight line from the color to its gray, luminance is constant: the color moves along it until
    all three channels lie in [0, 1]. Hue keeps, light keeps; clipping by channel would shift both.
    """
    rgb = _floats(linear)
    gray = _floats(luminance)[..., None].astype(rgb.dtype)
    chroma = rgb - gray
    tiny = np.finfo(rgb.dtype).tiny
    excess = np.maximum(chroma / np.maximum(1 - gray, tiny), -chroma / np.maximum(gray, tiny))
    return np.asarray(gray + chroma / np.maximum(excess.max(axis=-1, keepdims=True), 1))


def srgb_to_lab(srgb: ArrayLike) -> Floats:
    """sRGB in [0, 1], `(..., 3)`, to CIELAB: L in [0, 100], a and b in about -110..110."""
    fx, fy, fz = np.moveaxis(
        lab_f(_through(SRGB_TO_XYZ / D65_WHITE[:, None], srgb_decode(srgb))), -1, 0
    )
    return np.stack([116 * fy - 16, A_PER_F * (fx - fy), B_PER_F * (fy - fz)], axis=-1)


def lab_to_srgb(lab: ArrayLike) -> Floats:
    """CIELAB, `(..., 3)`, to sRGB in [0, 1]; what does not exist is desaturated (`fit_gamut`)."""
    light, a, b = np.moveaxis(_floats(lab), -1, 0)
    fy = (light + 16) / 116
    xyz = lab_f_inverse(np.stack([fy + a / A_PER_F, fy, fy - b / B_PER_F], axis=-1))
    linear = _through(np.linalg.inv(SRGB_TO_XYZ) * D65_WHITE, xyz)
    return np.clip(srgb_encode(fit_gamut(linear, xyz[..., 1])), 0, 1)
