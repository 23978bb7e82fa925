"""CIEDE2000, the difference that the eye sees between two colors."""

from __future__ import annotations

import numpy as np

from tintype.evaluate.metrics.lab import Floats

_25_TO_7 = 25.0**7
TURN = 2 * np.pi


def ciede2000(lab_1: Floats, lab_2: Floats) -> Floats:
    """CIEDE2000 between colors, (..., 3) Lab each, as (...): from 0, the same, up.

    About 1 is just visible side by side. With k_L = k_C = k_H = 1.
    A gray picture gets about the mean chroma of the truth, compressed: 8 to 14 on photographs.

    Source: Sharma, Wu and Dalal, The CIEDE2000 color-difference formula, Color Research and
    Application 30(1), 2005. Equation numbers are theirs.
    """
    l_1, a_1, b_1 = np.moveaxis(lab_1, -1, 0)
    l_2, a_2, b_2 = np.moveaxis(lab_2, -1, 0)

    c_mean_7 = _to_the_7((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2)
    stretch = 1.5 - 0.5 * np.sqrt(c_mean_7 / (c_mean_7 + _25_TO_7))  # 1 + G, eq. 4
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    c_1, c_2 = np.hypot(a_1, b_1), np.hypot(a_2, b_2)
    h_1, h_2 = _hue(a_1, b_1), _hue(a_2, b_2)

    # the difference and the mean of hues go the short way round, eq. 10 and 14; gray has no hue
    has_hue = c_1 * c_2 > 0
    dh, h_sum = h_2 - h_1, h_1 + h_2
    round_zero = np.abs(dh) > np.pi
    dh = np.where(has_hue, dh - round_zero * np.copysign(TURN, dh), 0)
    opposite = round_zero * np.where(h_sum < TURN, np.pi, -np.pi)
    h_mean = np.where(has_hue, h_sum / 2 + opposite, h_sum)
    dh_term = 2 * np.sqrt(c_1 * c_2) * np.sin(dh / 2)

    l_mean, c_mean = (l_1 + l_2) / 2, (c_1 + c_2) / 2
    t = (
        1
        - 0.17 * np.cos(h_mean - np.pi / 6)
        + 0.24 * np.cos(2 * h_mean)
        + 0.32 * np.cos(3 * h_mean + np.radians(6))
        - 0.20 * np.cos(4 * h_mean - np.radians(63))
    )
    c_mean_7 = _to_the_7(c_mean)
    rotation = (  # R_T, eq. 16, 17 and 21
        -2
        * np.sqrt(c_mean_7 / (c_mean_7 + _25_TO_7))
        * np.sin(np.radians(60) * np.exp(-(((np.degrees(h_mean) - 275) / 25) ** 2)))
    )
    off_50 = (l_mean - 50) ** 2
    dl = (l_2 - l_1) / (1 + 0.015 * off_50 / np.sqrt(20 + off_50))
    dc = (c_2 - c_1) / (1 + 0.045 * c_mean)
    dh_scaled = dh_term / (1 + 0.015 * c_mean * t)
    squared = dl**2 + dc**2 + dh_scaled**2 + rotation * dc * dh_scaled
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def _hue(a: Floats, b: Floats) -> Floats:
    """The angle of a color in the plane of a and b, in [0, 2 pi]."""
    angle = np.arctan2(b, a)
    return np.where(angle < 0, angle + TURN, angle)


def _to_the_7(c: Floats) -> Floats:
    squared = c * c  # many times faster than c**7
    return squared * squared * squared * c
