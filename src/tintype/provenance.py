"""What we add to a file's metadata, and how we tell our own results from photographs.

An XMP block says that color was inferred, by what, and carries the IPTC's term for it; the block's
namespace is the mark by which a result is known again, whatever its name.
"""

from __future__ import annotations

import io
import os
import re
import struct
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable
from xml.sax.saxutils import escape

from tintype import __version__, tiff
from tintype.formats import HEAD_BYTES, kind_of

NAMESPACE = "urn:tintype:1.0:"

_MARK = NAMESPACE.encode()
_LARGEST = 1 << 24  # bytes that are looked at of a packet
_XMP_TAG = 700  # of TIFF

# https://cv.iptc.org/newscodes/digitalsourcetype/
ENHANCED = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"

SOFTWARE = f"tintype {__version__}"
STATEMENT = "Color is inferred; it is not part of the photograph's record."

_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF>'
    '</x:xmpmeta>\n<?xpacket end="w"?>'
)
_END = "</rdf:RDF>"
_OUR_BLOCK = re.compile(
    rf'<rdf:Description[^>]*xmlns:tintype="{re.escape(NAMESPACE)}".*?</rdf:Description>', re.DOTALL
)
_SOURCE_TYPE = re.compile(
    r"<(\w+:DigitalSourceType)\b[^>]*>.*?</\1>|\s\w+:DigitalSourceType=(\"[^\"]*\"|'[^']*')",
    re.DOTALL,
)


@runtime_checkable
class HasXmp(Protocol):
    """A picture that gives its XMP packet, if it has one."""

    @property
    def xmp(self) -> bytes | None: ...


def marked(xmp: bytes | None, *, model: str | None) -> bytes:
    """The XMP packet with our block in it; what else it says is kept.

    A packet that cannot be read as RDF is replaced by a new one.
    """
    packet = xmp.decode("utf-8", "replace").rstrip("\0") if xmp else ""
    if _END not in packet:
        packet = _PACKET
    packet = _SOURCE_TYPE.sub("", _OUR_BLOCK.sub("", packet))
    block = (
        f'<rdf:Description rdf:about="" xmlns:tintype="{NAMESPACE}" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<Iptc4xmpExt:DigitalSourceType>{ENHANCED}</Iptc4xmpExt:DigitalSourceType>"
        f"<tintype:Software>{SOFTWARE}</tintype:Software>"
        + (f"<tintype:Model>{escape(model)}</tintype:Model>" if model else "")
        + f"<tintype:Statement>{STATEMENT}</tintype:Statement></rdf:Description>"
    )
    head, end, tail = packet.rpartition(_END)
    return (head + block + end + tail).encode()


def is_our_result(source: str | os.PathLike[str] | bytes | HasXmp) -> bool:
    """Whether a file, its bytes or a `Photo` is an earlier result of tintype, by its metadata.

    Of a file no pixels are read. One that cannot be read, or is damaged, is none.
    """
    if isinstance(source, HasXmp):
        return _MARK in (source.xmp or b"")
    try:
        if isinstance(source, bytes):
            return _is_marked(io.BytesIO(source))
        path = Path(source)
        if not path.is_file():  # opening a pipe would wait for who writes to it
            return False
        with path.open("rb") as file:
            return _is_marked(file)
    except (OSError, ValueError, struct.error):
        return False


def _is_marked(file: BinaryIO) -> bool:
    kind = kind_of(file.read(HEAD_BYTES))
    if kind == "tiff":
        _, entries = tiff.Tiff(file).page(0)
        return _XMP_TAG in entries and _MARK in tiff.Tiff(file).value(entries[_XMP_TAG])
    if kind in ("avif", "jpeg2000"):  # boxes that point at each other; no pixels spell our name
        file.seek(0)
        return _MARK in file.read()
    place = {"jpeg": 2, "png": 8, "webp": 12}.get(kind or "")
    while place:
        file.seek(place)
        head = file.read(4 if kind == "jpeg" else 8)
        if kind == "jpeg":
            name, length = struct.unpack(">2sH", head)
            place += 2 + length
        elif kind == "png":
            length, name = struct.unpack(">I4s", head)
            place += 8 + length + 4
        else:
            name, length = struct.unpack("<4sI", head)
            place += 8 + length + length % 2
        if name in (b"\xff\xda", b"IDAT"):  # pixels, and nothing of ours after them
            break
        if name in (b"\xff\xe1", b"iTXt", b"XMP ") and _MARK in file.read(min(length, _LARGEST)):
            return True
    return False
