"""Discriminators: gray and color together in, real or made out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, cat, nn


class PatchDiscriminator(nn.Module):
    """PatchGAN (Isola et al. 2017): one logit for each overlapping patch, not one a picture.

    Takes the gray (N, 1, H, W) and the color (N, C, H, W), in the networks' units (`spaces`); gives
    logits (N, 1, h, w), positive where the patch looks real. `layers` stride-2 convolutions see 70
    pixels at 3, 34 at 2. At `shrink` 2 the picture is judged at half its size.
    """

    def __init__(
        self, color_channels: int, width: int = 64, layers: int = 3, shrink: int = 1
    ) -> None:
        super().__init__()
        self.shrink = shrink
        net: list[nn.Module] = [nn.Conv2d(1 + color_channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        channels = width
        for i in range(1, layers + 1):
            out = width * min(2**i, 8)
            stride = 2 if i < layers else 1
            net += [
                nn.Conv2d(channels, out, 4, stride, 1, bias=False),
                nn.InstanceNorm2d(out, affine=True),
                nn.LeakyReLU(0.2),
            ]
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


def normal_init(module: nn.Module) -> None:
    """pix2pix's start: N(0, 0.02) for convolutions."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
