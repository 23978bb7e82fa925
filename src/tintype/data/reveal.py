"""What a network in training is told of the true colors: as if somebody had clicked on them.

Zhang et al. 2017, Real-time user-guided image colorization with learned deep priors, section 3.2:
how many points there are follows a geometric distribution, where they lie a Gaussian about the
middle, and each tells the mean color of a small square. One picture in a hundred is told whole. The
points of the picture at a position are a pure function of (seed, position).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ENDS = 1 / 8
"""The chance that no further point follows; so one picture in eight has none."""
SPREAD = 1 / 4
"""Standard deviation of a point about the middle, as a share of the side."""
LARGEST_PX = 9
WHOLE = 0.01
"""The share of pictures that are told whole."""


@dataclass(frozen=True)
class Told:
    """What is told of a batch of pictures, on the host."""

    whole: Tensor
    """(N,) bool: pictures of which everything is told."""
    squares: Tensor
    """(K, 4) int64: picture, top, left, side in pixels; later ones lie over earlier ones."""


def told(seed: int, positions: Sequence[int], px: int, share: float = 1.0) -> Told:
    """What is told of the pictures at these positions, `px` by `px` pixels each, from 9.

    With probability 1 - `share` nothing is.
    """
    whole, squares = [], []
    for row, position in enumerate(positions):
        # the last word of the counter keeps clear of what else is drawn for this position
        bits = np.random.Philox(key=[seed, position], counter=[0, 0, 0, 2])
        draw = np.random.Generator(bits)
        spared, all_of_it = draw.random(2)
        count = draw.geometric(ENDS) - 1
        whole.append(spared < share and all_of_it < WHOLE)
        if spared >= share or whole[-1] or not count:
            continue
        middle = (px * draw.normal(0.5, SPREAD, (count, 2))).clip(0, px - 1).astype(np.int64)
        side = draw.integers(1, LARGEST_PX + 1, (count, 1))
        corner = (middle - side // 2).clip(0, px - side)
        squares.append(np.hstack([np.full((count, 1), row), corner, side]))
    return Told(
        torch.tensor(whole),
        torch.from_numpy(np.concatenate(squares) if squares else np.zeros((0, 4), np.int64)),
    )


def reveal(ab: Tensor, told: Told) -> tuple[Tensor, Tensor]:
    """Hints for pictures whose true color is `ab` (N, 2, H, W), in its units.

    Gives colors (N, 2, H, W), 0 where nothing is told, and a mask (N, 1, H, W) of 0 and 1.
    """
    n, _, height, width = ab.shape
    row, top, left, side = told.squares.to(ab.device, non_blocking=True).T[..., None, None]
    y = torch.arange(LARGEST_PX, device=ab.device)[:, None]
    x = torch.arange(LARGEST_PX, device=ab.device)[None]
    inside = (y < side) & (x < side)  # (K, 9, 9): the pixels of each square
    at = (row * height + top + y) * width + left + x
    at = torch.where(inside, at, n * height * width)  # those outside it share a spare pixel
    colors = torch.cat([ab.movedim(1, -1).reshape(-1, 2), ab.new_zeros(1, 2)])
    means = colors[at].sum((1, 2)) / side[:, 0] ** 2
    # the last square on each pixel, of those counted from 1
    number = torch.arange(1, len(means) + 1, device=ab.device)[:, None, None].expand_as(at)
    last = torch.zeros(n * height * width + 1, dtype=torch.int64, device=ab.device)
    last = last.scatter_reduce(0, at.flatten(), number.flatten(), "amax")[:-1]
    hint_ab = torch.cat([ab.new_zeros(1, 2), means])[last].view(n, height, width, 2).movedim(-1, 1)
    mask = (last > 0).view(n, 1, height, width)
    whole = told.whole.to(ab.device, non_blocking=True)[:, None, None, None]
    return torch.where(whole, ab, hint_ab), (mask | whole).to(ab.dtype)
