"""What files say of themselves beyond what libvips carries, kept with a picture as fields of bytes.

Of a PNG texts and times, chunk by chunk; of a JPEG comments and foreign segments; of a GIF comment
and XMP; IPTC, which each kind of file holds in its own way.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from tintype.image.metadata import APP13_HEADING, blob, set_blob
from tintype.image.vips import VipsImage

_CHUNKS, _SEGMENTS, _COMMENT = "tintype-png-chunks", "tintype-jpeg-segments", "tintype-comment"

# chunks of a PNG that say how its codes are meant are not the result's, which is sRGB or has ICC
_KEPT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"oFFs", b"sCAL")
_XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_RAW_IPTC = b"Raw profile type iptc\0"
_LARGEST = 1 << 24  # bytes of a chunk that is carried

# segments that libvips carries, that describe the pixels, or vouch for them: JFIF, EXIF, XMP, ICC,
# the index of several pictures, content credentials, IPTC, Adobe's transform
_OTHERS_SEGMENTS = (
    (0xFFE0, b""),
    (0xFFE1, b"Exif\0"),
    (0xFFE1, b"http://ns.adobe.com/xap/1.0/\0"),
    (0xFFE2, b"ICC_PROFILE\0"),
    (0xFFE2, b"MPF\0"),
    (0xFFEB, b""),
    (0xFFED, APP13_HEADING),
    (0xFFEE, b"Adobe"),
)
_COM, _SOS, _FIRST_MARKER = 0xFFFE, 0xFFDA, 0xFFC0


def take(image: VipsImage, kind: str | None, file: BinaryIO) -> None:
    """Give a picture, just opened, what its file says beyond what libvips reads."""
    if kind == "png":
        for field in image.get_fields():
            if field.startswith("png-comment-"):  # libvips cuts keywords at their first space
                image.remove(field)
        _keep(image, _CHUNKS, _chunks(image, file))
    elif kind == "jpeg":
        _keep(image, _SEGMENTS, _segments(file))
    elif kind == "gif":
        _extensions(image, file)


def take_comment(image: VipsImage, comment: bytes) -> None:
    """Give a picture the comment of its file."""
    set_blob(image, _COMMENT, comment)


def as_segments(image: VipsImage) -> bytes:
    """What a JPEG holds of it, beyond what libvips writes."""
    comment = blob(image, _COMMENT)
    own = struct.pack(">HH", _COM, 2 + len(comment)) + comment if comment else b""
    return (blob(image, _SEGMENTS) or b"") + own


def as_chunks(image: VipsImage) -> bytes:
    """What a PNG holds of it, beyond what libvips writes."""
    chunks = blob(image, _CHUNKS) or b""
    if comment := blob(image, _COMMENT):
        text = comment.decode("utf-8", "replace").encode("latin-1", "replace")
        chunks += chunk(b"tEXt", b"Comment\0" + text)
    if iptc := blob(image, "iptc-data"):
        content = iptc.removeprefix(APP13_HEADING)
        text = b"\nIPTC profile\n%8d\n%s\n" % (len(content), content.hex().encode())
        chunks += chunk(b"zTXt", _RAW_IPTC + b"\0" + zlib.compress(text))
    return chunks


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG (PNG specification, third edition, 5.3)."""
    data = name + content
    return struct.pack(">I", len(content)) + data + struct.pack(">I", zlib.crc32(data))


def _keep(image: VipsImage, field: str, pieces: Iterator[bytes]) -> None:
    if content := b"".join(pieces):
        set_blob(image, field, content)


def _chunks(image: VipsImage, file: BinaryIO) -> Iterator[bytes]:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name not in _KEPT_CHUNKS or length > _LARGEST:
            file.seek(length + 4, 1)
            continue
        body = file.read(length + 4)
        if name == b"zTXt" and body.startswith(_RAW_IPTC):
            if iptc := _raw_profile(body[len(_RAW_IPTC) + 1 : -4]):
                set_blob(image, "iptc-data", iptc)
        elif not body.startswith(_XMP_KEYWORD):
            yield head + body


def _raw_profile(compressed: bytes) -> bytes | None:
    """APP13 from ImageMagick's form of it: a name, a length and digits, zlib-compressed."""
    try:
        text = zlib.decompressobj().decompress(compressed, _LARGEST)
        content = bytes.fromhex(b"".join(text.split()[3:]).decode("ascii"))
    except (zlib.error, ValueError):
        return None
    return APP13_HEADING + content.removeprefix(APP13_HEADING)


def _extensions(image: VipsImage, file: BinaryIO) -> None:
    """Comment and XMP of a GIF, which lie before its first picture (GIF89a, 24 and 26)."""
    file.seek(10)
    flags = file.read(1)[0]
    file.seek(13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0))
    while (head := file.read(2))[:1] == b"!":
        blocks = []
        while (length := file.read(1)) > b"\0":
            blocks.append(length + file.read(length[0]))
        if head[1:] == b"\xfe":
            take_comment(image, b"".join(block[1:] for block in blocks))
        elif blocks and blocks[0][1:] == b"XMP DataXMP":
            # the packet is not cut into blocks: a tail of falling numbers leads to the end
            packet, end, _ = b"".join(blocks[1:]).rpartition(b"\x01\xff\xfe")
            if end:
                set_blob(image, "xmp-data", packet)


def _segments(file: BinaryIO) -> Iterator[bytes]:
    file.seek(2)
    while len(head := file.read(4)) == 4:
        marker, length = struct.unpack(">HH", head)
        if marker == _SOS or marker < _FIRST_MARKER or length < 2:
            return
        body = file.read(length - 2)
        foreign = 0xFFE0 <= marker <= 0xFFEF and not any(
            marker == theirs and body.startswith(start) for theirs, start in _OTHERS_SEGMENTS
        )
        if foreign or marker == _COM:
            yield head + body
