"""Generators: gray in, color out, both in the networks' units (`tintype.nn.spaces`)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tintype.nn.encoders import MobileNetV2
from tintype.nn.hints import HintBranch, pyramid
from tintype.nn.likely import LikelyHead
from tintype.nn.spaces import Space


class Generator(nn.Module):
    """What all generators have in common: gray (N, 1, H, W) in, color (N, C, H, W) out.

    One that takes hints takes them as a second argument (`tintype.nn.spaces.hints_of`). One that
    tells how likely colors are gives, asked with `likely=True`, logits (N, Q, H / 8, W / 8) beside
    its color.
    """

    space: Space
    """`ab`: gray in [-1, 1], two channels out in [-1, 1]; `rgb`: one in, three out, in [0, 1]."""
    multiple_of: int
    """Height and width must be multiples of this many pixels."""
    encoder: nn.Module | None
    """The part that comes trained, and moves more slowly; most have none."""
    hints: HintBranch | None
    """The part that is for color hints; most have none."""
    likely: LikelyHead | None
    """The part that tells how likely each color is; most have none."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = None
        self.hints = None
        self.likely = None

    @property
    def takes_hints(self) -> bool:
        """Whether it can be told colors."""
        return self.hints is not None

    @property
    def color_channels(self) -> int:
        """Channels of the color it makes."""
        return 2 if self.space == "ab" else 3


def to_color(space: Space, x: Tensor) -> Tensor:
    """What a network's last convolution gave, brought into the range of the space."""
    return torch.tanh(x.float()) if space == "ab" else torch.sigmoid(x.float())


class UpBlock(nn.Module):
    """Twice the size, joined with the encoder's features of that scale, one 3x3 convolution."""

    def __init__(self, channels_in: int, skip: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in + skip, channels_out, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return F.relu(self.norm(self.conv(torch.cat([x, skip], 1))))


class MobileUNet(Generator):
    """The small generator: MobileNetV2 under a light U-Net decoder, with a word from the whole.

    Takes gray (N, 1, H, W) in [-1, 1], H and W multiples of `multiple_of`; gives ab / AB_UNIT
    (N, 2, H, W) in [-1, 1]. With `takes_hints` there is a branch for hints (N, 3, H, W), which are
    added to what the decoder is given. With `tells_likely` there is a head at 1/8 that tells how
    likely each color is. The classifier's pooled features are added at the
    bottom, so that what the picture shows as a whole speaks for its parts (Iizuka et al. 2016).
    Chroma is made at half the size: the eye sees color at half the sharpness of light, and so do
    JPEG and television.
    """

    space = "ab"
    multiple_of = 32
    encoder: MobileNetV2

    def __init__(
        self,
        widths: tuple[int, int, int, int] = (128, 96, 64, 32),
        takes_hints: bool = False,
        tells_likely: bool = False,
    ) -> None:
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
        if takes_hints:
            self.hints = HintBranch(self.encoder.channels, widths[0], widths[3])
        if tells_likely:
            self.likely = LikelyHead(widths[1])

    def forward(
        self, gray: Tensor, hints: Tensor | None = None, *, likely: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        features, pooled = self.encoder(gray)
        branch = None if hints is None else self.hints
        if branch is not None and hints is not None:
            scales = pyramid(hints, len(features))
            features = [
                f + near(h) for f, near, h in zip(features, branch.near, scales, strict=True)
            ]
        f2, f4, f8, f16, f32 = features
        x = self.up16(f32 + self.whole(pooled)[:, :, None, None], f16)
        if branch is not None:
            spread = branch.alike(x, scales[3])
            x = x + branch.tell(spread)
        at_8 = self.up8(x, f8)
        x = self.up2(self.up4(at_8, f4), f2)
        ab = to_color(self.space, self.to_ab(x))
        if branch is not None:
            ab = branch.blend(ab, x, spread)
        ab = F.interpolate(ab, scale_factor=2.0, mode="bilinear", align_corners=False)
        if likely and self.likely is not None:
            return ab, self.likely(at_8)
        return ab
