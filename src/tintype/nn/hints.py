"""What a generator makes of color hints: near them at every scale, and around by likeness.

The likeness works from the start, on the features of a network that has learned to color. Without
hints all that is added is exactly zero, whatever the weights: nothing on the way has a bias or a
norm.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 32
NEVER = -1e4
"""A logit that softmax turns into 0."""
NONE = -3.0
"""The logit of no hint at the start: where a hint lies it has 95 % of the weight."""
OPEN = 2.0
"""The gate at the start: open to 88 %."""


def pyramid(hints: Tensor, levels: int) -> list[Tensor]:
    """Hints (N, 3, H, W) at 1/2, 1/4, ... of their size: the mean color of those in each cell.

    The third channel is the mask: 1 where a cell holds any. Colors are 0 where it is 0.
    """
    scales, shares = [], hints
    for _ in range(levels):
        shares = F.avg_pool2d(shares, 2)
        ab, there = shares[:, :2], shares[:, 2:]
        scales.append(torch.cat([ab / there.clamp(min=1e-6), (there > 0).to(ab.dtype)], 1))
    return scales


class Near(nn.Sequential):
    """Hints of one scale to features of that scale, to be added; at first all zero."""

    def __init__(self, channels: int) -> None:
        last = nn.Conv2d(WIDTH, channels, 3, padding=1, bias=False)
        nn.init.zeros_(last.weight)
        super().__init__(nn.Conv2d(3, WIDTH, 3, padding=1, bias=False), nn.ReLU(), last)


class Alike(nn.Module):
    """Each place looks at all hints and takes from those near by and where the picture is alike.

    From features (N, C, h, w) to the hints (N, 3, h, w) of that scale: a bilateral filter (Tomasi
    and Manduchi 1998) whose kind of likeness is learned. A hint's logit is 0 where it lies and
    falls with the squared distance, on the grid and between features; against all of them stands
    that of none. Gives the hints' colors, weighted, and the sum of the weights, which is under 1:
    (N, 3, h, w).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.kind = nn.Conv2d(channels, WIDTH, 1, bias=False)
        self.nearness = nn.Parameter(torch.tensor([0.1]))  # a cell squared
        self.none = nn.Parameter(torch.tensor([NONE]))

    def forward(self, x: Tensor, hints: Tensor) -> Tensor:
        n, _, height, width = x.shape
        kind, told = self.kind(x).flatten(2).float(), hints.flatten(2)
        square = kind.square().sum(1)
        product = (kind.transpose(1, 2) @ kind).float()
        unlike = (square[:, :, None] + square[:, None] - 2 * product).clamp(min=0)
        logits = -unlike - self.nearness * _squared_distances(height, width, x.device)
        logits = logits.masked_fill(told[:, 2:] == 0, NEVER)
        none = self.none.expand(n, height * width, 1)
        share = torch.softmax(torch.cat([logits, none], -1), -1)[..., :-1]
        return (told @ share.transpose(1, 2).to(told.dtype)).view(n, 3, height, width)


class HintBranch(nn.Module):
    """All that a decoder adds for hints.

    `near` goes to the features at 1/2, 1/4, ..., which are so many `channels` wide; `alike` looks
    around at 1/16, where they are `middle` wide, and `widen` and `narrow` tell the decoder what it
    found; `gate` says from the last features, `last` wide, how much of that stands in the end.
    """

    def __init__(self, channels: Sequence[int], middle: int, last: int) -> None:
        super().__init__()
        self.near = nn.ModuleList(Near(c) for c in channels)
        self.alike = Alike(middle)
        self.widen = nn.Conv2d(3, WIDTH, 1, bias=False)
        self.narrow = nn.Conv2d(WIDTH, middle, 1, bias=False)
        self.gate = nn.Conv2d(last, 1, 3, padding=1)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, OPEN)  # type: ignore[arg-type]

    def tell(self, spread: Tensor) -> Tensor:
        """Features of what `alike` found, to be added at 1/16."""
        y: Tensor = self.narrow(F.relu(self.widen(spread)))
        return y

    def blend(self, ab: Tensor, x: Tensor, spread: Tensor) -> Tensor:
        """The color that was made, and over it what `alike` found, as far as the gate is open."""
        spread = F.interpolate(spread, ab.shape[2:], mode="bilinear", align_corners=False)
        told_ab, weight = spread[:, :2], spread[:, 2:]
        return ab + torch.sigmoid(self.gate(x)) * (told_ab - weight * ab)


def _squared_distances(height: int, width: int, device: torch.device) -> Tensor:
    """Between all cells of a grid and all others, (height * width, height * width)."""
    y = torch.arange(height, device=device)[:, None].expand(height, width).flatten()
    x = torch.arange(width, device=device)[None].expand(height, width).flatten()
    return ((y[:, None] - y) ** 2 + (x[:, None] - x) ** 2).float()
