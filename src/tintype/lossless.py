"""Color for a JPEG whose luma stays as it is, coefficient by coefficient; the only user of jpeglib.

The luma of the result is that of the file: what was quantized once is not quantized again, and the
original can be taken out of the result. Its lightness is then not exactly that of the gray picture,
since a color has another luminance than the gray of the same luma: see `jpeg`.
"""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image, ImageFilter

from tintype import jpeg
from tintype.color import Floats
from tintype.errors import MissingExtra
from tintype.icc import Encoding

_LYING = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}  # others undo themselves
_CELL_PX = 2  # of 4:2:0
_SAMPLING = np.array([[_CELL_PX, _CELL_PX], [1, 1], [1, 1]])


def encode(
    content: bytes,
    ab: Floats,
    encoding: Encoding,
    orientation: int,
    *,
    quality: int,
    metadata: bytes,
) -> bytes:
    """The JPEG with its own luma and the chroma of `ab`, 4:2:0, baseline, not turned.

    `ab` is (2, h, w) in Lab units, upright; `metadata` is APP segments. `quality` is that of the
    chroma. Raises `MissingExtra` without jpeglib.
    """
    try:
        import jpeglib
    except ImportError:
        raise MissingExtra.named("lossless", "Keeping the luma of a JPEG") from None
    luma = Image.fromarray(simplejpeg.decode_jpeg(content, "GRAY")[..., 0])
    cb, cr = _chroma(luma, ab, encoding, orientation)
    flat = np.zeros((luma.height, luma.width), np.uint8)
    colored = jpeg.encode_planes(flat, cb, cr, quality=quality)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.jpg")
        path.write_bytes(content)
        own = jpeglib.read_dct(str(path))
        path.write_bytes(colored)
        new = jpeglib.read_dct(str(path))
        tables = np.stack([own.get_component_qt(0), new.get_component_qt(1)])
        both = jpeglib.from_dct(own.Y, new.Cb, new.Cr, qt=tables, quant_tbl_no=[0, 1, 1])
        both.height, both.width = luma.height, luma.width
        both.samp_factor = _SAMPLING
        both.write_dct(str(path), flags=["+OPTIMIZE_CODING"])
        coded = path.read_bytes()
    kept = (whole for marker, whole in jpeg.segments(coded) if not 0xFFE0 <= marker <= 0xFFEF)
    start = 2 + sum(len(whole) for _, whole in jpeg.segments(coded))
    return b"".join([b"\xff\xd8", metadata, *kept, coded[start:]])


def _chroma(
    luma: Image.Image, ab: Floats, encoding: Encoding, orientation: int
) -> tuple[jpeg.Plane, jpeg.Plane]:
    """Cb and Cr, a pixel for four, of the file as it lies."""
    turn = _LYING.get(orientation, jpeg.UPRIGHT.get(orientation))
    small = [Image.fromarray(jpeg.signed(plane)) for plane in ab]
    if turn is not None:
        small = [plane.transpose(turn) for plane in small]
    cells = luma.reduce(_CELL_PX)
    planes = [plane.resize(cells.size, Image.Resampling.BICUBIC) for plane in small]
    joined = Image.merge("RGB", (cells, *planes)).filter(_table(encoding))
    _, cb, cr = (np.asarray(plane) for plane in joined.split())
    return np.ascontiguousarray(cb), np.ascontiguousarray(cr)


@lru_cache(maxsize=8)
def _table(encoding: Encoding) -> ImageFilter.Color3DLUT:
    """From luma, a, b to Cb, Cr of the color a, b that has that luma."""
    axis = np.linspace(0, 255, jpeg.TABLE_NODES)
    b, a, grays = np.meshgrid(axis, axis, np.arange(256.0), indexing="ij")
    lumas, blues, reds = jpeg.luma_and_chroma(grays, a, b, encoding)
    lumas = np.maximum.accumulate(lumas, axis=2)
    cb = np.empty((jpeg.TABLE_NODES,) * 3)  # by b, a, luma
    cr = np.empty_like(cb)
    for at in np.ndindex(cb.shape[:2]):
        cb[at] = np.interp(axis, lumas[at], blues[at])
        cr[at] = np.interp(axis, lumas[at], reds[at])
    return jpeg.table(np.zeros_like(cb), cb + jpeg.ZERO, cr + jpeg.ZERO)
