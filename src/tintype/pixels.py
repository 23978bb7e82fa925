"""Pictures that come as arrays: from numpy, and from PIL."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.BmpImagePlugin import BmpImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile

from tintype import boxes
from tintype.errors import PhotoError, PhotoTooLarge, UnsupportedFormat
from tintype.settings import Settings

_EIGHT_BIT_MODES = ("L", "LA", "RGB", "RGBA", "CMYK")
_SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_LARGEST_HEAD = 1 << 16  # bytes of comments in a PNM
_CONVERTED = {"1": "L", "La": "LA"}  # others to RGB or RGBA
# opened by name, since `Image.open` has a limit of pixels of its own
_READERS: dict[str, Callable[[BinaryIO], PILImage.Image]] = {
    "bmp": BmpImageFile,
    "jpeg2000": Jpeg2KImageFile,
    "pnm": PpmImageFile,
}


@dataclass(frozen=True, eq=False)
class Pixels:
    """(H, W, C) of uint8 or uint16, C from 1 to 4, and the metadata that came with it."""

    array: NDArray[Any]
    was_float: bool = False
    is_cmyk: bool = False
    is_bilevel: bool = False
    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None  # as a JPEG holds it
    comment: bytes | None = None
    dpi: tuple[float, float] | None = None


def check_size(width: int, height: int, name: str) -> None:
    """Raise `PhotoTooLarge` beyond the limit of pixels in `settings`."""
    limit = Settings.from_environment().max_pixels
    if width * height > limit:
        raise PhotoTooLarge(
            f"{name}: {width} x {height} is more than the limit of {limit} pixels.",
            hint="TINTYPE_MAX_PIXELS raises it.",
            public_message=f"The picture has more than {limit} pixels.",
        )


def from_array(array: NDArray[Any], name: str) -> Pixels:
    """Check a numpy picture; floats in [0, 1] become 16 bits."""
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or not 1 <= array.shape[2] <= 4 or 0 in array.shape:
        raise PhotoError(f"{name}: an array must be (H, W) or (H, W, 1 to 4), not {array.shape}.")
    if array.dtype in (np.uint8, np.uint16):
        return Pixels(np.ascontiguousarray(array))
    if not np.issubdtype(array.dtype, np.floating):
        raise PhotoError(f"{name}: an array must be uint8, uint16 or float, not {array.dtype}.")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):  # NaN fails here too
        raise PhotoError(f"{name}: floats must lie in [0, 1], not in [{low:g}, {high:g}].")
    return Pixels(np.rint(array * 65535).astype(np.uint16), was_float=True)


def from_pil(image: PILImage.Image, name: str) -> Pixels:
    """Take a PIL image of any mode, with its EXIF, ICC profile, XMP and resolution."""
    check_size(*image.size, name)
    try:
        array, is_cmyk = _array(image, name)
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # PIL reads the file only now
        raise PhotoError(f"{name}: cannot be read: {error}.") from None
    info = image.info
    exif = image.getexif()
    return Pixels(
        np.ascontiguousarray(array.reshape(*array.shape[:2], -1)),
        is_cmyk=is_cmyk,
        is_bilevel=image.mode == "1",
        exif=info.get("exif") or (exif.tobytes() if exif else None),
        icc=info.get("icc_profile"),
        xmp=info.get("xmp"),
        comment=_comment(info.get("comment")),
        dpi=info.get("dpi"),
    )


def _comment(said: object) -> bytes | None:
    return said.encode() if isinstance(said, str) else said if isinstance(said, bytes) else None


def _array(image: PILImage.Image, name: str) -> tuple[NDArray[Any], bool]:
    if image.mode in _SIXTEEN_BIT_MODES:
        return np.clip(np.asarray(image), 0, 65535).astype(np.uint16), False
    if image.mode == "F":
        raise PhotoError(
            f"{name}: a PIL image of mode F has no range.",
            hint="Hand in an array of floats in [0, 1].",
        )
    if image.mode not in _EIGHT_BIT_MODES:
        has_alpha = image.has_transparency_data
        image = image.convert(_CONVERTED.get(image.mode, "RGBA" if has_alpha else "RGB"))
    return np.asarray(image), image.mode == "CMYK"


def lab_tiff(file: BinaryIO, page: int, name: str) -> Pixels:
    """Read a page of a TIFF of CIELAB of 8 bits."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of tags that are carried elsewhere
            image = TiffImageFile(file)
            image.seek(page)
            return from_pil(image, name)
    except (OSError, SyntaxError, ValueError, EOFError, KeyError) as error:
        raise PhotoError(f"{name}: the picture is damaged ({error}).") from None


def by_pillow(file: BinaryIO, kind: str, name: str) -> Pixels:
    """Read a file of a kind that only Pillow reads."""
    try:
        image = _READERS[kind](file)
    except (OSError, SyntaxError, ValueError):
        raise UnsupportedFormat(f"{name}: is damaged, or not a {kind} picture.") from None
    taken = from_pil(image, name)
    if kind == "jpeg2000":
        said = boxes.read(file)
        iptc = said.iptc and b"Photoshop 3.0\0" + _in_a_block(said.iptc)
        return replace(
            taken, exif=said.exif or taken.exif, xmp=said.xmp, icc=said.icc or taken.icc, iptc=iptc
        )
    if kind == "pnm":
        file.seek(0)
        head = re.match(rb"P\d(?:\s+|\d+|#[^\n]*\n)*", file.read(_LARGEST_HEAD))
        comments = re.findall(rb"#\s*([^\n]*)\n", head[0]) if head else []
        return replace(taken, comment=b"\n".join(comments) or None)
    return taken


def _in_a_block(iptc: bytes) -> bytes:
    if iptc.startswith(b"8BIM"):
        return iptc
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)
