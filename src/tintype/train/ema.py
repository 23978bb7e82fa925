"""The running average of a network's weights: the network that is shown, scored and exported."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

_Network = TypeVar("_Network", bound=nn.Module)


class Ema(Generic[_Network]):
    """`average` follows `live`: average = decay * average + (1 - decay) * live, at each update.

    Early on the decay is smaller, (1 + n) / (10 + n) at update n, so that the start is forgotten.
    """

    def __init__(self, live: _Network, decay: float) -> None:
        self.average = copy.deepcopy(live).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, live: _Network) -> None:
        """Take one step towards the live weights; buffers (batch statistics) are copied."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        pairs = [
            (mine, theirs)
            for mine, theirs in zip(self.average.parameters(), live.parameters(), strict=True)
            if theirs.requires_grad
        ]
        torch._foreach_lerp_([m for m, _ in pairs], [t for _, t in pairs], 1 - decay)
        for mine, theirs in zip(self.average.buffers(), live.buffers(), strict=True):
            mine.copy_(theirs)
