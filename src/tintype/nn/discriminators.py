"""Discriminators: gray and color together in, real or made out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, autocast, cat, nn
from torch.nn.utils.parametrizations import spectral_norm

from tintype.nn.encoders import MobileNetV2
from tintype.nn.lab import rgb_from_lab
from tintype.nn.layers import SLOPE, normal_init, normed
from tintype.nn.spaces import AB_UNIT
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


class ProjectedDiscriminator(nn.Module):
    """Small heads on the features of a frozen encoder (Sauer et al. 2021, "Projected GANs").

    Takes the gray (N, 1, H, W) and the color (N, C, H, W), in the networks' units (`spaces`), of 32
    pixels and more; gives logits (N, 4, H / 32, W / 32), positive where the picture looks real: a
    head each for the features at 1/4 to 1/32 of the size. It need not learn what pictures show, and
    so asks early whether a thing has a color that such things have. The heads have spectral norm
    (Miyato et al. 2018); the encoder's weights stay.
    """

    def __init__(self, color_channels: int = 2, width: int = 64) -> None:
        super().__init__()
        self.color_channels = color_channels
        self.encoder = MobileNetV2(channels_in=3).requires_grad_(False)
        self.heads = nn.ModuleList(
            _head(channels, width, halvings)
            for channels, halvings in zip(self.encoder.channels[1:], (3, 2, 1, 0), strict=True)
        )

    def forward(self, gray: Tensor, color: Tensor) -> Tensor:
        taps, _ = self.encoder(self._rgb(gray, color).clamp(0, 1) * 2 - 1)
        return cat([head(tap) for head, tap in zip(self.heads, taps[1:], strict=True)], 1)

    def _rgb(self, gray: Tensor, color: Tensor) -> Tensor:
        if self.color_channels == 3:
            return color.float()
        with autocast(color.device.type, enabled=False):  # Lab in bfloat16 is off by half a unit
            return rgb_from_lab(cat([(gray.float() + 1) * 50, color.float() * AB_UNIT], 1))


def _head(channels: int, width: int, halvings: int) -> nn.Sequential:
    """Logits at 1/32 of the size, whatever scale the features have."""
    net: list[nn.Module] = [spectral_norm(nn.Conv2d(channels, width, 1)), nn.LeakyReLU(SLOPE)]
    for _ in range(halvings):
        out = 2 * width
        net += [spectral_norm(nn.Conv2d(width, out, 4, 2, 1)), nn.LeakyReLU(SLOPE)]
        width = out
    net.append(spectral_norm(nn.Conv2d(width, 1, 3, padding=1)))
    return nn.Sequential(*net)
