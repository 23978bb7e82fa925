"""What a file says of itself is carried over, and what we add to it."""

import io
import struct
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from tintype import Photo, __version__
from tintype.provenance import is_our_result, marked

FORMATS = ["jpeg", "png", "tiff", "webp"]
DESCRIPTION, MAKE, SOFTWARE, DATE, ARTIST = 0x010E, 0x010F, 0x0131, 0x0132, 0x013B
EXIF, TAKEN, COLOR_SPACE, WIDTH, HEIGHT = 0x8769, 0x9003, 0xA001, 0xA002, 0xA003
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    b' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    b' Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/print">'
    b"<dc:source>box 7</dc:source></rdf:Description></rdf:RDF></x:xmpmeta>"
)
ENHANCED = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"


@pytest.fixture
def described(gray_scan):
    """A gray photograph with EXIF, XMP and 300 dpi, in any format."""

    def write(format):
        exif = Image.Exif()
        exif[DESCRIPTION], exif[MAKE], exif[ARTIST] = "Harbor", "Leitz", "A. Nonymous"
        exif[SOFTWARE], exif[DATE] = "ScanSoft 1", "2001:02:03 04:05:06"
        exif.get_ifd(EXIF)[TAKEN] = "1931:05:06 07:08:09"
        exif.get_ifd(EXIF)[WIDTH] = 7
        file = io.BytesIO()
        if format == "tiff":  # Pillow writes no EXIF into a TIFF: by way of ours
            return Photo.open(write("png")).with_chroma(np.zeros((2, 1, 1))).to_bytes("tiff")
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        named = {"pnginfo": text} if format == "png" else {"xmp": XMP}
        Image.fromarray(gray_scan).save(file, format, exif=exif, dpi=(300, 300), **named)
        return file.getvalue()

    return write


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize("given", FORMATS)
@pytest.mark.parametrize("written", FORMATS)
def test_exif_is_carried_over(given, written, described, strong_ab):
    result = opened(Photo.open(described(given)).with_chroma(strong_ab).to_bytes(written))
    exif = result.getexif()
    assert exif[DESCRIPTION] == "Harbor"
    assert exif[MAKE] == "Leitz"
    assert exif[ARTIST] == "A. Nonymous"
    assert exif[DATE] == "2001:02:03 04:05:06"
    assert exif[SOFTWARE] == f"tintype {__version__}"
    taken = exif.get_ifd(EXIF)
    assert taken[TAKEN] == "1931:05:06 07:08:09"
    if written != "tiff":
        assert (taken[WIDTH], taken[HEIGHT]) == result.size
        assert taken[COLOR_SPACE] == 1  # sRGB


@pytest.mark.parametrize("written", FORMATS)
def test_private_tags_take_no_room_of_others(written, gray_scan, strong_ab):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[DESCRIPTION], tags[MAKE] = "Harbor" * 3_500, "Leitz"
    for private in range(65000, 65005):
        tags[private] = "x" * 16_000
    file = io.BytesIO()
    Image.fromarray(gray_scan).save(file, "tiff", tiffinfo=tags)
    result = Photo.open(file.getvalue()).with_chroma(strong_ab).to_bytes(written)
    exif = opened(result).getexif()
    assert (exif[DESCRIPTION], exif[MAKE]) == ("Harbor" * 3_500, "Leitz")
    assert (b"x" * 16_000 in result) == (written == "tiff")


@pytest.mark.parametrize("given", ["jpeg", "png", "tiff"])
@pytest.mark.parametrize("written", ["jpeg", "png", "tiff"])
def test_resolution_is_carried_over(given, written, described, strong_ab):
    result = opened(Photo.open(described(given)).with_chroma(strong_ab).to_bytes(written))
    assert result.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def properties(packet):
    """Every property of an XMP packet that has a text."""
    return {e.tag.split("}")[1]: e.text for e in ET.fromstring(packet).iter() if e.text}


@pytest.mark.parametrize("given", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("written", FORMATS)
def test_xmp_is_carried_over_and_marked(given, written, described, strong_ab):
    photo = Photo.open(described(given)).with_chroma(strong_ab, model="tiny<1>.v1")
    packet = opened(photo.to_bytes(written)).info["xmp"]
    said = properties(packet)
    assert said["source"] == "box 7"
    assert said["DigitalSourceType"] == ENHANCED
    assert said["Model"] == "tiny<1>.v1"
    assert said["Software"] == f"tintype {__version__}"
    assert "inferred" in said["Statement"]
    assert b"digitalsourcetype/print" not in packet


@pytest.mark.parametrize("format", FORMATS)
def test_our_results_are_known_by_their_mark(format, described, strong_ab, tmp_path, gray_scan):
    source = tmp_path / "given.color.jpg"
    source.write_bytes(described("jpeg"))
    assert not is_our_result(source)
    assert not is_our_result(Photo.open(source))
    content = Photo.open(source).with_chroma(strong_ab).to_bytes(format)
    result = tmp_path / "holiday.dat"
    result.write_bytes(content)
    assert is_our_result(result)
    assert is_our_result(str(result))
    assert is_our_result(content)
    assert is_our_result(Photo.open(content))
    assert not is_our_result(Photo.open(gray_scan))
    (tmp_path / "empty").touch()
    assert not is_our_result(tmp_path / "empty")


def test_a_result_colored_again_is_marked_once(described, strong_ab):
    once = Photo.open(described("jpeg")).with_chroma(strong_ab, model="first").to_bytes()
    twice = Photo.open(once).with_chroma(strong_ab, model="second").to_bytes()
    assert twice.count(b"tintype:Model>second") == 1
    assert b"first" not in twice
    assert twice.count(b"DigitalSourceType>http") == 1


@pytest.mark.parametrize("packet", [None, b"", b"junk", b"\xff\xfe<", XMP + b"\0\0"])
def test_any_packet_can_be_marked(packet):
    said = properties(marked(packet, model=None))
    assert said["DigitalSourceType"] == ENHANCED
    assert "Model" not in said


@pytest.mark.parametrize("given", ["jpeg", "png"])
@pytest.mark.parametrize("written", FORMATS)
@pytest.mark.parametrize("length", [59_000, 60_000, 64_000, 65_000])
def test_the_mark_is_never_lost(given, written, length, gray_scan, strong_ab, tmp_path):
    long = XMP.replace(b"box 7", b"box 7".ljust(length - len(XMP) + 5, b"."))
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", long.decode())
    file = io.BytesIO()
    Image.fromarray(gray_scan).save(file, given, xmp=long, pnginfo=text)
    photo = Photo.open(file.getvalue())
    assert len(photo.xmp) == length
    for colored in (photo, Photo.open(photo.to_array())):  # a JPEG by its planes, and another way
        result = colored.with_chroma(strong_ab).to_bytes(written)
        assert is_our_result(result)
        assert is_our_result(Photo.open(result))
    if written != "jpeg":
        result = photo.with_chroma(strong_ab).to_bytes(written)
        assert properties(opened(result).info["xmp"])["source"].startswith("box 7...")


def test_pil_keeps_what_the_file_says(described, strong_ab):
    for format in ("jpeg", "png", "tiff"):
        content = described(format)
        for given in (Photo.open(content), Photo.open(opened(content))):
            pil = given.with_chroma(strong_ab).to_pil()
            assert pil.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            exif = pil.getexif()
            assert exif[DESCRIPTION] == "Harbor"
            assert exif[SOFTWARE] == f"tintype {__version__}"
            assert exif.get_ifd(EXIF)[TAKEN] == "1931:05:06 07:08:09"
            assert (exif.get_ifd(EXIF)[WIDTH], exif.get_ifd(EXIF)[HEIGHT]) == pil.size
    bare = Photo.open(np.zeros((8, 8), np.uint8)).to_pil()
    assert not {"exif", "dpi"} & bare.info.keys()


def test_only_exif_is_told_the_size(gray_scan, strong_ab):
    looks_alike = struct.pack(">HHII", WIDTH, 4, 1, 1)
    record = b"\x1c\x02\x78" + struct.pack(">H", len(looks_alike)) + looks_alike
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record + b"\0"
    data = b"Photoshop 3.0\0" + block
    segment = b"\xff\xed" + struct.pack(">H", len(data) + 2) + data
    file = io.BytesIO()
    Image.fromarray(gray_scan).save(file, "jpeg")
    content = file.getvalue()
    photo = Photo.open(content[:2] + segment + content[2:])
    assert looks_alike in photo.with_chroma(strong_ab).to_bytes()


def test_without_color_nothing_is_marked(described):
    for format in FORMATS:
        content = Photo.open(described("jpeg")).to_bytes(format)
        assert not is_our_result(content)
        assert opened(content).getexif()[SOFTWARE] == "ScanSoft 1"


def jpeg_with_exif(array, body):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "jpeg", exif=b"Exif\0\0" + body)
    return file.getvalue()


@pytest.mark.parametrize("written", ["jpeg", "png", "webp"])
def test_the_gray_thumbnail_goes(written, gray_scan, strong_ab):
    thumbnail = io.BytesIO()
    Image.fromarray(gray_scan).resize((80, 80)).save(thumbnail, "jpeg")
    small = thumbnail.getvalue()
    entries = struct.pack(">HHII", 0x0201, 4, 1, 56) + struct.pack(
        ">HHII", 0x0202, 4, 1, len(small)
    )
    first = struct.pack(">HHHI4s", 1, DESCRIPTION, 2, 4, b"old\0")
    body = b"MM\0*" + struct.pack(">I", 8) + first + struct.pack(">I", 26)
    body += struct.pack(">H", 2) + entries + struct.pack(">I", 0)
    assert len(body) == 56
    content = jpeg_with_exif(gray_scan, body + small)
    assert small[100:200] in content
    result = Photo.open(content).with_chroma(strong_ab).to_bytes(written)
    assert small[100:200] not in result
    assert opened(result).getexif()[DESCRIPTION] == "old"


@pytest.mark.parametrize("body", [b"", b"MM", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\xff\xff"])
@pytest.mark.parametrize("written", FORMATS)
def test_broken_exif_is_survived(body, written, gray_scan, strong_ab):
    photo = Photo.open(jpeg_with_exif(gray_scan, body)).with_chroma(strong_ab)
    assert Photo.open(photo.to_bytes(written)).width == 256


def test_iptc_is_carried_over(gray_scan, strong_ab, file_of):
    content = file_of(gray_scan, "jpeg")
    record = b"\x1c\x02\x78\0\x06Harbor"  # caption
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record + b"\0"
    data = b"Photoshop 3.0\0" + block
    segment = b"\xff\xed" + struct.pack(">H", len(data) + 2) + data
    content = content[:2] + segment + content[2:]
    for written in ("jpeg", "tiff"):  # the others have no place for it
        assert record in Photo.open(content).with_chroma(strong_ab).to_bytes(written)


def test_alpha_is_kept(gray_scan, strong_ab, file_of, pixels_of):
    alpha = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    gray = np.dstack([gray_scan, alpha])
    rgba = np.dstack([gray_scan, gray_scan, gray_scan, alpha])
    for array, given, written in (
        (gray, "png", "png"),
        (gray, "png", "tiff"),
        (rgba, "png", "webp"),
        (rgba, "tiff", "png"),
    ):
        photo = Photo.open(file_of(array, given)).with_chroma(strong_ab)
        result = pixels_of(photo.to_bytes(written, quality=100))
        assert result.shape == (256, 256, 4)
        assert (result[..., 3] == alpha).all()
    flat = pixels_of(photo.to_bytes("jpeg"))  # has no alpha: on white
    assert flat.shape == (256, 256, 3)
    assert flat[:, :4].mean() > 245
