"""Which kinds of picture files there are: told by content when read, by extension when written."""

from __future__ import annotations

import os
from pathlib import Path

from tintype.errors import UnsupportedFormat

# kind of file: the extensions it goes by, the first being the usual one
EXTENSIONS = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "tiff": (".tif", ".tiff"),
    "webp": (".webp",),
    "gif": (".gif",),
    "heif": (".heic", ".heif", ".avif"),
    "bmp": (".bmp",),
    "jpeg2000": (".jp2", ".j2k", ".jpx"),
    "pnm": (".pbm", ".pgm", ".ppm", ".pnm"),
}
BY_PILLOW = ("bmp", "jpeg2000", "pnm")  # libvips reads the others
WRITERS = {
    extension: kind for kind in ("jpeg", "png", "tiff", "webp") for extension in EXTENSIONS[kind]
}

LONGEST_SIDE_PX = {"jpeg": 65_500, "webp": 16_383}  # libjpeg's, and that of the format

_HEAD_BYTES = 16
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
_HEIF_BRANDS = (b"heic", b"heix", b"mif1", b"avif")


def kind_of(content: bytes) -> str | None:
    """The kind of a file by its first bytes; None where they are not those of a picture."""
    head = content[:_HEAD_BYTES]
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "heif"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "bmp"
    if head[:2] in (b"P4", b"P5", b"P6") and head[2:3].isspace():
        return "pnm"
    return None


def head_of(path: Path) -> bytes:
    """The first bytes of a file, as many as `kind_of` looks at. Raises `OSError`."""
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def format_of(path: str | os.PathLike[str]) -> str | None:
    """The kind of a file by its content; None where it is no picture or cannot be opened."""
    try:
        return kind_of(head_of(Path(path)))
    except OSError:
        return None


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file is of a kind that `Photo` reads, by its content."""
    return format_of(path) is not None


def written_as(path: Path) -> str:
    """The kind that a name's extension asks for; `UnsupportedFormat` where none does."""
    try:
        return WRITERS[path.suffix.lower()]
    except KeyError:
        raise UnsupportedFormat(
            f"{path}: no format that is written goes by the extension {path.suffix!r}.",
            hint=f"Use one of {', '.join(WRITERS)}.",
        ) from None
