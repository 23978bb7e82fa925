"""What we add to a file's metadata, and how we tell our own results from photographs.

An XMP block says that color was inferred, by what, and carries the IPTC's term for it; the block's
namespace is the mark by which a result is known again, whatever its name.
"""

from __future__ import annotations

import mmap
import os
import re
from pathlib import Path
from typing import Protocol, runtime_checkable
from xml.sax.saxutils import escape

from tintype import __version__

NAMESPACE = "urn:tintype:1.0:"

_MARK = NAMESPACE.encode()

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
        return _MARK in (source.xmp or b"")
    if isinstance(source, bytes):
        return _MARK in source
    path = Path(source)
    if path.stat().st_size == 0:  # an empty file cannot be mapped
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(_MARK) >= 0
