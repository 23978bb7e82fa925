"""The EXIF of TIFF files, which libvips neither reads nor writes, and whether they are whole.

In a TIFF, EXIF is a directory of its own that the first directory points to (TIFF 6.0, section 2;
EXIF 2.32, 4.6.3). Ours is appended with a longer copy of the first, so no pixel moves.
"""

from __future__ import annotations

import contextlib
import os
import struct
import warnings
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image as PILImage
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_SOFTWARE = 0x0131
# ImageDescription, Make, Model, DateTime, Artist, Copyright
_TEXTS = (0x010E, 0x010F, 0x0110, _SOFTWARE, 0x0132, 0x013B, 0x8298)
_EXIF, _GPS = 0x8769, 0x8825
_PIECES = ((0x0111, 0x0117), (0x0144, 0x0145))  # offsets and byte counts of strips, of tiles
_INTEROPERABILITY = 0xA005  # points to a directory that is not carried
_ASCII, _LONG = 2, 4
_UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, struct.error, UserWarning)


@dataclass(frozen=True)
class Tiff:
    """What a TIFF says beside its pixels; `exif` is as a JPEG would hold it."""

    exif: bytes | None = None
    is_cut_short: bool = False


def read(file: BinaryIO) -> Tiff:
    """Look at the first picture of a TIFF. What cannot be made sense of is passed over."""
    try:
        header = file.read(8)
        if header[2:4] in (b"+\0", b"\0+"):  # BigTIFF
            header += file.read(8)
        first = _directory(file, header, ImageFileDirectory_v2(header).next)
        exif = PILImage.Exif()
        for tag in _TEXTS:
            if tag in first:
                exif[tag] = first[tag]
        for pointer in (_EXIF, _GPS):
            if pointer in first:
                exif.get_ifd(pointer).update(_directory(file, header, first[pointer]))
        exif.get_ifd(_EXIF).pop(_INTEROPERABILITY, None)
        size = file.seek(0, os.SEEK_END)
        ends = (
            offset + count
            for offsets, counts in _PIECES
            for offset, count in zip(first.get(offsets, ()), first.get(counts, ()), strict=False)
        )
        return Tiff(exif.tobytes() if len(exif) else None, max(ends, default=0) > size)
    except _UNREADABLE:
        return Tiff()


def _parsed(content: bytes) -> PILImage.Exif:
    """EXIF as far as it can be read: empty, in the worst case."""
    exif = PILImage.Exif()
    with contextlib.suppress(*_UNREADABLE), warnings.catch_warnings(action="error"):
        exif.load(content)
        for pointer in (_EXIF, _GPS):
            exif.get_ifd(pointer)
        return exif
    return PILImage.Exif()


def _directory(file: BinaryIO, header: bytes, place: int) -> ImageFileDirectory_v2:
    directory = ImageFileDirectory_v2(header)
    file.seek(place)
    directory.load(file)
    return directory


def add_exif(descriptor: int, content: bytes, software: str | None) -> None:
    """Give a TIFF that was just written the EXIF that `content` holds as a JPEG would.

    `software`, where given, is named instead of what wrote the original.
    """
    exif = _parsed(content)
    if software:
        exif[_SOFTWARE] = software
    with open(descriptor, "r+b", closefd=False) as file:
        file.seek(0)
        header = file.read(8)
        order = "<" if header[:2] == b"II" else ">"
        if struct.unpack(order + "H", header[2:4]) != (42,):  # BigTIFF
            return
        (start,) = struct.unpack(order + "I", header[4:])
        file.seek(start)
        (count,) = struct.unpack(order + "H", file.read(2))
        raw = file.read(12 * count)
        entries = {
            struct.unpack_from(order + "H", raw, 12 * i)[0]: raw[12 * i : 12 * i + 12]
            for i in range(count)
        }
        file.seek(0, os.SEEK_END)

        def append(data: bytes) -> int:
            file.write(b"\0" * (file.tell() % 2))  # values begin at even places
            place = file.tell()
            file.write(data)
            return place

        texts = {tag: str(exif[tag]) for tag in _TEXTS if tag in exif and tag not in entries}
        for tag, text in texts.items():
            value = text.encode() + b"\0"
            place = value.ljust(4, b"\0") if len(value) <= 4 else append(value)
            if isinstance(place, int):
                place = struct.pack(order + "I", place)
            entries[tag] = struct.pack(order + "HHI", tag, _ASCII, len(value)) + place
        for pointer in (_EXIF, _GPS):
            values = dict(exif.get_ifd(pointer))
            values.pop(_INTEROPERABILITY, None)
            if values:
                directory = ImageFileDirectory_v2(header)
                for tag, value in values.items():
                    directory[tag] = value
                place = append(b"")
                append(directory.tobytes(place))
                entries[pointer] = struct.pack(order + "HHII", pointer, _LONG, 1, place)
        ordered = [entries[tag] for tag in sorted(entries)]
        place = append(struct.pack(order + "H", len(ordered)) + b"".join(ordered) + bytes(4))
        file.seek(4)
        file.write(struct.pack(order + "I", place))
