"""Which pictures are compared, and how they are cut: figures hold within one protocol only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from tintype.evaluate.metrics.lab import RgbU8


@dataclass(frozen=True)
class Protocol:
    """`pictures` is how many are taken, the first by name; None takes all, at their own size."""

    name: str
    about: str
    pictures: int | None = None
    crop_px: int | None = None

    def cut(self, rgb_u8: RgbU8) -> RgbU8:
        """The middle square, resized (bicubic) to `crop_px`; the whole picture without it."""
        if self.crop_px is None:
            return rgb_u8
        height, width = rgb_u8.shape[:2]
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        square = Image.fromarray(rgb_u8[top : top + side, left : left + side])
        size = (self.crop_px, self.crop_px)
        return np.asarray(square.resize(size, Image.Resampling.BICUBIC))


AS_THEY_ARE = Protocol("as they are", "every picture of the folder, whole and at its own size")
PROTOCOLS = {
    "imagenet-val5k": Protocol(
        "imagenet-val5k",
        "the first 5,000 of ImageNet's validation split by name, center crop, 256 px",
        5000,
        256,
    ),
    "coco-stuff": Protocol(
        "coco-stuff", "the 5,000 of COCO-Stuff's val2017, center crop, 256 px", 5000, 256
    ),
    "ade20k": Protocol(
        "ade20k", "the 2,000 of ADE20K's validation split, center crop, 256 px", 2000, 256
    ),
}
