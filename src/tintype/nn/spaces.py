"""Between Lab and what networks see: gray and color in the networks' own units."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tintype.likely import colors
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


def hints_of(hint_ab: Tensor, hint_mask: Tensor) -> Tensor:
    """What a generator of space `ab` sees of hints: ab / AB_UNIT and the mask, (N, 3, H, W)."""
    return torch.cat([hint_ab * hint_mask / AB_UNIT, hint_mask], 1)


class Colors(nn.Module):
    """A generator from Lab to Lab: `l` (N, 1, H, W) in [0, 100] to `ab` (N, 2, H, W).

    One that takes hints can be given `hint_ab` (N, 2, H, W) and `hint_mask` (N, 1, H, W), 0 or 1.
    With `likely`, of a generator that tells how likely colors are, it gives as well `shares`
    (N, Q, H / 8, W / 8), which add up to 1, and the colors (Q, 2) that they are of.

    `autocast` holds for the generator alone: Lab in bfloat16 would be off by half a unit.
    """

    colors: Tensor

    def __init__(
        self,
        generator: nn.Module,
        space: Space,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
        *,
        likely: bool = False,
    ) -> None:
        super().__init__()
        self.generator, self.space, self.autocast = generator, space, autocast
        self.likely = likely
        if likely:
            self.register_buffer("colors", torch.from_numpy(colors()), persistent=False)

    def forward(
        self, l: Tensor, hint_ab: Tensor | None = None, hint_mask: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        seen = [gray_of(self.space, l)]
        if hint_ab is not None and hint_mask is not None:
            seen.append(hints_of(hint_ab, hint_mask))
        with self.autocast():
            if self.likely:
                color, logits = self.generator(*seen, likely=True)
            else:
                color = self.generator(*seen)
        ab = chroma_of(self.space, color.float())
        if not self.likely:
            return ab
        return ab, logits.float().softmax(1), self.colors.clone()
