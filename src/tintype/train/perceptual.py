"""The perceptual distance: what a frozen network makes of the colored picture and of the true."""

from __future__ import annotations

import torch
from torch import Tensor

from tintype.nn import losses
from tintype.nn.encoders import MobileNetV2
from tintype.nn.lab import rgb_from_lab
from tintype.nn.spaces import chroma_of
from tintype.train.views import Views
from tintype.train.weights import load_encoder

LAYERS = 4
"""The taps at 1/2 to 1/16 of the size; deeper ones no longer know where a color was."""


class Perceptual:
    """Distance of features of MobileNetV2 over RGB, frozen. Raises what `load_encoder` does."""

    def __init__(self, weights: str, device: torch.device) -> None:
        encoder = MobileNetV2(channels_in=3)
        load_encoder(encoder, weights, key="perceptual.weights")
        self._encoder = encoder.eval().requires_grad_(False).to(device)

    def __call__(self, views: Views, fake: Tensor) -> Tensor:
        """Both pictures have the true lightness, so that only color tells them apart."""
        made_lab = torch.cat([views.lab[:, :1], chroma_of(views.space, fake.float())], 1)
        made, true = self._features(made_lab), self._features(views.lab)
        return losses.perceptual(made, [t.detach() for t in true])

    def _features(self, lab: Tensor) -> list[Tensor]:
        taps, _ = self._encoder(rgb_from_lab(lab).clamp(0, 1) * 2 - 1)
        features: list[Tensor] = taps[:LAYERS]
        return features
