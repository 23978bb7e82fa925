"""Which kinds of picture files there are: told by content when read, by extension when written."""

from __future__ import annotations

import os
from pathlib import Path

from tintype.errors import UnsupportedFormat

# what a name's extension asks for
WRITTEN = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".png": "png",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
}

# kinds that Pillow reads for us; the others libvips does
BY_PILLOW = {"bmp": "BMP", "jpeg2000": "JPEG2000", "pnm": "PPM"}

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


def kind_of(head: bytes) -> str | None:
    """The kind of a file by its first 16 bytes; None where they are not those of a picture."""
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


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file is of a kind that `Photo` reads; one that cannot be opened is not."""
    try:
        with Path(path).open("rb") as file:
            return kind_of(file.read(16)) is not None
    except OSError:
        return False


def written_as(path: Path) -> str:
    """The format that a name's extension asks for; `UnsupportedFormat` where none does."""
    try:
        return WRITTEN[path.suffix.lower()]
    except KeyError:
        raise UnsupportedFormat(
            f"{path}: no picture format goes by the extension {path.suffix!r}.",
            hint=f"Use one of {', '.join(WRITTEN)}.",
        ) from None
