"""A U-Net whose way down is a ResNet that comes trained."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tintype.nn.generators import Generator, to_color
from tintype.nn.lab import gray_from_l
from tintype.nn.layers import active, at_the_bottom, icnr_init, normed
from tintype.nn.resnet import ResNet
from tintype.nn.spaces import Space
from tintype.recipe.networks import Activation, Norm, ResNetDepth


class ShuffleUp(nn.Module):
    """Twice the size by a pixel shuffle, joined with features of that scale, two convolutions."""

    def __init__(
        self,
        channels_in: int,
        skip: int,
        channels_out: int,
        norm: Norm,
        activation: Activation,
        dropout: float,
    ) -> None:
        super().__init__()
        self.enlarge = nn.Conv2d(channels_in, 4 * channels_out, 1)
        icnr_init(self.enlarge)
        self.convs = nn.Sequential(
            *normed(nn.Conv2d(channels_out + skip, channels_out, 3, padding=1), norm),
            active(activation),
            *normed(nn.Conv2d(channels_out, channels_out, 3, padding=1), norm),
            active(activation),
            *([nn.Dropout(dropout)] if dropout else []),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.relu(F.pixel_shuffle(self.enlarge(x), 2))
        joined: Tensor = self.convs(torch.cat([x, skip], 1))
        return joined


class ResNetUNet(Generator):
    """ResNet down, pixel shuffles and convolutions up, the encoder's features joined at each scale.

    The kind of fastai's DynamicUnet. Takes gray (N, 1, H, W), H and W multiples of 32; gives color
    (N, C, H, W), both in the units of `space`. `widths` are those of the five scales on the way up,
    from 1/16 to the full size, where the gray itself is joined. With `middle` there are two
    convolutions at the bottom, so many channels wide between them.
    """

    multiple_of = 32
    encoder: ResNet

    def __init__(
        self,
        depth: ResNetDepth = 18,
        space: Space = "ab",
        widths: tuple[int, int, int, int, int] = (256, 128, 96, 64, 32),
        middle: int = 0,
        norm: Norm = "batch",
        dropout: float = 0.0,
        activation: Activation = "relu",
        frozen_norm: bool = False,
    ) -> None:
        super().__init__()
        self.space = space
        self.encoder = ResNet(depth, frozen_norm=frozen_norm)
        *skips, channels = self.encoder.channels
        self.middle = nn.Sequential()
        if middle:
            at_middle = at_the_bottom(norm)
            self.middle = nn.Sequential(
                *normed(nn.Conv2d(channels, middle, 3, padding=1), at_middle),
                active(activation),
                *normed(nn.Conv2d(middle, channels, 3, padding=1), at_middle),
                active(activation),
            )
        self.up = nn.ModuleList()
        for skip, width in zip([*reversed(skips), 1], widths, strict=True):
            self.up.append(ShuffleUp(channels, skip, width, norm, activation, dropout))
            channels = width
        self.to_color = nn.Conv2d(channels, self.color_channels, 3, padding=1)

    def forward(self, gray: Tensor) -> Tensor:
        # the picture that ImageNet's networks know: sRGB, whose gray is no straight line of L
        picture = gray_from_l(50 * (gray + 1)) if self.space == "ab" else gray
        *skips, x = self.encoder(picture)
        x = self.middle(x)
        for up, skip in zip(self.up, [*reversed(skips), gray], strict=True):
            x = up(x, skip)
        return to_color(self.space, self.to_color(x))
