"""Pictures for training from files: upright, small, 8 bits a channel."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from tintype.data.source import U8
from tintype.errors import DataError

_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
_EXIF_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)  # orientations that swap the sides


def decode(
    content: bytes,
    *,
    load_px: int,
    crop_px: int,
    name: str,
    mode: Literal["RGB", "L"] = "RGB",
) -> tuple[U8, tuple[int, int]]:
    """The upright picture, (H, W, 3) or (H, W), and its width and height in the file.

    Its short side is at `load_px`, or less where it has less, at least `crop_px`. Raises DataError
    for what is no whole picture of 8 bits a channel.
    """
    try:
        image = Image.open(io.BytesIO(content))
        if image.mode[0] in "IF":
            raise ValueError("gray of more than 8 bits")
        width, height = image.size
        if image.getexif().get(_EXIF_ORIENTATION) in _LYING:
            width, height = height, width
        image.draft(mode, (load_px, load_px))
        upright = ImageOps.exif_transpose(image).convert(mode)
    except _UNREADABLE as error:
        raise DataError(f"{name}: not a whole picture ({error}).") from None
    size = view_size(width, height, load_px=load_px, crop_px=crop_px)
    if upright.size != size:
        upright = upright.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(upright), (width, height)


def content_of(file: Path) -> bytes:
    """What a file holds. Raises DataError where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}.") from None


def short_side(file: Path | bytes) -> int:
    """The short side of a picture in px, from its header; 0 where it cannot be read."""
    try:
        with Image.open(file if isinstance(file, Path) else io.BytesIO(file)) as image:
            return min(image.size)
    except _UNREADABLE:
        return 0


def resized(pixels: U8, *, load_px: int, crop_px: int) -> U8:
    """(H, W, 3) bytes of any meaning at the size of a view."""
    height, width = pixels.shape[:2]
    size = view_size(width, height, load_px=load_px, crop_px=crop_px)
    if size == (width, height):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def view_size(width: int, height: int, *, load_px: int, crop_px: int) -> tuple[int, int]:
    """Width and height at which a picture is looked at."""
    short = min(width, height)
    side = max(min(load_px, short), crop_px)
    return max(side, round(width * side / short)), max(side, round(height * side / short))
