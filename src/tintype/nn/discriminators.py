"""Discriminators: luminance and chroma together in, real or made out."""

from __future__ import annotations

from torch import Tensor, cat, nn


class PatchDiscriminator(nn.Module):
    """PatchGAN (Isola et al. 2017): one logit for each overlapping patch, not one a picture.

    Takes `l` (N, 1, H, W) and `ab` (N, 2, H, W) in Lab units; gives logits (N, 1, h, w), positive
    where the patch looks real. `layers` stride-2 convolutions see 70 pixels at 3, 34 at 2.
    """

    def __init__(self, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        net: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
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

    def forward(self, l: Tensor, ab: Tensor) -> Tensor:
        logits: Tensor = self.net(cat([l / 50 - 1, ab / 50], 1))
        return logits


def normal_init(module: nn.Module) -> None:
    """pix2pix's start: N(0, 0.02) for convolutions."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
