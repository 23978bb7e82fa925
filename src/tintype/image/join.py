"""Color joined to light, in numpy, a few rows at a time: what is worked on stays in a core's cache.

Does what `color.lab_to_srgb` does, with L from the picture and a, b from the network. Powers come
from tables, and every array is written where it lies: new ones would cost more than the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.color import A_PER_F, B_PER_F, D65_WHITE, DELTA, Floats, lab_f
from tintype.icc import CODES, Encoding
from tintype.image.parts import Parts
from tintype.image.vips import pyvips

Codes = NDArray[Any]  # uint8 or uint16
Plane = NDArray[np.float32]

STRIP_PX = 1 << 18  # of the rows that are read at a time
CACHED_PX = 1 << 15  # of those that are joined at a time
NODES_8, NODES_16 = 1 << 16, 1 << 20  # of tables: from one to the next is 0.01 code, or 0.1
FARTHEST_AB = 1000.0  # what is beyond is no color, and overflows
TINY = np.float32(1e-12)


def luminance(taken: Parts) -> Floats:
    """Relative luminance Y in [0, 1], (height, width)."""
    codes = taken.color.numpy().reshape(taken.color.height, taken.color.width, -1)
    tables = _light_tables(taken, codes.shape[2])
    light = sum(table[codes[..., band]] for band, table in enumerate(tables))
    return np.asarray(np.clip(light, 0, 1))


def rows_of_strip(width: int) -> int:
    """How many rows are read at a time."""
    return max(1, STRIP_PX // width)


def strips(taken: Parts, ab: Plane) -> Iterator[Codes]:
    """The picture in color, from the top: (rows, width, bands), as deep as it is.

    `ab` is (2, h, w) in Lab units, and is stretched over the picture (bicubic). Bands are red,
    green, blue and those of alpha.
    """
    join = _Join(taken, ab)
    given = taken.color if taken.alpha is None else taken.color.bandjoin(taken.alpha)
    width, bands = given.width, taken.color.bands
    for top in range(0, given.height, rows_of_strip(width)):
        height = min(rows_of_strip(width), given.height - top)
        # a region belongs to its thread, and each strip may be asked for by another
        fetched = pyvips.Region.new(given).fetch(0, top, width, height)
        codes = np.frombuffer(fetched, np.uint16 if taken.is_deep else np.uint8)
        codes = codes.reshape(height, width, given.bands)
        out = np.empty((height, width, 3 + given.bands - bands), codes.dtype)
        join(codes[..., :bands], top, out[..., :3])
        out[..., 3:] = codes[..., bands:]
        yield out


class _Join:
    """What all rows of a picture have in common."""

    def __init__(self, taken: Parts, ab: Plane) -> None:
        encoding, self._height = taken.encoding, taken.color.height
        self._nodes = NODES_16 if taken.is_deep else NODES_8
        # f_x - f_y and f_z - f_y, as wide as the picture and as high as `ab`
        off_f = np.clip(ab, -FARTHEST_AB, FARTHEST_AB) * [[[1 / A_PER_F]], [[-1 / B_PER_F]]]
        size = (taken.color.width, ab.shape[1])
        wide = [
            Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC)
            for plane in off_f.astype(np.float32)
        ]
        self._off_f = np.stack([np.asarray(plane) for plane in wide])
        self._light = _light_tables(taken, taken.color.bands)
        is_gray = len(self._light) == 1
        self._f = _f32(lab_f(self._light[0])) if is_gray else _f_table(self._nodes)
        # linear RGB minus gray, from X and Z minus Y
        self._off_gray = _f32(np.linalg.inv(encoding.to_xyz) * D65_WHITE)[:, ::2]
        self._codes = _code_tables(encoding, is_deep=taken.is_deep)

    def __call__(self, codes: Codes, top: int, out: Codes) -> None:
        """Join the rows from `top`: (rows, width, 1 or 3) into (rows, width, 3)."""
        width = codes.shape[1]
        step = max(1, CACHED_PX // width)
        work = np.empty((7, step * width), np.float32)
        index = np.empty(step * width, np.intp)
        for first in range(0, len(codes), step):
            given = codes[first : first + step]
            px = len(given) * width
            off_x, off_z = work[:2, :px]
            self._stretch(top + first, off_x.reshape(-1, width), off_z.reshape(-1, width))
            into = out[first : first + step].reshape(px, 3)
            self._join(given.reshape(px, -1), off_x, off_z, into, work[2:, :px], index[:px])

    def _stretch(self, top: int, *rows: Plane) -> None:
        """The rows of the picture from `top`, out of those of `_off_f`."""
        height = self._off_f.shape[1]
        scale = height / self._height
        places = (np.arange(top, top + len(rows[0])) + 0.5) * scale - 0.5
        reach = 2 * max(1.0, scale)
        first, last = max(0, int(places[0] - reach)), min(height, int(places[-1] + reach) + 1)
        weights = _cubic((places[:, None] - np.arange(first, last)) / max(1.0, scale))
        weights = _f32(weights / weights.sum(axis=1, keepdims=True))
        for plane, into in zip(self._off_f, rows, strict=True):
            np.matmul(weights, plane[first:last], out=into)

    def _join(
        self,
        codes: Codes,
        x: Plane,
        z: Plane,
        out: Codes,
        work: Plane,
        index: NDArray[np.intp],
    ) -> None:
        """Join pixels: `x` and `z` come as f_x - f_y and f_z - f_y."""
        y, f, red, green, some = work
        self._take_light(codes, y, f, some, index)
        for t in (x, z):  # `color.lab_f_inverse`, minus Y
            t += f
            np.maximum(t, DELTA, out=some)
            t -= some
            t *= 3 * DELTA**2
            np.multiply(some, some, out=red)
            red *= some
            t += red
            t -= y
        for (of_x, of_z), channel in zip(self._off_gray[:2], (red, green), strict=True):
            np.multiply(x, of_x, out=channel)
            np.multiply(z, of_z, out=some)
            channel += some
        blue = x
        blue *= self._off_gray[2, 0]
        z *= self._off_gray[2, 1]
        blue += z

        # `color.fit_gamut`: the room up to 1 and down to 0, over how far the channels go
        room, high, low = z, some, f
        np.maximum(red, green, out=high)
        np.maximum(high, blue, out=high)
        np.maximum(high, TINY, out=high)
        np.subtract(1, y, out=room)
        room /= high
        np.minimum(red, green, out=low)
        np.minimum(low, blue, out=low)
        np.negative(low, out=low)
        np.maximum(low, TINY, out=low)
        np.divide(y, low, out=low)
        np.minimum(room, low, out=room)
        np.minimum(room, 1, out=room)

        taken = np.empty(len(index), self._codes[0].dtype)
        for band, channel in enumerate((red, green, blue)):
            channel *= room
            channel += y
            np.maximum(channel, 0, out=channel)
            self._place(channel, index)
            np.take(self._codes[band], index, mode="clip", out=taken)
            out[:, band] = taken

    def _take_light(
        self, codes: Codes, y: Plane, f: Plane, some: Plane, index: NDArray[np.intp]
    ) -> None:
        """Y in [0, 1] of the pixels, and CIELAB's f of it."""
        np.copyto(index, codes[:, 0])
        np.take(self._light[0], index, mode="clip", out=y)
        if len(self._light) > 1:
            for band in (1, 2):
                np.copyto(index, codes[:, band])
                np.take(self._light[band], index, mode="clip", out=some)
                y += some
            np.clip(y, 0, 1, out=y)
            np.copyto(some, y)
            self._place(some, index)
        np.take(self._f, index, mode="clip", out=f)

    def _place(self, light: Plane, index: NDArray[np.intp]) -> None:
        """Where light lies in a table. They are spaced by the root: dense where eyes are keen."""
        np.sqrt(light, out=light)
        light *= self._nodes
        np.copyto(index, light, casting="unsafe")


def _f32(values: Floats) -> Plane:
    return np.ascontiguousarray(values, np.float32)


def _cubic(distance: Floats) -> Floats:
    """Keys' kernel with a = -1/2, as Pillow's; R. Keys, IEEE Trans. ASSP 29(6), 1981."""
    t = np.abs(distance)
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.asarray(np.where(t < 1, near, np.where(t < 2, far, 0)))


def _light_tables(taken: Parts, bands: int) -> list[Plane]:
    """What each band's code values add to the luminance."""
    light = taken.encoding.decode[:, :: 1 if taken.is_deep else 257]
    weights = taken.encoding.to_xyz[1]
    return [_f32(weights @ light)] if bands == 1 else list(_f32(weights[:, None] * light))


def _nodes(count: int) -> Floats:
    """The light that entries of a table stand for, each for the middle of its place."""
    return ((np.arange(count) + 0.5) / count) ** 2


@lru_cache(maxsize=2)
def _f_table(count: int) -> Plane:
    return _f32(lab_f(_nodes(count)))


@lru_cache(maxsize=8)
def _code_tables(encoding: Encoding, *, is_deep: bool) -> list[Codes]:
    """The code values of linear light, for each channel."""
    nodes = _nodes(NODES_16 if is_deep else NODES_8)
    nodes[0] = 0  # of a steep toe the middle of the first place is codes away from black
    tables: list[Codes] = []
    for channel in range(3):
        same = (encoding.decode[channel] == encoding.decode[0]).all()
        if channel and same:  # one for all stays in the cache
            tables.append(tables[0])
            continue
        codes = np.rint(encoding.encode(nodes, channel) * (CODES - 1 if is_deep else 255))
        tables.append(codes.astype(np.uint16 if is_deep else np.uint8))
    return tables
