"""Between Lab and what networks see: gray and color in the networks' own units."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

from torch import Tensor, nn

from tintype.nn.lab import gray_from_l, lab_from_rgb, rgb_from_lab

Space = Literal["ab", "rgb"]

AB_UNIT = 110.0
"""sRGB's ab lies within +-108 in Lab units, so ab / AB_UNIT lies within +-1."""


def gray_of(space: Space, l: Tensor) -> Tensor:
    """What a generator sees of `l` (N, 1, H, W) in Lab units: L / 50 - 1, or the gray in [0, 1]."""
    return l / 50 - 1 if space == "ab" else gray_from_l(l)


def color_of(space: Space, lab: Tensor) -> Tensor:
    """The truth as a generator should give it: ab / AB_UNIT (N, 2, H, W), or RGB (N, 3, H, W)."""
    return lab[:, 1:] / AB_UNIT if space == "ab" else rgb_from_lab(lab).clamp(0, 1)


def chroma_of(space: Space, color: Tensor) -> Tensor:
    """The `ab` (N, 2, H, W), in Lab units, of what a generator gave."""
    return color * AB_UNIT if space == "ab" else lab_from_rgb(color.clamp(0, 1))[:, 1:]


class Colors(nn.Module):
    """A generator from Lab to Lab: `l` (N, 1, H, W) in [0, 100] to `ab` (N, 2, H, W).

    `autocast` holds for the generator alone: Lab in bfloat16 would be off by half a unit.
    """

    def __init__(
        self,
        generator: nn.Module,
        space: Space,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        super().__init__()
        self.generator, self.space, self.autocast = generator, space, autocast

    def forward(self, l: Tensor) -> Tensor:
        gray = gray_of(self.space, l)
        with self.autocast():
            color: Tensor = self.generator(gray)
        return chroma_of(self.space, color.float())
