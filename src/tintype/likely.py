"""The colors that a place may have, and what is made of knowing them: doubt, and other colorings.

A model that tells them gives, for each cell of a grid over the picture, how likely each of a fixed
set of colors is (as in Zhang et al., Colorful Image Colorization, ECCV 2016, section 2.1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tintype.color import srgb_to_lab

FloatArray = NDArray[np.float32]

STEP_LAB = 10
BOUND_LAB = 110
SIDE = 2 * BOUND_LAB // STEP_LAB + 1
"""Of the grid over a and b, in steps."""

CELL_PX = 8
"""A cell's side, in pixels of the network's input."""

NEAR_LAB = 20.0
"""A made color is right when the true one is no farther than this."""
APART_LAB = 25.0
"""Colorings that are closer than this do not differ."""
MOST_VARIANTS = 8
"""Further ones are hardly likely."""
PULL = 60.0
"""How much likelier a variant makes the color that it is about, and a reference one that it has.

There it ends, so that what the model holds to be impossible stays away."""
REFERENCE_SHARE = 0.8
"""How much of a picture's palette is to come from its reference."""
KEPT_LAB = 10.0
"""What a hint moved by this is the hint's."""
ROUNDS = 8
LEAST = 1e-6


@cache
def colors() -> FloatArray:
    """The colors that are told of, (Q, 2), a and b in Lab units: a grid over those of sRGB."""
    levels = np.linspace(0, 1, 52)
    rgb = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
    steps = np.rint(srgb_to_lab(rgb)[:, 1:] / STEP_LAB)
    return np.asarray(STEP_LAB * np.unique(steps, axis=0), np.float32)


@cache
def nearest() -> NDArray[np.int64]:
    """The number of the color nearest to each step of a and b from -110 to 110, (SIDE, SIDE)."""
    steps = np.arange(SIDE) * STEP_LAB - BOUND_LAB
    every = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1)
    distances = ((every[:, :, None] - colors()) ** 2).sum(-1)
    return np.asarray(distances.argmin(-1), np.int64)


@dataclass(frozen=True)
class Palette:
    """The colors of a picture: (N, 2), a and b in whole Lab units, and how much it has of each."""

    ab: FloatArray
    shares: FloatArray

    @classmethod
    def of(cls, ab: FloatArray) -> Palette:
        """Of true colors (2, H, W)."""
        found, counts = np.unique(np.rint(ab.reshape(2, -1)), axis=1, return_counts=True)
        return cls(found.T.astype(np.float32), np.asarray(counts / counts.sum(), np.float32))

    def over(self, colors: FloatArray) -> FloatArray:
        """How much each of `colors` (Q, 2) has of it, (Q,): all that it is nearest to."""
        distances = (colors**2).sum(1) - 2 * self.ab @ colors.T  # but for what is the same for all
        shares = np.bincount(distances.argmin(1), self.shares, minlength=len(colors))
        return np.asarray(shares, np.float32)


@dataclass(frozen=True)
class Likely:
    """What a model tells of one picture.

    `ab` (2, H, W) is the color that it makes, in Lab units, `colors` (Q, 2) are the colors that it
    tells of, and `shares` (Q, h, w) how likely each is in each cell of `CELL_PX`, the last of which
    may reach beyond the picture; they add up to 1.
    """

    ab: FloatArray
    colors: FloatArray
    shares: FloatArray

    def confidence(self) -> FloatArray:
        """The chance that the true color is within `NEAR_LAB` of the made one: (H, W), 0 to 1."""
        chance = np.where(self._distances() <= NEAR_LAB, self.shares, 0).sum(0, keepdims=True)
        return np.asarray(self._over_the_picture(chance)[0].clip(0, 1))

    def palette(self) -> FloatArray:
        """How much of the picture has each color, (Q,)."""
        return np.asarray(self.shares.mean((1, 2)))

    def toward(self, palette: Palette) -> Likely:
        """The same picture when another's palette guides it.

        The palette is brought to where it is likeliest: the shares are scaled, color by color,
        until the picture as a whole has it (Sinkhorn and Knopp 1967; entropic transport), or a
        color has become `PULL` times as likely, or as unlikely, as it was.
        """
        smooth = self._near() @ palette.over(self.colors)
        goal = (1 - REFERENCE_SHARE) * self.palette() + REFERENCE_SHARE * smooth / smooth.sum()
        scale = np.ones(len(self.colors))
        for _ in range(ROUNDS):
            scale *= goal / np.maximum(self._scaled(scale).mean((1, 2)), LEAST)
            scale = np.clip(scale, 1 / PULL, PULL)
        return self._with(scale)

    def variant(self, number: int) -> Likely:
        """Another likely coloring, from 1, the likeliest first.

        Each is about the color that is likeliest where something else was made, of those that are
        not near an earlier one's. All cells lean to it as far as they may have it, so that what
        looks alike changes alike. Where nothing else is likely, it is the same picture.
        """
        near = self._near()
        elsewhere = np.where(self._distances() > APART_LAB, self.shares, 0).mean((1, 2))
        elsewhere = near @ elsewhere
        for _ in range(number):
            center = int(elsewhere.argmax())
            if elsewhere[center] < LEAST:
                return self
            away = np.linalg.norm(self.colors - self.colors[center], axis=1)
            elsewhere = np.where(away > APART_LAB, elsewhere, 0)
        return self._with(1 + PULL * near[center])

    def keeping(self, before: Likely, mask: FloatArray, plain_ab: FloatArray) -> Likely:
        """With what hints said, which `before` had: neither a variant nor a reference changes it.

        `mask` (1, H, W) is 1 where there are hints, `plain_ab` the color that is made without them:
        what they changed by `KEPT_LAB` is kept, and less of what they changed less.
        """
        there = Image.fromarray((255 * mask[0]).astype(np.uint8))
        there = there.filter(ImageFilter.GaussianBlur(CELL_PX))
        changed = np.linalg.norm(before.ab - plain_ab, axis=0) / KEPT_LAB
        kept = np.clip(changed + np.asarray(there) / 64, 0, 1)
        return replace(self, ab=kept * before.ab + (1 - kept) * self.ab)

    def _distances(self) -> FloatArray:
        """From each color to the made one, (Q, h, w)."""
        y, x = (
            np.minimum(np.arange(count) * CELL_PX + CELL_PX // 2, side - 1)
            for count, side in zip(self.shares.shape[1:], self.ab.shape[1:], strict=True)
        )
        made = self.ab[:, y[:, None], x]
        return np.asarray(np.linalg.norm(self.colors[:, :, None, None] - made, axis=1))

    def _near(self) -> FloatArray:
        """How much each color is like each other, (Q, Q), 0 to 1."""
        square = ((self.colors[:, None] - self.colors) ** 2).sum(-1)
        return np.asarray(np.exp(-square / (2 * STEP_LAB**2)))

    def _scaled(self, scale: NDArray[np.floating[Any]]) -> FloatArray:
        scaled = self.shares * scale[:, None, None]
        return np.asarray(scaled / np.maximum(scaled.sum(0), LEAST), np.float32)

    def _with(self, scale: NDArray[np.floating[Any]]) -> Likely:
        """With other shares, the color changed by as much as their means are."""
        shares = self._scaled(scale)
        change = np.einsum("qc,qhw->chw", self.colors, shares - self.shares)
        return Likely(self.ab + self._over_the_picture(change), self.colors, shares)

    def _over_the_picture(self, planes: FloatArray) -> FloatArray:
        """Of cells (C, h, w) to pixels (C, H, W)."""
        height, width = self.ab.shape[1:]
        size = (planes.shape[2] * CELL_PX, planes.shape[1] * CELL_PX)
        sized = [Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR) for plane in planes]
        return np.stack([np.asarray(plane)[:height, :width] for plane in sized])
