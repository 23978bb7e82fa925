"""What the boxes of a JPEG 2000 file say of the picture, which Pillow does not read.

Sources: ISO/IEC 15444-1, annex I; the identifiers of EXIF, XMP and IPTC are those that writers use.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_EXIF = b"JpgTiffExif->JP2"
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_RESTRICTED_ICC, _ANY_ICC = 2, 3  # how a colr box says which colors are meant
_LARGEST = 1 << 24  # bytes of a box that is looked at


@dataclass
class Said:
    """EXIF, XMP, IPTC and profile as they lie in the file."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    icc: bytes | None = None


def read(file: BinaryIO) -> Said:
    """Look at the boxes of a file; what is no JP2 has none."""
    said = Said()
    end = file.seek(0, 2)
    for name, content in _boxes(file, 0, end):
        if name == b"uuid":
            identifier, content = content[:16], content[16:]
            if identifier == _EXIF:
                said.exif = b"Exif\0\0" + content
            elif identifier == _XMP:
                said.xmp = content
            elif identifier == _IPTC:
                said.iptc = content
        elif name == b"colr" and content[:1] in (bytes([_RESTRICTED_ICC]), bytes([_ANY_ICC])):
            said.icc = content[3:]
    return said


def _boxes(file: BinaryIO, place: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    while place + 8 <= end:
        file.seek(place)
        length, name = struct.unpack(">I4s", file.read(8))
        header = 8
        if length == 1 and place + 16 <= end:
            (length,) = struct.unpack(">Q", file.read(8))
            header = 16
        length = length or end - place  # 0: to the end
        if length < header or place + length > end:
            return
        if name == b"jp2h":
            yield from _boxes(file, place + header, place + length)
        elif length <= _LARGEST:
            yield name, file.read(length - header)
        place += length
