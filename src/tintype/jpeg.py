"""JPEG to JPEG by way of its planes: the luma is decoded, corrected and encoded; RGB never exists.

Color is computed for the chroma planes only, a quarter of the pixels (4:2:0). JPEG's luma Y' is not
luminance: a color of the same luminance as a gray has another Y', so luma is shifted by that much.
Both the shift and Cb, Cr depend on the gray, a and b alone, and come from one table.

Bands of rows are joined and encoded on their own, in threads, and put together with restart markers
(ITU-T T.81, B.2.4.4): each band's entropy-coded data starts afresh, as after such a marker.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tintype.color import (
    A_PER_F,
    B_PER_F,
    D65_WHITE,
    RGB_TO_YCC,
    Floats,
    fit_gamut,
    lab_f,
    lab_f_inverse,
)
from tintype.icc import CODES, Encoding

Plane = NDArray[np.uint8]

ZERO = 128  # stands for zero in planes of signed quantities: Cb, Cr, a, b and the shift of luma
_EXIF = b"Exif\0\0"  # how the APP1 that holds EXIF begins

MCU_PX = 16  # side of the unit that 4:2:0 is coded in
BAND_PX = 1 << 18  # of a band of rows, few enough for a core's cache
MAX_INTERVAL = 65535  # units between restart markers, by the width of the field

# color is computed for cells of luma: those of 4:2:0, or of twice their side where a picture has
# pixels to spare, which moves lightness by another 0.01 and color by 0.1 on average
FINE_CELL_PX = 2
COARSE_CELL_PX = 4
COARSE_FROM_PX = 8_000_000

TABLE_NODES = 33  # a side; more gains nothing that 8 bits show

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class Planes:
    """A JPEG decoded, upright: its luma, and if it has chroma its RGB at one pixel a cell."""

    luma: Image.Image
    codes: Plane  # of the luma, which numpy reads without a copy
    small_rgb: Image.Image | None
    cell_px: int
    encoding: Encoding

    def light(self, width: int, height: int) -> Floats:
        """Relative luminance Y in [0, 1] of the picture made small, (height, width)."""
        image = self.luma if self.small_rgb is None else self.small_rgb
        small = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
        codes = np.asarray(small)
        if self.small_rgb is None:
            return _gray_light(self.encoding)[codes.astype(np.intp) * 257]
        linear = [self.encoding.decode[i, codes[..., i].astype(np.intp) * 257] for i in range(3)]
        return np.asarray(np.stack(linear, axis=-1) @ self.encoding.to_xyz[1])


def decode(content: bytes, encoding: Encoding, orientation: int) -> Planes | None:
    """The planes of a JPEG; None where it has others than gray or YCbCr, or is not sound."""
    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(content)
        if colorspace not in ("Gray", "YCbCr"):
            return None
        cell = COARSE_CELL_PX if width * height >= COARSE_FROM_PX else FINE_CELL_PX
        codes = simplejpeg.decode_jpeg(content, "GRAY")[..., 0]
        luma = Image.fromarray(codes)
        rgb = None
        if colorspace == "YCbCr":
            least = {"min_height": -(-height // cell), "min_width": -(-width // cell)}
            rgb = Image.fromarray(simplejpeg.decode_jpeg(content, "RGB", **least))
    except ValueError:
        return None
    turn = UPRIGHT.get(orientation)
    if turn is not None:
        luma = luma.transpose(turn)
        codes = np.asarray(luma)
        rgb = rgb.transpose(turn) if rgb else None
    return Planes(luma, codes, rgb, cell, encoding)


def encode(
    planes: Planes,
    ab: Floats,
    *,
    quality: int,
    metadata: bytes,
    threads: int,
    progress: Callable[[float], None] | None = None,
) -> bytes:
    """The colored JPEG, 4:2:0. `ab` is (2, h, w) in Lab units; `metadata` is APP segments.

    `progress` is called with the share that is done.
    """
    width, height = planes.luma.size
    small = [Image.fromarray(signed(plane)) for plane in ab]
    units = -(-width // MCU_PX)
    rows = MCU_PX * max(1, min(BAND_PX // (width * MCU_PX), MAX_INTERVAL // units))
    bands = [(top, min(top + rows, height)) for top in range(0, height, rows)]

    def one(band: tuple[int, int]) -> bytes:
        y, cb, cr = _join(planes, small, *band)
        return encode_planes(y, cb, cr, quality=quality)

    coded = []
    with ThreadPoolExecutor(threads) as pool:
        for band in pool.map(one, bands):
            coded.append(band)
            if progress:
                progress(len(coded) / len(bands))
    return _assembled(coded, width, height, interval=units * rows // MCU_PX, metadata=metadata)


def encode_planes(y: Plane, cb: Plane, cr: Plane, *, quality: int) -> bytes:
    """A JPEG of 4:2:0, of luma whose sides are made even: libjpeg-turbo reads as far as chroma."""
    odd = [(0, side % 2) for side in y.shape]
    whole = np.pad(y, odd, mode="edge") if any(side % 2 for side in y.shape) else y
    coded: bytes = simplejpeg.encode_jpeg_yuv_planes(whole, cb, cr, quality=quality)
    return coded


def _join(
    planes: Planes, small: list[Image.Image], top: int, bottom: int
) -> tuple[Plane, Plane, Plane]:
    """Y', Cb, Cr of the rows from `top`, a multiple of 16, to `bottom`."""
    width, height = planes.luma.size
    y = planes.codes[top:bottom]
    cell = planes.cell_px
    size = (-(-width // cell), -(-len(y) // cell))
    own_shift = None
    if planes.small_rgb is None:
        gray = planes.luma.reduce(cell, box=(0, top, width, bottom))
    else:
        own = planes.small_rgb.crop((0, top // cell, size[0], top // cell + size[1]))
        gray, own_shift, _ = own.filter(_light_table(planes.encoding)).split()
    chroma = [
        plane.resize(
            size,
            Image.Resampling.BICUBIC,
            box=(0, plane.height * top / height, plane.width, plane.height * bottom / height),
        )
        for plane in small
    ]
    joined = Image.merge("RGB", (gray, *chroma)).filter(_join_table(planes.encoding))
    shift, cb, cr = (np.asarray(plane) for plane in joined.split())
    for each in (shift, own_shift):
        if each is not None:
            y = _shifted(y, np.asarray(each), cell)
    half = (-(-len(y) // 2), -(-width // 2))
    return y, _repeated(cb, cell // 2, *half), _repeated(cr, cell // 2, *half)


def _shifted(luma: Plane, shift: Plane, cell: int) -> Plane:
    """Luma plus a shift by cells, saturating; 8 bits throughout is what makes it fast."""
    width = luma.shape[1]
    low = ZERO - np.minimum(shift, ZERO)  # what is less falls below 0
    high = 255 - (np.maximum(shift, ZERO) - ZERO)  # what is more rises above 255
    low, high, step = (_widened(p, cell, width) for p in (low, high, shift - ZERO))
    out = np.empty_like(luma)
    for row in range(min(cell, len(luma))):
        rows = out[row::cell]
        np.maximum(luma[row::cell], low[: len(rows)], out=rows)
        np.minimum(rows, high[: len(rows)], out=rows)
        np.add(rows, step[: len(rows)], out=rows)  # modulo 256, as the step is
    return out


def _widened(plane: Plane, times: int, width: int) -> Plane:
    """Each pixel 1, 2 or 4 times in its row: one multiplication of a wider integer."""
    wide = plane.astype(np.dtype(f"u{times}")) * (((1 << 8 * times) - 1) // 255)
    return np.asarray(wide.view(np.uint8)[:, :width])


def _repeated(plane: Plane, times: int, height: int, width: int) -> Plane:
    return np.ascontiguousarray(_widened(plane, times, width).repeat(times, axis=0)[:height])


def signed(plane: Floats) -> Plane:
    """A plane of signed quantities as `ZERO` and more or less."""
    return np.asarray(np.clip(np.rint(plane) + ZERO, 0, 255), np.uint8)


def _nodes() -> tuple[Floats, Floats, Floats]:
    """Coordinates in [0, 255] of a table's nodes, the first channel varying fastest."""
    axis = np.linspace(0, 255, TABLE_NODES)
    third, second, first = np.meshgrid(axis, axis, axis, indexing="ij")
    return first, second, third


def table(*channels: Floats) -> ImageFilter.Color3DLUT:
    """A table of three channels over three, from 0 to 255, interpolated between its nodes."""
    values = np.stack(channels, axis=-1).astype(np.float32) / 255
    return ImageFilter.Color3DLUT(TABLE_NODES, values.ravel(), channels=3, target_mode="RGB")


def _gray_light(encoding: Encoding) -> Floats:
    """The luminance of the 65536 neutral code values."""
    return np.asarray(encoding.to_xyz[1] @ encoding.decode)


@lru_cache(maxsize=8)
def _join_table(encoding: Encoding) -> ImageFilter.Color3DLUT:
    """From gray, a, b to the shift of luma, Cb, Cr."""
    gray, a, b = _nodes()
    luma, cb, cr = luma_and_chroma(gray, a, b, encoding)
    return table(luma - gray + ZERO, cb + ZERO, cr + ZERO)


def luma_and_chroma(
    gray: Floats, a: Floats, b: Floats, encoding: Encoding
) -> tuple[Floats, Floats, Floats]:
    """Y', Cb, Cr of the color a, b, where it exists, at the light of a gray; all by the code."""
    y = np.interp(gray / 255, np.linspace(0, 1, CODES), _gray_light(encoding))
    f = lab_f(y)
    xyz = lab_f_inverse(np.stack([f + (a - ZERO) / A_PER_F, f, f - (b - ZERO) / B_PER_F], axis=-1))
    linear = fit_gamut(xyz @ (np.linalg.inv(encoding.to_xyz) * D65_WHITE).T, y)
    codes = np.stack([encoding.encode(linear[..., i], i) for i in range(3)], axis=-1)
    luma, cb, cr = np.moveaxis(codes @ RGB_TO_YCC.T, -1, 0) * 255
    return luma, cb, cr


@lru_cache(maxsize=8)
def _light_table(encoding: Encoding) -> ImageFilter.Color3DLUT:
    """From RGB to the gray of its luminance, and how far that lies above its luma."""
    rgb = np.stack(_nodes(), axis=-1) / 255
    codes = np.linspace(0, 1, CODES)
    linear = np.stack([np.interp(rgb[..., i], codes, encoding.decode[i]) for i in range(3)], -1)
    gray = np.interp(linear @ encoding.to_xyz[1], _gray_light(encoding), codes) * 255
    luma = rgb @ RGB_TO_YCC[0] * 255
    return table(gray, gray - luma + ZERO, np.zeros_like(gray))


def segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and whole bytes of each segment, from after SOI up to SOS (ITU-T T.81, B.1.1)."""
    place = 2
    while True:
        marker, length = struct.unpack_from(">HH", content, place)
        yield marker, content[place : place + 2 + length]
        if marker == 0xFFDA:  # SOS: entropy-coded data follows
            return
        place += 2 + length


def app_segments(content: bytes, width: int, height: int) -> list[bytes]:
    """The APP segments of a JPEG of one pixel; EXIF is told the size of the picture instead."""
    return [
        _sized(whole, width, height) if whole.startswith(_EXIF, 4) else whole
        for marker, whole in segments(content)
        if 0xFFE0 <= marker <= 0xFFEF
    ]


def _sized(exif: bytes, width: int, height: int) -> bytes:
    for tag, size in ((0xA002, width), (0xA003, height)):  # PixelXDimension, PixelYDimension
        for entry in ("<HHII", ">HHII", "<HHIH", ">HHIH"):  # of type LONG or SHORT
            kind = 4 if entry.endswith("II") else 3
            exif = exif.replace(
                struct.pack(entry, tag, kind, 1, 1), struct.pack(entry, tag, kind, 1, size)
            )
    return exif


def _assembled(
    bands: list[bytes], width: int, height: int, *, interval: int, metadata: bytes
) -> bytes:
    parts = [b"\xff\xd8", metadata]
    for marker, whole in segments(bands[0]):
        if marker == 0xFFC0:  # SOF0: its size is that of the band
            whole = whole[:5] + struct.pack(">HH", height, width) + whole[9:]
        elif marker == 0xFFDA and len(bands) > 1:
            parts.append(struct.pack(">HHH", 0xFFDD, 4, interval))  # DRI
        elif marker == 0xFFE0:
            continue
        parts.append(whole)
    for number, band in enumerate(bands):
        if number:
            parts.append(bytes([0xFF, 0xD0 + (number - 1) % 8]))  # RST
        start = 2 + sum(len(whole) for _, whole in segments(band))
        parts.append(band[start:-2])  # between SOS and EOI
    return b"".join([*parts, b"\xff\xd9"])
