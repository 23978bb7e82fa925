"""How results are written: format, depth, what is left out, times."""

import io
import os

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tintype import OutputError, Photo, UnsupportedFormat
from tintype.formats import WRITTEN, kind_of, written_for
from tintype.provenance import is_our_result


@pytest.fixture
def described(gray_scan, file_of):
    """A JPEG with EXIF, XMP, a comment and a resolution."""
    exif = Image.Exif()
    exif[0x013B] = "A. Nonymous"
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">'
        b"<dc:source>box 7</dc:source></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    options = {"exif": exif, "xmp": xmp, "comment": b"A note", "dpi": (300, 300)}
    return file_of(gray_scan, "jpeg", **options)


@pytest.mark.parametrize("format", WRITTEN)
def test_the_format_that_is_asked_for(format, gray_scan, strong_ab, tmp_path):
    photo = Photo.open(gray_scan).with_chroma(strong_ab)
    path = photo.save(tmp_path / "without-a-suffix", format=format)
    assert kind_of(path.read_bytes()) == format
    assert path.read_bytes() == photo.to_bytes(format)
    assert is_our_result(path)
    with pytest.raises(UnsupportedFormat, match="'gif' is not written"):
        photo.save(tmp_path / "out.gif", format="gif")


@pytest.mark.parametrize("kind", ["heic", "gif", "bmp", "pnm", "jpeg2000"])
def test_the_nearest_is_one_that_is_written(kind):
    assert written_for(kind) in WRITTEN
    assert kind not in WRITTEN


@pytest.mark.parametrize("format", ["png", "tiff", "avif"])
@pytest.mark.parametrize("given", [np.uint8, np.uint16])
@pytest.mark.parametrize("depth", [8, 16])
def test_depth(depth, given, format, gray_scan, strong_ab, gray_codes):
    array = gray_scan.astype(given) * (257 if given == np.uint16 else 1)
    content = Photo.open(array).with_chroma(strong_ab).to_bytes(format, depth=depth)
    made = Photo.open(content).to_array()
    assert made.dtype == (np.uint16 if depth == 16 else np.uint8)
    if format != "avif":  # which is lossy
        top = np.iinfo(made.dtype).max
        assert np.abs(gray_codes(made) / top - gray_scan / 255).max() * top < 1


def test_depth_of_floats(gray_scan, strong_ab):
    content = Photo.open(gray_scan).with_chroma(strong_ab).to_bytes("tiff", depth=32)
    made = tifffile.imread(io.BytesIO(content))
    assert made.dtype == np.float32
    assert 0 <= made.min() < made.max() <= 1


@pytest.mark.parametrize(("format", "depth"), [("jpeg", 16), ("webp", 16), ("png", 32)])
def test_depths_that_a_format_does_not_hold(format, depth, gray_scan, strong_ab, tmp_path):
    photo = Photo.open(gray_scan).with_chroma(strong_ab)
    with pytest.raises(OutputError, match=rf"out: {format} holds .* bits .*, not {depth}\. Write"):
        photo.save(tmp_path / "out", format=format, depth=depth)
    assert not list(tmp_path.iterdir())


def test_alpha_of_another_depth(gray_scan, strong_ab):
    alpha = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    photo = Photo.open(np.dstack([gray_scan, alpha])).with_chroma(strong_ab)
    made = Photo.open(photo.to_bytes("png", depth=16)).to_array()
    assert (made[..., 3] == alpha.astype(np.uint16) * 257).all()


@pytest.mark.parametrize("format", WRITTEN)
@pytest.mark.parametrize("lossless_luma", [False, True])
def test_strip_leaves_profile_and_mark(format, lossless_luma, described, strong_ab):
    if lossless_luma and format != "jpeg":
        pytest.skip("of JPEG alone")
    if lossless_luma:
        pytest.importorskip("jpeglib", reason="needs the extra 'lossless'")
    photo = Photo.open(described).with_chroma(strong_ab, model="tiny")
    kept = photo.to_bytes(format, lossless_luma=lossless_luma)
    bare = photo.to_bytes(format, strip=True, lossless_luma=lossless_luma)
    for said in (b"A. Nonymous", b"box 7"):
        assert said in kept
        assert said not in bare
    assert b"A note" not in bare
    assert is_our_result(bare)
    assert len(bare) < len(kept)


def test_strip_of_a_tiff(gray_scan, strong_ab):
    file = io.BytesIO()
    tifffile.imwrite(
        file, gray_scan, description="Harbor", extratags=[(0x013B, 2, 0, "A. Nonymous", True)]
    )
    photo = Photo.open(file.getvalue()).with_chroma(strong_ab)
    kept, bare = photo.to_bytes(), photo.to_bytes(strip=True)
    for said in (b"Harbor", b"A. Nonymous"):
        assert said in kept
        assert said not in bare
    assert is_our_result(bare)


@pytest.mark.parametrize("format", WRITTEN)
def test_times_on_request(format, described, strong_ab, tmp_path):
    source = tmp_path / "in.jpg"
    source.write_bytes(described)
    long_ago_ns = 1_000_000_000_123_456_789
    os.utime(source, ns=(long_ago_ns, long_ago_ns))
    photo = Photo.open(source).with_chroma(strong_ab)
    kept = photo.save(tmp_path / "kept", format=format, keep_times=True)
    assert kept.stat().st_mtime_ns == long_ago_ns
    assert photo.save(tmp_path / "new", format=format).stat().st_mtime_ns > long_ago_ns


def test_comments_and_foreign_segments_of_a_jpeg(described, strong_ab):
    foreign = b"\xff\xec\x00\x0eDucky\0\1\2\3\4\5\6"
    credentials = b"\xff\xeb\x00\x0aJP\0\0sign"
    content = described[:2] + foreign + credentials + described[2:]
    for photo in (Photo.open(content), Photo.open(content)):
        result = photo.with_chroma(strong_ab).to_bytes()
        assert foreign in result
        assert b"A note" in result
        assert credentials not in result  # they vouch for other pixels
    with Image.open(io.BytesIO(result)) as image:
        assert image.info["comment"] == b"A note"


def test_a_comment_goes_from_kind_to_kind(strong_ab, file_of, tinted_scan):
    cmyk = io.BytesIO()
    Image.fromarray(tinted_scan).convert("CMYK").save(cmyk, "jpeg", comment=b"A note")
    result = Photo.open(cmyk.getvalue()).with_chroma(strong_ab).to_bytes()
    with Image.open(io.BytesIO(result)) as image:
        assert image.info["comment"] == b"A note"
    pgm = b"P5\n# box 7\n# shelf 2\n2 2\n255\n" + bytes(4)
    with Image.open(io.BytesIO(Photo.open(pgm).with_chroma(strong_ab).to_bytes())) as image:
        image.load()
        assert image.info["Comment"] == "box 7\nshelf 2"


def test_texts_of_a_png_keep_their_names(gray_scan, strong_ab, file_of):
    text = PngInfo()
    text.add_text("Creation Time", "1931")
    text.add_text("Description", "Hafen", zip=True)
    text.add_itxt("Title", "Größe", lang="de")
    content = file_of(gray_scan, "png", pnginfo=text)
    result = Photo.open(content).with_chroma(strong_ab).to_bytes()
    with Image.open(io.BytesIO(result)) as image:
        image.load()
        assert image.info["Creation Time"] == "1931"
        assert image.info["Description"] == "Hafen"
        assert image.info["Title"] == "Größe"


@pytest.mark.parametrize("meaning", [[1], [2], [2, 0]])
def test_bands_beyond_color_keep_their_meaning(meaning, tinted_scan, strong_ab):
    extra = [np.tile(np.arange(256, dtype=np.uint8), (256, 1))] * len(meaning)
    file = io.BytesIO()
    picture = np.dstack([tinted_scan, *extra])
    tifffile.imwrite(file, picture, photometric="rgb", extrasamples=meaning)
    result = Photo.open(file.getvalue()).with_chroma(strong_ab).to_bytes()
    with tifffile.TiffFile(io.BytesIO(result)) as made:
        assert [int(sample) for sample in made.pages[0].extrasamples] == meaning
        assert (made.asarray()[..., 3:] == picture[..., 3:]).all()


def test_frames_that_are_left_out_are_told(gray_scan, file_of):
    frames = [Image.fromarray(gray_scan[::-1]), Image.fromarray(gray_scan[:, ::-1])]
    for kind in ("gif", "webp"):
        content = file_of(gray_scan, kind, save_all=True, append_images=frames)
        assert "of 3 frames the first is colored" in Photo.open(content).note()
        assert "frames" not in Photo.open(file_of(gray_scan, kind)).note()
