"""Generators: luminance in, chroma out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tintype.nn.encoders import MobileNetV2

AB_BOUND = 110.0
"""sRGB's ab lies within +-108 in Lab units; tanh times this bound can reach every color of it."""


class UpBlock(nn.Module):
    """Twice the size, joined with the encoder's features of that scale, one 3x3 convolution."""

    def __init__(self, channels_in: int, skip: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in + skip, channels_out, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return F.relu(self.norm(self.conv(torch.cat([x, skip], 1))))


class MobileUNet(nn.Module):
    """The small generator: MobileNetV2 under a light U-Net decoder, with a word from the whole.

    Takes `l` (N, 1, H, W) in Lab units [0, 100], H and W multiples of `multiple_of`; gives `ab`
    (N, 2, H, W) in Lab units within +-AB_BOUND. The classifier's pooled features are added at the
    bottom, so that what the picture shows as a whole speaks for its parts (Iizuka et al. 2016).
    Chroma is made at half the size: the eye sees color at half the sharpness of light, and so do
    JPEG and television.
    """

    multiple_of = 32

    def __init__(self, widths: tuple[int, int, int, int] = (128, 96, 64, 32)) -> None:
        super().__init__()
        self.encoder = MobileNetV2()
        c2, c4, c8, c16, c32 = self.encoder.channels
        self.whole = nn.Linear(self.encoder.pooled_channels, c32)
        self.up16 = UpBlock(c32, c16, widths[0])
        self.up8 = UpBlock(widths[0], c8, widths[1])
        self.up4 = UpBlock(widths[1], c4, widths[2])
        self.up2 = UpBlock(widths[2], c2, widths[3])
        self.to_ab = nn.Conv2d(widths[3], 2, 3, padding=1)
        nn.init.zeros_(self.whole.weight)
        nn.init.zeros_(self.whole.bias)

    def forward(self, l: Tensor) -> Tensor:
        (f2, f4, f8, f16, f32), pooled = self.encoder(l / 50 - 1)
        x = f32 + self.whole(pooled)[:, :, None, None]
        x = self.up2(self.up4(self.up8(self.up16(x, f16), f8), f4), f2)
        ab = AB_BOUND * torch.tanh(self.to_ab(x).float())
        return F.interpolate(ab, scale_factor=2.0, mode="bilinear", align_corners=False)
