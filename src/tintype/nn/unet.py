"""U-Nets that start from nothing: that of pix2pix, and a plain small one."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from tintype.nn.generators import Generator, to_color
from tintype.nn.layers import SLOPE, active, at_the_bottom, normal_init, normed
from tintype.nn.spaces import Space
from tintype.recipe.networks import Activation, Norm

DROPOUT_LEVELS = 3
"""Levels above the bottom one whose way up has dropout (Isola et al. 2017)."""


class UNet(Generator):
    """The U-Net of pix2pix (Isola et al. 2017): strided 4x4 convolutions down, transposed ones up.

    Takes gray (N, 1, H, W), H and W multiples of 2**levels; gives color (N, C, H, W), both in the
    units of `space`. Level i is `width` * min(2**i, 8) channels wide, and what it saw on the way
    down is joined to what comes up. The first convolution and the one at the bottom have no norm;
    with `norm_at_ends` and batch norm they have, as DCGAN asks (Radford et al. 2016, section 3).
    """

    def __init__(
        self,
        space: Space = "ab",
        width: int = 64,
        levels: int = 8,
        norm: Norm = "batch",
        dropout: float = 0.5,
        activation: Activation = "relu",
        norm_at_ends: bool = False,
    ) -> None:
        super().__init__()
        self.space, self.multiple_of = space, 2**levels
        widths = [width * min(2**i, 8) for i in range(levels)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for i in range(levels):
            first = i == 0
            of_level: Norm = norm
            if i in (0, levels - 1):
                of_level = at_the_bottom(norm) if norm_at_ends else "none"
            below = nn.Conv2d(1 if first else widths[i - 1], widths[i], 4, 2, 1)
            if norm != "none":  # these two go without a bias all the same
                below.bias = None
            self.down.append(
                nn.Sequential(
                    *([] if first else [nn.LeakyReLU(SLOPE)]),
                    *normed(below, of_level),
                )
            )
        for i in reversed(range(levels)):
            joined = widths[i] if i == levels - 1 else 2 * widths[i]
            if i == 0:
                out = nn.ConvTranspose2d(joined, self.color_channels, 4, 2, 1)
                self.up.append(nn.Sequential(active(activation), out))
                continue
            above = nn.ConvTranspose2d(joined, widths[i - 1], 4, 2, 1)
            drops = dropout and levels - 1 - DROPOUT_LEVELS <= i < levels - 1
            self.up.append(
                nn.Sequential(
                    active(activation),
                    *normed(above, norm),
                    *([nn.Dropout(dropout)] if drops else []),
                )
            )
        self.apply(normal_init)

    def forward(self, gray: Tensor) -> Tensor:
        x, skips = gray, []
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = self.up[0](skips.pop())
        for up in list(self.up)[1:]:
            x = up(torch.cat([skips.pop(), x], 1))
        return to_color(self.space, x)


class SimpleUNet(Generator):
    """A plain U-Net (Ronneberger et al. 2015): two 3x3 convolutions a level, pooled down.

    Takes gray (N, 1, H, W), H and W multiples of 2**levels; gives color (N, C, H, W), both in the
    units of `space`. Level i is `width` * 2**i channels wide.
    """

    def __init__(
        self,
        space: Space = "ab",
        width: int = 32,
        levels: int = 4,
        norm: Norm = "batch",
        dropout: float = 0.0,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.space, self.multiple_of = space, 2**levels

        def twice(channels_in: int, channels_out: int, norm: Norm = norm) -> nn.Sequential:
            first = nn.Conv2d(channels_in, channels_out, 3, padding=1)
            second = nn.Conv2d(channels_out, channels_out, 3, padding=1)
            return nn.Sequential(
                *normed(first, norm), active(activation), *normed(second, norm), active(activation)
            )

        widths = [width * 2**i for i in range(levels + 1)]
        self.down = nn.ModuleList([twice(1, width)])
        self.enlarge, self.up = nn.ModuleList(), nn.ModuleList()
        for narrow, wide in pairwise(widths):
            self.down.append(
                twice(narrow, wide, at_the_bottom(norm) if wide == widths[-1] else norm)
            )
            self.enlarge.insert(0, nn.ConvTranspose2d(wide, narrow, 2, 2))
            self.up.insert(0, twice(2 * narrow, narrow))
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout)
        self.to_color = nn.Conv2d(width, self.color_channels, 1)

    def forward(self, gray: Tensor) -> Tensor:
        x = self.down[0](gray)
        skips = []
        for down in list(self.down)[1:]:
            skips.append(x)
            x = down(self.pool(x))
        x = self.dropout(x)
        for enlarge, up in zip(self.enlarge, self.up, strict=True):
            x = up(torch.cat([skips.pop(), enlarge(x)], 1))
        return to_color(self.space, self.to_color(x))
