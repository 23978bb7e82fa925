"""A batch of pictures, as the networks and the losses see it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tintype.data.source import Form
from tintype.nn.lab import l_from_gray_u8, lab_from_rgb_u8
from tintype.nn.spaces import AB_UNIT, Space, color_of, gray_of


@dataclass(frozen=True)
class Views:
    """One batch, on the device: what the generator gets, what it should give, and in Lab.

    `gray` and `color` are in the networks' units of `space` (`tintype.nn.spaces`); `l` (N, 1, H, W)
    is the lightness that `gray` shows, `lab` (N, 3, H, W) the truth. `weight` (N, 1, H, W), mean
    about 1, says how much each pixel counts. `hints` (N, 3, H, W) are what a generator that takes
    some is told.
    """

    space: Space
    gray: Tensor
    color: Tensor
    l: Tensor
    lab: Tensor
    weight: Tensor | None = None
    hints: Tensor | None = None

    @property
    def given(self) -> tuple[Tensor, ...]:
        """What the generator is given."""
        return (self.gray,) if self.hints is None else (self.gray, self.hints)

    @property
    def lab_per_unit(self) -> float:
        """Lab units in one unit of `color`; of RGB, about, along the axis of yellow and blue."""
        return AB_UNIT


def views_of(
    space: Space,
    l: Tensor,
    lab: Tensor,
    weight: Tensor | None = None,
    hints: Tensor | None = None,
) -> Views:
    """The views of a batch from its lightness and its true Lab."""
    return Views(space, gray_of(space, l), color_of(space, lab), l, lab, weight, hints)


def l_and_lab(form: Form, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """The lightness to color from (N, 1, H, W), and the truth in Lab (N, 3, H, W).

    `pictures` are (N, C, H, W) uint8 as a source of this form gives them. Of a pair, the lightness
    is that of its gray picture, otherwise the truth's own.
    """
    if form == "pair":
        return l_from_gray_u8(pictures[:, :1]), lab_from_rgb_u8(pictures[:, 1:])
    if form == "lab":  # OpenCV's 8-bit Lab
        x = pictures.float()
        lab = torch.cat([x[:, :1] * (100 / 255), x[:, 1:] - 128], 1)
    else:
        lab = lab_from_rgb_u8(pictures)
    return lab[:, :1], lab
