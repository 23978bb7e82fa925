"""Rows that Python makes, as a picture of libvips, which asks for them from the top."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tintype.image.vips import VipsImage, pyvips

_SHORT, _LONG, _LONG8 = (3, "H"), (4, "I"), (16, "Q")  # types: their numbers, and in struct
_HEADER_BYTES, _ENTRY_BYTES = 16, 20  # of a BigTIFF


@contextmanager
def streamed(
    strips: Iterator[NDArray[Any]], shape: tuple[int, int, int], *, rows: int, is_deep: bool
) -> Iterator[VipsImage]:
    """A picture for one pass within the block; its rows are made as that needs them.

    `shape` is (height, width, bands); `strips` are (rows, width, bands), the last of them maybe
    less high, uint8 or uint16. What is raised there is raised here, even if libvips did not mind.
    """
    file = _File(strips, shape, rows=rows, is_deep=is_deep)
    source = pyvips.SourceCustom()
    source.on_read(file.read)
    source.on_seek(file.seek)
    broken = None
    try:
        image = pyvips.Image.tiffload_source(source, access="sequential", fail_on="truncated")
        image._references.append(source)
        yield image.bandfold(factor=shape[2])
    except pyvips.Error as error:
        broken = error
    if failed := file.failed or broken:
        raise failed


class _File:
    """A BigTIFF that is not there: its directory, and strips that are made as they are read.

    Bands lie beside each other, as pixels of one band; folding them is libvips' part.
    """

    def __init__(
        self,
        strips: Iterator[NDArray[Any]],
        shape: tuple[int, int, int],
        *,
        rows: int,
        is_deep: bool,
    ) -> None:
        self.failed: BaseException | None = None
        height, width, bands = shape
        row_bytes = width * bands * (2 if is_deep else 1)
        self._head = _head(height, width * bands, row_bytes, rows, 16 if is_deep else 8)
        self._length = len(self._head) + height * row_bytes
        self._place = 0
        self._strips = strips
        self._strip = memoryview(b"")  # the last that was made, and where it starts
        self._start = len(self._head)

    def read(self, size: int) -> memoryview | bytes | None:
        """As of a file; None at the end, and where something fails."""
        if self.failed or self._place >= self._length:
            return None
        piece: memoryview | bytes
        if self._place < len(self._head):
            piece = self._head[self._place : self._place + size]
        else:
            try:
                piece = self._pixels(size)
            except BaseException as error:  # not even Ctrl-C may leave through C
                self.failed = error
                return None
        self._place += len(piece)
        return piece

    def _pixels(self, size: int) -> memoryview:
        while self._place >= self._start + len(self._strip):
            self._start += len(self._strip)
            self._strip = np.ascontiguousarray(next(self._strips)).data.cast("B")
        if self._place < self._start:
            raise RuntimeError("rows that are gone were asked for")
        first = self._place - self._start
        return self._strip[first : first + size]

    def seek(self, offset: int, whence: int) -> int:
        """As of a file."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._length}[whence]
        self._place = start + offset
        return self._place


def _head(height: int, width: int, row_bytes: int, rows: int, bits: int) -> bytes:
    """Header and directory (BigTIFF, as libtiff has it; tags by TIFF 6.0, section 8)."""
    order = "<" if sys.byteorder == "little" else ">"
    count = -(-height // rows)
    sizes = [rows * row_bytes] * (count - 1) + [(height - (count - 1) * rows) * row_bytes]
    entries = 9
    arrays = _HEADER_BYTES + 8 + entries * _ENTRY_BYTES + 8
    pixels = arrays + 2 * 8 * count
    offsets = [pixels + number * rows * row_bytes for number in range(count)]

    def entry(tag: int, kind: tuple[int, str], values: list[int], place: int = 0) -> bytes:
        number, code = kind
        value = struct.pack(f"{order}{len(values)}{code}", *values)
        field = value.ljust(8, b"\0") if len(value) <= 8 else struct.pack(f"{order}Q", place)
        return struct.pack(f"{order}HHQ", tag, number, len(values)) + field

    directory = struct.pack(f"{order}Q", entries) + b"".join(
        [
            entry(256, _LONG, [width]),
            entry(257, _LONG, [height]),
            entry(258, _SHORT, [bits]),
            entry(259, _SHORT, [1]),  # not compressed
            entry(262, _SHORT, [1]),  # black is zero
            entry(273, _LONG8, offsets, arrays),
            entry(277, _SHORT, [1]),
            entry(278, _LONG, [rows]),
            entry(279, _LONG8, sizes, arrays + 8 * count),
        ]
    )
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQ", 43, 8, 0, 16)
    lists = struct.pack(f"{order}{2 * count}Q", *offsets, *sizes) if count > 1 else bytes(16)
    return header + directory + bytes(8) + lists
