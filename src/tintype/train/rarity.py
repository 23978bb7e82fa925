"""Rare colors count more: weights by color, from the ab histogram of the training pictures."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tintype.evaluate.metrics.chroma import blur
from tintype.recipe.stages import RaritySpec

BIN_LAB = 5
BOUND_LAB = 110
BINS = 2 * BOUND_LAB // BIN_LAB
HEAVIEST = 30.0
"""Weights end here: a color seen once in a million pixels must not make the whole gradient."""


def histogram(ab: Tensor) -> NDArray[np.float64]:
    """Shares of colors, (BINS, BINS) over a and b from -110 to 110, of `ab` (N, 2, H, W)."""
    bins = ((ab + BOUND_LAB) / BIN_LAB).long().clamp(0, BINS - 1)
    flat = (bins[:, 0] * BINS + bins[:, 1]).flatten()
    counts = torch.bincount(flat, minlength=BINS * BINS).double()
    return (counts / counts.sum()).reshape(BINS, BINS).cpu().numpy()


def weights(shares: NDArray[np.float64], spec: RaritySpec) -> NDArray[np.float32]:
    """How much each color counts, (BINS, BINS); the mean over the pictures' own colors is 1.

    1 / ((1 - u) p + u / Q): p the smoothed shares, Q the number of colors that occur, u
    `spec.uniform` (Zhang et al., Colorful Image Colorization, ECCV 2016, equation 4).
    """
    p = blur(shares[..., None], spec.smooth_lab / BIN_LAB)[..., 0]
    occurs = p > 1e-7
    p = np.where(occurs, p, 0) / p[occurs].sum()
    mixed = (1 - spec.uniform) * p + spec.uniform / occurs.sum()
    weight = 1 / mixed
    weight = np.minimum(weight / (weight * shares).sum(), HEAVIEST)
    return np.asarray(weight / (weight * shares).sum(), np.float32)


def weight_of(table: Tensor, ab: Tensor) -> Tensor:
    """The weight of each pixel, (N, 1, H, W), of `ab` (N, 2, H, W) in Lab units."""
    bins = ((ab + BOUND_LAB) / BIN_LAB).long().clamp(0, BINS - 1)
    return table[bins[:, 0], bins[:, 1]][:, None]
