"""The tags of TIFF that libvips does not carry from one file to another.

Those that describe no pixels are copied by value from the directory that they come from, be it that
of a TIFF or of the EXIF block of another kind of file, which is built alike (EXIF 2.32, 4.6).
"""

from __future__ import annotations

import contextlib
import io
import struct
from typing import BinaryIO

import numpy as np

from tintype.tiff import (
    BROKEN,
    EXIF,
    GPS,
    INTEROPERABILITY,
    LARGEST,
    LONG,
    POINTERS,
    TYPES,
    Entry,
    Tiff,
    Value,
)  # fmt: skip

_SOFTWARE, _EXTRA_SAMPLES, _ASCII = 0x0131, 0x0152, 2

# tags of a directory that describe its pixels, all of TIFF 6.0's but texts, dates, and the place on
# a page; those that libvips carries: XMP and ICC; and the layers of Photoshop
_OF_PIXELS = {
    *range(0x0100, 0x010D),
    0x0111,
    *range(0x0112, 0x011D),
    *range(0x0120, 0x0129),
    0x012D,
    *range(0x013D, 0x0160),
    *range(0x0200, 0x0219),
    *(0x828D, 0x828E, 0x935C),
    *(0x02BC, 0x8773),
}
_IPTC, _PHOTOSHOP, _UNDEFINED = 0x83BB, 0x8649, 7
_RESOLUTION = {0x011A, 0x011B, 0x0128}
_EXIF_WIDTH, _EXIF_HEIGHT = 0xA002, 0xA003
_BLOCK_OF_IPTC = b"8BIM\x04\x04\0\0"  # its number, and no name
EXIF_BYTES = 65_533  # a segment of a JPEG holds no more
_LARGEST_IN_EXIF = (EXIF_BYTES, 16_384, 1_024)  # bytes of a value in it; less where all is more
_PRIVATE = 0x8000  # the first tag of companies' own, among which EXIF has these
_OF_EXIF = {0x8298, EXIF, GPS, *range(0x9C9B, 0x9CA0)}


def exif_of(file: BinaryIO, page: int) -> bytes | None:
    """What a page says of itself as the EXIF of a JPEG, without what is too long for it.

    None where it says nothing.
    """
    left_out = _OF_PIXELS - _RESOLUTION
    try:
        source = Tiff(file)
        _, entries = source.page(page)
        known = {t: e for t, e in entries.items() if t < _PRIVATE or t in _OF_EXIF}
        for largest in _LARGEST_IN_EXIF:
            block = io.BytesIO(b"II*\0" + bytes(4))
            target = Tiff(block)
            values = _copied(source, known, target, largest, left_out=left_out)
            if not values:
                return None
            target.link(target.first_link, target.append_directory(values))
            exif = b"Exif\0\0" + block.getvalue()
            if len(exif) <= EXIF_BYTES:
                return exif
    except BROKEN:
        pass
    return None


def photoshop_of(file: BinaryIO, page: int) -> bytes | None:
    """The blocks of Photoshop, IPTC among them, as a JPEG holds them."""
    try:
        source = Tiff(file)
        _, entries = source.page(page)
        if _PHOTOSHOP in entries:
            return source.value(entries[_PHOTOSHOP])
        iptc = source.value(entries[_IPTC])
    except BROKEN:
        return None
    return _BLOCK_OF_IPTC + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)


def carry(
    descriptor: int,
    source: BinaryIO,
    page: int,
    *,
    size: tuple[int, int],
    software: str | None,
    keep_resolution: bool,
) -> None:
    """Give a TIFF of one page, just written, the tags of another's that describe no pixels.

    `software`, where given, is named instead of what wrote the original; `size` is that of the
    picture where EXIF says it. With `keep_resolution` that of the TIFF written stays.
    """
    with open(descriptor, "r+b", closefd=False) as file:
        target = Tiff(file)
        link, own = target.page(0)
        values: dict[int, Value] = {}
        with contextlib.suppress(*BROKEN):
            origin = Tiff(source)
            _, entries = origin.page(page)
            values = _copied(origin, entries, target, LARGEST, size)
            extra, own_extra = entries.get(_EXTRA_SAMPLES), own.get(_EXTRA_SAMPLES)
            if extra and own_extra and extra.count == own_extra.count:
                # what the bands beyond color mean, as whether these are multiplied by alpha
                del own[_EXTRA_SAMPLES]
                values |= _copied(origin, {_EXTRA_SAMPLES: extra}, target, LARGEST, left_out=set())
            if not keep_resolution:
                resolution = {tag: entries[tag] for tag in _RESOLUTION.intersection(entries)}
                values |= _copied(origin, resolution, target, LARGEST, left_out=set())
        for tag, entry in own.items():
            if keep_resolution or tag not in _RESOLUTION:
                values[tag] = entry.type, entry.count, target.value(entry)
        if software:
            text = software.encode() + b"\0"
            values[_SOFTWARE] = _ASCII, len(text), text
        target.link(link, target.append_directory(values))


def _copied(
    source: Tiff,
    entries: dict[int, Entry],
    target: Tiff,
    largest: int,
    size: tuple[int, int] | None = None,
    pointers: tuple[int, ...] = (EXIF, GPS),
    left_out: set[int] = _OF_PIXELS,
) -> dict[int, Value]:
    """Tags in the byte order of the target, where the directories are that they lead to."""
    values: dict[int, Value] = {}
    for tag, entry in entries.items():
        with contextlib.suppress(*BROKEN):
            if tag in pointers:
                below, _ = source.entries(source.numbers(entry)[0])
                further = (INTEROPERABILITY,) if tag == EXIF else ()
                inner = _copied(source, below, target, largest, pointers=further)
                if size and tag == EXIF:
                    for side, length in zip((_EXIF_WIDTH, _EXIF_HEIGHT), size, strict=True):
                        if side in inner:
                            inner[side] = LONG, 1, struct.pack(target.order + "I", length)
                values[tag] = target.pointer(target.append_directory(inner))
            elif tag not in left_out.union(POINTERS) and entry.size_bytes <= largest:
                content = source.value(entry)
                if tag == _IPTC:  # bytes, whatever its type says
                    values[tag] = _UNDEFINED, len(content), content
                    continue
                if source.order != target.order:
                    words = np.frombuffer(content, f"u{TYPES[entry.type][1]}")
                    content = words.byteswap().tobytes()
                values[tag] = entry.type, entry.count, content
    return values
