"""The directories of TIFF files, classic and big: what they say of the pixels, and more pages.

TIFF 6.0, section 2. A longer directory is appended to the file, so that no pixel moves.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

EXIF, GPS, INTEROPERABILITY = 0x8769, 0x8825, 0xA005
POINTERS = (EXIF, GPS, INTEROPERABILITY)
"""Tags that lead to a directory."""
_PIECES = ((0x0111, 0x0117), (0x0144, 0x0145))  # offsets and byte counts of strips, of tiles
_WIDTH, _HEIGHT, _SAMPLES, _ROWS_PER_STRIP = 0x0100, 0x0101, 0x0115, 0x0116
_PLANAR, _SEPARATE = 0x011C, 2
_SAMPLE_FORMAT = 0x0153
_FLOAT = 3
_BITS, _COMPRESSION, _PHOTOMETRIC, _TILE_WIDTH, _TILE_HEIGHT = (
    0x0102,
    0x0103,
    0x0106,
    0x0142,
    0x0143,
)
_LZW, _CIELAB = 5, 8
LONG, _LONG8 = 4, 16
_CODES = {3: "H", LONG: "I", 13: "I", _LONG8: "Q", 18: "Q"}  # of integers, in `struct`

# bytes of a value, and of the words in it that a change of byte order turns around
TYPES = {
    **{1: (1, 1), 2: (1, 1), 3: (2, 2), 4: (4, 4), 5: (8, 4), 6: (1, 1), 7: (1, 1), 8: (2, 2)},
    **{
        9: (4, 4),
        10: (8, 4),
        11: (4, 4),
        12: (8, 8),
        13: (4, 4),
        16: (8, 8),
        17: (8, 8),
        18: (8, 8),
    },
}
LARGEST = 1 << 26  # bytes of a value that is carried
BROKEN = (OSError, ValueError, KeyError, IndexError, OverflowError, struct.error)

Value = tuple[int, int, bytes]  # of a tag: type, number of values, and their bytes


@dataclass(frozen=True)
class Entry:
    """A tag's type, number of values, where these lie in the file, and where its field is.

    The field holds the values, where they are small, or else their place.
    """

    type: int
    count: int
    place: int
    field: int

    @property
    def size_bytes(self) -> int:
        """Of all values; 0 where the type is not known."""
        return self.count * TYPES.get(self.type, (0, 0))[0]


class Tiff:
    """A TIFF that is open. Raises one of `BROKEN` where it is not one."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        head = file.read(16)
        if head[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            raise ValueError("not a TIFF")
        self.file = file
        self.order = "<" if head[:1] == b"I" else ">"
        self.is_big = b"+" in head[2:4]
        self.offset_code = self.order + ("Q" if self.is_big else "I")
        self._entry = self.order + ("HHQ" if self.is_big else "HHI")
        self.first_link = 8 if self.is_big else 4  # where the place of the first directory stands

    def number(self, place: int, code: str) -> int:
        """One integer of the file, by its code in `struct`."""
        self.file.seek(place)
        (value,) = struct.unpack(code, self.file.read(struct.calcsize(code)))
        return int(value)

    def directories(self) -> Iterator[tuple[int, dict[int, Entry]]]:
        """Where the link to each page's directory stands, and its entries; a loop ends it."""
        link, seen = self.first_link, set[int]()
        while (place := self.number(link, self.offset_code)) and place not in seen:
            seen.add(place)
            entries, following = self.entries(place)
            yield link, entries
            link = following

    def page(self, number: int) -> tuple[int, dict[int, Entry]]:
        """The link and the entries of a page, from 0."""
        for at, found in enumerate(self.directories()):
            if at == number:
                return found
        raise ValueError(f"there is no page {number}")

    def entries(self, place: int) -> tuple[dict[int, Entry], int]:
        """The entries of the directory at a place, and where the link to the next one stands."""
        code = self.order + ("Q" if self.is_big else "H")
        count = self.number(place, code)
        place += struct.calcsize(code)
        length = self._entry_bytes * count
        raw = self.file.read(min(length, LARGEST))
        if len(raw) < length:
            raise ValueError("a directory is cut short")
        found = {}
        for at in range(0, length, self._entry_bytes):
            tag, type_, values = struct.unpack_from(self._entry, raw, at)
            inner = at + struct.calcsize(self._entry)
            entry = Entry(type_, values, place + inner, place + inner)
            if entry.size_bytes > self._inline_bytes:
                (apart,) = struct.unpack_from(self.offset_code, raw, inner)
                entry = replace(entry, place=apart)
            found[tag] = entry
        return found, place + length

    def value(self, entry: Entry) -> bytes:
        """The bytes of a tag, in the byte order of the file."""
        if not 0 < entry.size_bytes <= LARGEST:
            raise ValueError("a value without a size that makes sense")
        self.file.seek(entry.place)
        content = self.file.read(entry.size_bytes)
        if len(content) < entry.size_bytes:
            raise ValueError("a value is cut short")
        return content

    def numbers(self, entry: Entry | None) -> list[int]:
        """The values of a tag of integers; none where it is not there."""
        if entry is None:
            return []
        return [*struct.unpack(f"{self.order}{entry.count}{_CODES[entry.type]}", self.value(entry))]

    def append(self, content: bytes) -> int:
        """Write at the end of the file, at an even place, which is given back."""
        place = self.file.seek(0, os.SEEK_END)
        place += self.file.write(b"\0" * (place % 2))
        self.file.write(content)
        return place

    def write(self, place: int, code: str, *numbers: int) -> None:
        """Overwrite numbers, by their code in `struct`."""
        self.file.seek(place)
        self.file.write(struct.pack(self.order + code, *numbers))

    def append_directory(self, values: dict[int, Value]) -> int:
        """Append a directory of tags, each with type, count and bytes; gives back its place."""
        raw = struct.pack(self.order + ("Q" if self.is_big else "H"), len(values))
        for tag, (type_, count, content) in sorted(values.items()):
            if len(content) > self._inline_bytes:
                content = struct.pack(self.offset_code, self.append(content))
            raw += struct.pack(self._entry, tag, type_, count)
            raw += content.ljust(self._inline_bytes, b"\0")
        return self.append(raw + bytes(self._inline_bytes))

    def move(self, place: int, by: int) -> None:
        """Correct a directory, and those that it leads to, that was moved with all its values."""
        for tag, entry in self.entries(place)[0].items():
            if entry.place != entry.field:
                entry = replace(entry, place=entry.place + by)
                self.link(entry.field, entry.place)
            if tag in POINTERS:
                (below,) = self.numbers(entry)
                self.write(entry.place, _CODES[entry.type], below + by)
                self.move(below + by, by)
            elif tag in (offsets for offsets, _ in _PIECES):
                moved = [offset + by for offset in self.numbers(entry)]
                self.write(entry.place, f"{len(moved)}{_CODES[entry.type]}", *moved)

    def link(self, link: int, place: int) -> None:
        """Make a link lead to a directory."""
        self.write(link, "Q" if self.is_big else "I", place)

    def pointer(self, place: int) -> Value:
        """A tag's type, count and bytes, that leads to a directory."""
        return (_LONG8 if self.is_big else LONG), 1, struct.pack(self.offset_code, place)

    @property
    def _inline_bytes(self) -> int:
        return 8 if self.is_big else 4

    @property
    def _entry_bytes(self) -> int:
        return 20 if self.is_big else 12


@dataclass(frozen=True)
class Facts:
    """What the directory of a page says that libvips does not tell."""

    is_cut_short: bool = False
    longest_piece_bytes: int = 0  # of strips and tiles, compressed
    is_big: bool = False
    is_lab8: bool = False
    is_lzw: bool = False
    is_float: bool = False
    bits: int = 0  # a channel; 0 where it is not told
    tile: tuple[int, int] | None = None  # width and height


def facts(file: BinaryIO, page: int) -> Facts:
    """Look at one page. What cannot be made sense of is passed over."""
    try:
        tiff = Tiff(file)
        _, entries = tiff.page(page)
        ends = [
            offset + count
            for offsets, counts in _PIECES
            for offset, count in zip(
                tiff.numbers(entries.get(offsets)), tiff.numbers(entries.get(counts)), strict=False
            )
        ]
        size = file.seek(0, os.SEEK_END)
        counts = [n for _, tag in _PIECES for n in tiff.numbers(entries.get(tag))]
        pieces = max(len(tiff.numbers(entries.get(offsets))) for offsets, _ in _PIECES)
        bits = tiff.numbers(entries.get(_BITS)) or [1]
        compression = tiff.numbers(entries.get(_COMPRESSION)) or [1]
        samples = tiff.numbers(entries.get(_SAMPLE_FORMAT)) or [1]
        photometric = tiff.numbers(entries.get(_PHOTOMETRIC))
        tile = [n for tag in (_TILE_WIDTH, _TILE_HEIGHT) for n in tiff.numbers(entries.get(tag))]
        return Facts(
            is_cut_short=max(ends, default=0) > size
            or pieces < _pieces(tiff, entries, tile)
            or (compression[0] == 1 and (sum(counts) or size) < _raw_bytes(tiff, entries, bits)),
            longest_piece_bytes=max(counts, default=0),
            is_big=tiff.is_big,
            is_lab8=photometric == [_CIELAB] and bits[0] == 8,
            is_lzw=compression[0] == _LZW,
            is_float=photometric != [_CIELAB] and samples[0] == _FLOAT,
            bits=bits[0],
            tile=(tile[0], tile[1]) if len(tile) == 2 else None,
        )
    except BROKEN:
        return Facts()


def _raw_bytes(tiff: Tiff, entries: dict[int, Entry], bits: list[int]) -> int:
    """Bytes of the pixels of a page that is not compressed, at the least."""
    width, height, samples = (
        next(iter(tiff.numbers(entries.get(tag))), 1) for tag in (_WIDTH, _HEIGHT, _SAMPLES)
    )
    return width * height * samples * bits[0] // 8


def _pieces(tiff: Tiff, entries: dict[int, Entry], tile: list[int]) -> int:
    """Strips or tiles that a page has, by its size."""

    def one(tag: int, default: int) -> int:
        return next(iter(tiff.numbers(entries.get(tag))), default)

    width, height = one(_WIDTH, 1), one(_HEIGHT, 1)
    across, down = tile if len(tile) == 2 else (width, one(_ROWS_PER_STRIP, height))
    planes = one(_SAMPLES, 1) if one(_PLANAR, 1) == _SEPARATE else 1
    return -(-width // max(1, across)) * -(-height // max(1, down)) * planes


def page_count(file: BinaryIO) -> int:
    """Pages of a TIFF. Raises one of `BROKEN` where it is cut short before the last."""
    return sum(1 for _ in Tiff(file).directories())


def append_page(descriptor: int, page: BinaryIO, link: int | None) -> int:
    """Append the only page of a TIFF to another, of the same byte order and width of offsets.

    `link` is where the link to it stands, which is given back for the page after it; None where
    that is to follow the first.
    """
    with open(descriptor, "r+b", closefd=False) as file:
        target = Tiff(file)
        if link is None:
            _, link = target.entries(target.number(target.first_link, target.offset_code))
        place = Tiff(page).number(target.first_link, target.offset_code)
        base = target.append(b"")
        file.seek(base)
        page.seek(0)
        shutil.copyfileobj(page, file, 1 << 20)
        target.move(base + place, base)
        target.link(link, base + place)
        return target.entries(base + place)[1]
