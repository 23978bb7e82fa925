"""CIELAB as scikit-image has it, so that anyone can repeat the figures with it.

`tintype.color`, which colors, keeps gray exactly neutral; here the constants are the rounded ones
that published evaluations use: the sRGB matrix to six digits (Poynton), the white of ASTM E308 for
D65 and 2 degrees, and the CIE's 1976 thresholds to four. The two differ by less than 0.02 in Lab.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tintype.color import srgb_decode, srgb_encode

Floats = NDArray[np.float64]
RgbU8 = NDArray[np.uint8]

RGB_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
EPSILON = 0.008856  # below this the cube root gives way to a line
SLOPE = 7.787
F_EPSILON = 0.2068966  # the root of EPSILON, rounded

_LINEAR_OF_CODE = np.asarray(srgb_decode(np.arange(256) / 255), np.float64)


def rgb_to_lab(rgb_u8: RgbU8) -> Floats:
    """(H, W, 3) uint8 sRGB to CIELAB: L in [0, 100], a and b within about 110 of zero."""
    xyz = _LINEAR_OF_CODE[rgb_u8] @ (RGB_TO_XYZ / WHITE[:, None]).T
    x, y, z = np.moveaxis(np.where(xyz > EPSILON, np.cbrt(xyz), SLOPE * xyz + 16 / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def lab_to_rgb(lab: NDArray[np.floating[Any]]) -> RgbU8:
    """CIELAB to (H, W, 3) uint8 sRGB; what does not exist is clipped channel by channel."""
    fy = (lab[..., 0] + 16) / 116
    fxyz = np.stack([fy + lab[..., 1] / 500, fy, np.maximum(fy - lab[..., 2] / 200, 0)], axis=-1)
    xyz = np.where(fxyz > F_EPSILON, fxyz**3, (fxyz - 16 / 116) / SLOPE) * WHITE
    encoded = srgb_encode(xyz @ np.linalg.inv(RGB_TO_XYZ).T)
    return (np.clip(encoded, 0, 1) * 255 + 0.5).astype(np.uint8)


def with_chroma_scaled(lab: Floats, scale: float) -> RgbU8:
    """The picture of the same L and `scale` times its chroma: 0 is gray, 0.5 half the color."""
    return lab_to_rgb(lab * [1, scale, scale])
