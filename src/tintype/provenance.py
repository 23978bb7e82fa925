"""What we add to a file's metadata, and how we tell our own results from photographs.

An XMP block says that color was inferred, by what, and carries the IPTC's term for it; the block's
namespace is the mark by which a result is known again, whatever its name.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Protocol, runtime_checkable
from xml.sax.saxutils import escape

from tintype import __version__

NAMESPACE = "urn:tintype:1.0:"

_MARK = NAMESPACE.encode()
_LONGEST_TEXT = 1 << 20  # bytes of a PNG's text that are unpacked; ours is far shorter

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

    XMP is made to be found by scanning for it (XMP specification, part 3), so no reader is needed.
    Raises `OSError` where a path cannot be read.
    """
    if isinstance(source, HasXmp):
        return _is_marked(source.xmp or b"")
    if isinstance(source, bytes):
        return _is_marked(source)
    path = Path(source)
    if path.stat().st_size == 0:  # an empty file cannot be mapped
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _is_marked(content)


def _is_marked(content: bytes | mmap.mmap) -> bool:
    if content[:4] == b"\x89PNG":
        return _is_marked_png(content)
    return content.find(_MARK) >= 0


def _is_marked_png(content: bytes | mmap.mmap) -> bool:
    """PNG may compress its text, so the scan is over the texts (PNG 3rd edition, 11.3.3)."""
    place = 8
    while place + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        if kind == b"iTXt":
            keyword, _, rest = content[place + 8 : place + 8 + length].partition(b"\0")
            if keyword == b"XML:com.adobe.xmp" and _MARK in _text(rest):
                return True
        place += 12 + length
    return False


def _text(rest: bytes) -> bytes:
    """The text of an iTXt chunk: after flag, method, language and translated keyword."""
    text = rest[2:].split(b"\0", 2)[-1]
    if not rest[:1] == b"\1":
        return text
    try:
        return zlib.decompressobj().decompress(text, _LONGEST_TEXT)
    except zlib.error:
        return b""
