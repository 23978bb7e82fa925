"""Encoders: a picture's luminance in, features at 1/2 to 1/32 of its size out."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

# MobileNetV2, width 1.0 (Sandler et al. 2018, table 2): expansion, channels out, stride
BLOCKS = (
    (1, 16, 1), (6, 24, 2), (6, 24, 1), (6, 32, 2), (6, 32, 1), (6, 32, 1), (6, 64, 2), (6, 64, 1),
    (6, 64, 1), (6, 64, 1), (6, 96, 1), (6, 96, 1), (6, 96, 1), (6, 160, 2), (6, 160, 1),
    (6, 160, 1), (6, 320, 1),
)  # fmt: skip
TAPS = (0, 2, 5, 12, 16)
"""The last block at each scale: 1/2, 1/4, 1/8, 1/16, 1/32."""


class SameConv(nn.Conv2d):
    """A 3x3 convolution padded as TensorFlow's SAME pads inputs of even size.

    At stride 2 TensorFlow pads after the picture only; torch's symmetric padding gives the same
    shapes but shifts the grid, which costs pretrained weights a good part of their accuracy.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int, groups: int = 1) -> None:
        super().__init__(
            channels_in, channels_out, 3, stride, padding=1 if stride == 1 else 0, groups=groups
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.stride[0] == 2:
            x = F.pad(x, (0, 1, 0, 1))
        return super().forward(x)


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, filter each channel alone, narrow; add where shapes agree."""

    def __init__(self, channels_in: int, expansion: int, channels_out: int, stride: int) -> None:
        super().__init__()
        wide = channels_in * expansion
        self.expand = nn.Conv2d(channels_in, wide, 1) if expansion > 1 else None
        self.depthwise = SameConv(wide, wide, stride, groups=wide)
        self.project = nn.Conv2d(wide, channels_out, 1)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu6(self.expand(x)) if self.expand is not None else x
        y: Tensor = self.project(F.relu6(self.depthwise(wide)))
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """MobileNetV2 over luminance, its batch norm folded into the convolutions.

    Takes gray (N, 1, H, W), or RGB with three `channels_in`, in [-1, 1], H and W multiples
    of 32. Gives five feature maps, at 1/2 to 1/32 of the size (`channels` wide), and the
    classifier's pooled features (N, 1280).
    """

    channels = tuple(BLOCKS[i][1] for i in TAPS)
    pooled_channels = 1280

    def __init__(self, channels_in: int = 1) -> None:
        super().__init__()
        self.channels_in = channels_in
        self.features = nn.Sequential(SameConv(channels_in, 32, 2))
        blocks, width = [], 32
        for expansion, out, stride in BLOCKS:
            blocks.append(InvertedResidual(width, expansion, out, stride))
            width = out
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Conv2d(width, self.pooled_channels, 1)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        x = F.relu6(self.features(x))
        taps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in TAPS:
                taps.append(x)
        return taps, F.relu6(self.head(x)).mean((2, 3))

    def load_pretrained(self, weights: Mapping[str, Tensor]) -> None:
        """Take over pretrained weights by name; the three input channels of RGB become their sum.

        A gray picture enters an RGB network as three equal channels, so the sum is the same filter.
        Raises KeyError or RuntimeError where a tensor is missing or has another shape.
        """
        own = {name: weights[name].float() for name in self.state_dict()}
        stem = own["features.0.weight"]
        if stem.shape[1] == 3 and self.channels_in == 1:
            own["features.0.weight"] = stem.sum(1, keepdim=True)
        self.load_state_dict(own)
