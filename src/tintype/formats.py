"""Which kinds of picture files there are: told by content when read, by extension when written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict

from tintype.errors import OutputError, UnsupportedFormat

# kind of file: the extensions it goes by, the first being the usual one
EXTENSIONS = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "tiff": (".tif", ".tiff"),
    "webp": (".webp",),
    "gif": (".gif",),
    "avif": (".avif",),
    "heic": (".heic", ".heif"),
    "bmp": (".bmp",),
    "jpeg2000": (".jp2", ".j2k", ".jpx"),
    "pnm": (".pbm", ".pgm", ".ppm", ".pnm"),
}
PICTURE_SUFFIXES = frozenset(suffix for kind in EXTENSIONS.values() for suffix in kind)
BY_PILLOW = ("bmp", "jpeg2000", "pnm")  # libvips reads the others
WRITTEN = ("jpeg", "png", "tiff", "webp", "avif")
WRITERS = {extension: kind for kind in WRITTEN for extension in EXTENSIONS[kind]}
# what results are where their own kind holds no colors, no metadata, or has no free encoder
NEAREST = {"heic": "avif", "gif": "png", "jpeg2000": "png", "bmp": "png", "pnm": "png"}
WHY_NEAREST = {
    "heic": "there is no free encoder for HEIC",
    "gif": "a GIF holds 256 colors",
    "jpeg2000": "JPEG 2000 is not written",
    "bmp": "a BMP holds no metadata, and so no mark that the colors are inferred",
    "pnm": "a PNM holds no metadata, and so no mark that the colors are inferred",
}

# libjpeg's, that of the format, and libaom's
LONGEST_SIDE_PX = {"jpeg": 65_500, "webp": 16_383, "avif": 16_384}
DEPTHS = {  # bits a channel; 32 is floating point, and an AVIF of 16 has 12
    "jpeg": (8,),
    "webp": (8,),
    "avif": (8, 16),
    "png": (8, 16),
    "tiff": (8, 16, 32),
}
DEFAULT_QUALITY, LOSSLESS_QUALITY = 90, 100


class Saving(TypedDict, total=False):
    """How a result is written.

    - `quality`: 1 to 100, of JPEG, WebP and AVIF, where 100 is lossless but for JPEG; 90 by default
    - `depth`: bits a channel, 8, 16, or 32 for floating point; by default those of the input
    - `strip`: leave out what the file says of itself, but for what pixels mean, and our mark
    - `lossless_luma`: of a JPEG keep the coefficients of the luma as they are, and add chroma
    - `keep_times`: give the result the times of the input
    """

    quality: int
    depth: int | None
    strip: bool
    lossless_luma: bool
    keep_times: bool


HEAD_BYTES = 64
_SIGNATURES = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg2000"),
    (b"\xff\x4f\xff\x51", "jpeg2000"),
)
_AVIF_BRANDS = (b"avif", b"avis")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def kind_of(content: bytes) -> str | None:
    """The kind of a file by its first bytes; None where they are not those of a picture."""
    head = content[:HEAD_BYTES]
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        brands = {head[i : i + 4] for i in range(8, min(len(head), head[3]), 4)}
        if brands.intersection(_AVIF_BRANDS):
            return "avif"
        if brands.intersection(_HEIF_BRANDS):
            return "heic"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "bmp"
    if head[:2] in (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6") and head[2:3].isspace():
        return "pnm"
    return None


def head_of(path: Path) -> bytes:
    """The first bytes of a file, as many as `kind_of` looks at. Raises `OSError`."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def format_of(path: str | os.PathLike[str]) -> str | None:
    """The kind of a file by its content; None where it is no picture or cannot be opened."""
    try:
        return kind_of(head_of(Path(path)))
    except OSError:
        return None


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file is of a kind that `Photo` reads, by its content."""
    return format_of(path) is not None


def written_for(kind: str | None) -> str:
    """The kind that the result of a kind of file has by default: its own, or the nearest."""
    return NEAREST.get(kind, kind) if kind else "png"


def written_as(path: Path, format: str | None = None) -> str:
    """The kind that is asked for, or that a name's extension asks for.

    Raises `UnsupportedFormat` where that is none that is written.
    """
    if format is not None:
        if format not in WRITTEN:
            raise UnsupportedFormat(f"{format!r} is not written; {', '.join(WRITTEN)} are.")
        return format
    try:
        return WRITERS[path.suffix.lower()]
    except KeyError:
        raise UnsupportedFormat(
            f"{path}: no format that is written goes by the extension {path.suffix!r}.",
            hint=f"Use one of {', '.join(WRITERS)}.",
        ) from None


def check_name(path: Path, format: str | None) -> None:
    """Raise `OutputError` where a name's extension is that of another format than is asked for."""
    if format and WRITERS.get(path.suffix.lower(), format) != format:
        raise OutputError(f"{path}: goes by the name of another format than {format}.")


def check(saving: Saving, kind: str, width: int, height: int, output: str) -> None:
    """Raise `OutputError` where a kind of file cannot hold what is asked of it."""
    quality, depth = saving.get("quality", DEFAULT_QUALITY), saving.get("depth")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}; it goes from 1 to 100")
    longest_px = LONGEST_SIDE_PX.get(kind)
    if longest_px and max(width, height) > longest_px:
        raise OutputError(
            f"{output}: {kind} holds {longest_px} pixels a side, not {width} x {height}.",
            hint="Write PNG or TIFF.",
        )
    if depth and depth not in DEPTHS[kind]:
        held = " or ".join(map(str, DEPTHS[kind]))
        raise OutputError(
            f"{output}: {kind} holds {held} bits a channel here, not {depth}.",
            hint="Write PNG or TIFF." if depth == 16 else "Write TIFF.",
        )
