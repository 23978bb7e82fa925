"""The part of a generator that tells how likely each color is, and how it learns to."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tintype.likely import BOUND_LAB, CELL_PX, SIDE, STEP_LAB, colors, nearest

WIDTH = 64


class LikelyHead(nn.Sequential):
    """Features (N, C, h, w) at 1/8 of the picture to logits of the colors, (N, Q, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv2d(channels, WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(WIDTH, len(colors()), 1),
        )


def shares_of(ab: Tensor) -> Tensor:
    """How much of each cell has each color: (N, Q, H / 8, W / 8), of `ab` (N, 2, H, W).

    H and W are multiples of 8. Each pixel counts for the four colors about it, by its nearness to
    them.
    """
    n, _, height, width = ab.shape
    table = torch.from_numpy(nearest()).to(ab.device)
    places = ((ab.clamp(-BOUND_LAB, BOUND_LAB) + BOUND_LAB) / STEP_LAB).movedim(1, -1)
    low = places.floor().clamp(max=SIDE - 2)
    part = places - low
    y = torch.arange(height, device=ab.device)[:, None] // CELL_PX
    x = torch.arange(width, device=ab.device)[None] // CELL_PX
    cells_high, cells_wide, count = height // CELL_PX, width // CELL_PX, len(colors())
    picture = torch.arange(n, device=ab.device)[:, None, None]
    cell = (picture * cells_high + y) * cells_wide + x
    shares = ab.new_zeros(n * cells_high * cells_wide * count)
    for up_a in (0, 1):
        for up_b in (0, 1):
            at = low.long() + torch.tensor([up_a, up_b], device=ab.device)
            color = table[at[..., 0], at[..., 1]]
            near_a = part[..., 0] if up_a else 1 - part[..., 0]
            near_b = part[..., 1] if up_b else 1 - part[..., 1]
            shares.index_add_(0, (cell * count + color).flatten(), (near_a * near_b).flatten())
    shares = shares.view(n, cells_high, cells_wide, count).movedim(-1, 1)
    return shares / CELL_PX**2


def cross_entropy(logits: Tensor, ab: Tensor) -> Tensor:
    """Of the told colors against the true ones, `ab` (N, 2, H, W) in Lab units; in nats."""
    return F.cross_entropy(logits.float(), shares_of(ab))
