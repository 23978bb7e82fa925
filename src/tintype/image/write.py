"""Pictures written: one function for each kind of file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tintype import files, tiff, tifftags
from tintype.formats import DEFAULT_QUALITY, LOSSLESS_QUALITY, Saving
from tintype.image import extras, metadata
from tintype.image.parts import eight_bits
from tintype.image.vips import VipsImage, pyvips
from tintype.jpeg import segments

_LONGEST_JPEG_HEAD = 1 << 24  # bytes before the pixels; profiles and EXIF take a few at most
_AVIF_EFFORT = 2  # of 9: 4, what libvips has, takes three times as long for 3 % of the bytes
_BIG_TIFF_FROM_BYTES = 3_500_000_000  # offsets of a TIFF have 32 bits; deflate may add a little


@contextmanager
def writing(output: str, descriptor: int) -> Iterator[None]:
    """Turn what libvips says of a full disk into one line; what it says of the input goes on."""
    try:
        yield
    except pyvips.Error:
        # not by what it says, since all threads share one place for that
        if fault := files.fault_of(descriptor):
            raise files.unwritable(Path(output), fault) from None
        raise


def jpeg(image: VipsImage, descriptor: int, saving: Saving) -> None:
    """Write a JPEG; what is transparent becomes white."""
    quality = saving.get("quality", DEFAULT_QUALITY)
    extra = extras.as_segments(image)
    os.lseek(descriptor, len(extra), os.SEEK_SET)
    eight_bits(image).jpegsave_target(_target(descriptor), Q=quality, background=[255])
    if extra:
        with open(descriptor, "rb", closefd=False) as file:
            file.seek(len(extra))
            head = file.read(_LONGEST_JPEG_HEAD)
        apps = (len(whole) for marker, whole in segments(head) if 0xFFE0 <= marker <= 0xFFEF)
        _insert(extra, descriptor, after=2 + sum(apps))


def webp(image: VipsImage, descriptor: int, saving: Saving) -> None:
    """Write a WebP."""
    quality = saving.get("quality", DEFAULT_QUALITY)
    lossless = quality == LOSSLESS_QUALITY
    eight_bits(image).webpsave_target(_target(descriptor), Q=quality, lossless=lossless)


def avif(image: VipsImage, descriptor: int, saving: Saving) -> None:
    """Write an AVIF of 8 bits, or of 12 where the picture has 16."""
    quality = saving.get("quality", DEFAULT_QUALITY)
    image.heifsave_target(
        _target(descriptor),
        compression="av1",
        Q=quality,
        lossless=quality == LOSSLESS_QUALITY,
        bitdepth=12 if image.format == "ushort" else 8,
        effort=_AVIF_EFFORT,
    )


def png(image: VipsImage, descriptor: int, _: Saving) -> None:
    """Write a PNG."""
    xmp = metadata.blob(image, "xmp-data")
    image.remove("xmp-data")
    extra = extras.chunk(b"iTXt", metadata.png_text(xmp)) if xmp else b""
    extra += extras.as_chunks(image)
    os.lseek(descriptor, len(extra), os.SEEK_SET)
    image.pngsave_target(_target(descriptor))
    _insert(extra, descriptor, after=8 + 25)  # signature and header


@dataclass(frozen=True)
class TiffPage:
    """A page of a TIFF to be: pixels, and where its tags come from."""

    image: VipsImage
    origin: BinaryIO  # a TIFF, or the EXIF of another kind of file, or nothing
    number: int  # of the page there
    facts: tiff.Facts
    is_tiff: bool  # whether the origin is a TIFF
    software: str | None  # named instead of what wrote the original


def tiffs(
    pages: Iterable[AbstractContextManager[TiffPage]], descriptor: int, *, is_big: bool
) -> None:
    """Write a TIFF of one page or more, each as it was: in strips or tiles, with its own tags."""
    link = None
    for number, page in enumerate(pages):
        if number == 0:
            with page as first:
                _tiff(first, descriptor, is_big=is_big)
            continue
        with tempfile.TemporaryFile() as file:
            with page as following:
                _tiff(following, file.fileno(), is_big=is_big)
            link = tiff.append_page(descriptor, file, link)


def is_big(raw_bytes: int) -> bool:
    """Whether the pixels may need offsets of more than 32 bits."""
    return raw_bytes > _BIG_TIFF_FROM_BYTES


def _tiff(page: TiffPage, descriptor: int, *, is_big: bool) -> None:
    image = page.image
    options: dict[str, Any] = {"compression": "deflate", "predictor": "horizontal", "level": 1}
    if page.facts.is_lzw:
        options = {"compression": "lzw", "predictor": "horizontal"}
    if page.facts.tile and not any(side % 16 for side in page.facts.tile):
        width, height = page.facts.tile
        options |= {"tile": True, "tile_width": width, "tile_height": height}
    if image.format == "float":
        options["predictor"] = "none"  # few programs know that of floats
    if page.is_tiff:  # IPTC and Photoshop's blocks are carried like all tags
        for field in ("iptc-data", "photoshop-data"):
            if image.get_typeof(field):
                image.remove(field)
    metadata.photoshop_blocks(image)
    image.tiffsave_target(_target(descriptor), bigtiff=is_big, **options)
    size = (image.width, image.height)
    tifftags.carry(
        descriptor,
        page.origin,
        page.number,
        size=size,
        software=page.software,
        keep_resolution=not page.is_tiff and metadata.dpi(image) is not None,
    )


def _insert(extra: bytes, descriptor: int, *, after: int) -> None:
    """Fill room that was left at the start of a file, whose own beginning goes before it."""
    with open(descriptor, "r+b", closefd=False) as file:
        file.seek(len(extra))
        head = file.read(after)
        file.seek(0)
        file.write(head + extra)


def _target(descriptor: int) -> Any:
    return pyvips.Target.new_to_descriptor(descriptor)
