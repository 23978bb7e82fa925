"""Discriminators: gray and color together in, real or made out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, cat, nn

from tintype.nn.layers import SLOPE, normal_init, normed
from tintype.recipe.networks import Norm


class PatchDiscriminator(nn.Module):
    """PatchGAN (Isola et al. 2017): one logit for each overlapping patch, not one a picture.

    Takes the gray (N, 1, H, W) and the color (N, C, H, W), in the networks' units (`spaces`); gives
    logits (N, 1, h, w), positive where the patch looks real. `layers` stride-2 convolutions see 70
    pixels at 3, 34 at 2. The first convolution has no norm. At `shrink` 2 the picture is judged at
    half its size.
    """

    def __init__(
        self,
        color_channels: int = 2,
        width: int = 64,
        layers: int = 3,
        norm: Norm = "batch",
        shrink: int = 1,
    ) -> None:
        super().__init__()
        self.shrink = shrink
        net: list[nn.Module] = [nn.Conv2d(1 + color_channels, width, 4, 2, 1), nn.LeakyReLU(SLOPE)]
        channels = width
        for i in range(1, layers + 1):
            out = width * min(2**i, 8)
            conv = nn.Conv2d(channels, out, 4, 2 if i < layers else 1, 1)
            net += [*normed(conv, norm), nn.LeakyReLU(SLOPE)]
            channels = out
        net.append(nn.Conv2d(channels, 1, 4, 1, 1))
        self.net = nn.Sequential(*net)
        self.apply(normal_init)

    def forward(self, gray: Tensor, color: Tensor) -> Tensor:
        pair = cat([gray, color], 1)
        if self.shrink > 1:
            pair = F.avg_pool2d(pair, self.shrink)
        logits: Tensor = self.net(pair)
        return logits


class ImageDiscriminator(nn.Module):
    """One logit for the whole picture: convolutions with pooling, then one linear layer.

    Takes the gray (N, 1, P, P) and the color (N, C, P, P), in the networks' units (`spaces`), P =
    `crop_px`, a multiple of 2**layers; gives logits (N, 1), positive where the picture looks real.
    The first convolution has no norm (Radford et al. 2016, section 3).
    """

    def __init__(
        self,
        color_channels: int = 2,
        crop_px: int = 128,
        width: int = 64,
        layers: int = 5,
        norm: Norm = "batch",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        net: list[nn.Module] = []
        channels = 1 + color_channels
        for i in range(layers):
            out = width * min(2**i, 8)
            conv = nn.Conv2d(channels, out, 3, padding=1)
            net += [
                *normed(conv, norm if i > 0 else "none"), nn.LeakyReLU(SLOPE), nn.MaxPool2d(2)
            ]  # fmt: skip
            channels = out
        net += [nn.Flatten(), *([nn.Dropout(dropout)] if dropout else [])]
        net.append(nn.Linear(channels * (crop_px // 2**layers) ** 2, 1))
        self.net = nn.Sequential(*net)
        self.apply(normal_init)

    def forward(self, gray: Tensor, color: Tensor) -> Tensor:
        logits: Tensor = self.net(cat([gray, color], 1))
        return logits
