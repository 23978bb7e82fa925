"""TIFFs of several pages: each is colored, and stays what it was."""

import io
import struct

import numpy as np
import pytest
import tifffile

from tintype import Colorizer, Photo, PhotoError, tiff

NAMED = 0x011D  # PageName
PRIVATE = 65000


@pytest.fixture
def album_of_pages(gray_scan):
    """Pages of several sizes, depths and modes, each with a name and a tag of its own."""
    deep = gray_scan[:50, :70].astype(np.uint16) * 257
    pages = [gray_scan, deep, np.dstack([gray_scan] * 3)[:33], (gray_scan / 255).astype("f4")]
    options = [{}, {"compression": "zlib"}, {"tile": (16, 16), "photometric": "rgb"}, {}]
    file = io.BytesIO()
    with tifffile.TiffWriter(file, byteorder=">") as writer:
        for number, (page, option) in enumerate(zip(pages, options, strict=True)):
            tags = [(NAMED, 2, 0, f"leaf {number}", True), (PRIVATE, 3, 2, (number, 7), True)]
            dpi = (300 + number, 300 + number)
            writer.write(
                page, metadata=None, extratags=tags, resolution=dpi, resolutionunit=2, **option
            )
    return file.getvalue()


def in_color(photo, ab):
    return photo.with_chroma(ab).with_pages(lambda page: page.with_chroma(ab))


def test_every_page_keeps_size_depth_and_tags(album_of_pages, strong_ab, gray_codes):
    result = in_color(Photo.open(album_of_pages), strong_ab).to_bytes()
    with (
        tifffile.TiffFile(io.BytesIO(album_of_pages)) as before,
        tifffile.TiffFile(io.BytesIO(result)) as after,
    ):
        assert len(after.pages) == 4
        for number, (given, made) in enumerate(zip(before.pages, after.pages, strict=True)):
            assert made.shape == (*given.shape[:2], 3)
            assert made.dtype == given.dtype
            assert made.tags[NAMED].value == f"leaf {number}"
            assert made.tags[PRIVATE].value == (number, 7)
            assert made.resolution == given.resolution == (300 + number, 300 + number)
            assert made.is_tiled == given.is_tiled
            assert "tintype" in made.tags["Software"].value
            gray, color = (
                np.rint(p.asarray() * 65535).astype(np.uint16)
                if p.dtype == np.float32
                else p.asarray()
                for p in (given, made)
            )
            assert np.abs(gray_codes(color) - gray_codes(gray)).max() <= 1
            assert np.ptp(color.astype(float), axis=2).mean() > 1


def test_the_colorizer_looks_at_every_page(gray_scan, tiny_model, tmp_path):
    """The tiny model is warmer where it is lighter: a page's color is its own."""
    dark, light = np.full((64, 64), 60, np.uint8), np.full((64, 64), 200, np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", np.stack([dark, light]), photometric="minisblack")
    Colorizer(tiny_model)(tmp_path / "in.tif").save(tmp_path / "out.tif")
    first, second = (page.to_array() for page in Photo.open(tmp_path / "out.tif").pages)
    assert np.ptp(second.astype(int), axis=2).mean() > 2 * np.ptp(first.astype(int), axis=2).mean()


def test_a_kind_of_one_page_says_so(album_of_pages, strong_ab):
    photo = Photo.open(album_of_pages, name="album.tif")
    assert photo.note() == ""
    assert photo.note("png") == "album.tif: png holds one page: of 4 the first is colored."
    assert Photo.open(in_color(photo, strong_ab).to_bytes("png")).to_array().shape[0] == 256


@pytest.mark.parametrize("big", [False, True])
def test_big_stays_big(big, gray_scan, strong_ab):
    file = io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=big) as writer:
        for page in (gray_scan, gray_scan[:99]):
            writer.write(page, metadata=None)
    result = in_color(Photo.open(file.getvalue()), strong_ab).to_bytes()
    assert (result[:4] == b"II+\0") == big
    assert [page.height for page in Photo.open(result).pages] == [256, 99]
    assert tiff.page_count(io.BytesIO(result)) == 2


def test_what_needs_more_than_32_bits_is_big():
    from tintype.image import write

    assert write.is_big(4_000_000_000)
    assert not write.is_big(3_000_000_000)


def test_a_page_that_is_cut_off_is_told(album_of_pages, strong_ab):
    with tifffile.TiffFile(io.BytesIO(album_of_pages)) as file:
        offset = file.pages[3].offset
    cut = album_of_pages[: offset + 20]  # tags at the end of the file are gone
    with pytest.raises(PhotoError, match="ends before the picture does"):
        in_color(Photo.open(cut), strong_ab).to_bytes()


def test_pages_that_lead_in_a_circle_end(gray_scan, strong_ab):
    file = io.BytesIO()
    tifffile.imwrite(file, gray_scan, metadata=None)
    content = bytearray(file.getvalue())
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * count, start)
    photo = Photo.open(bytes(content))
    assert len(photo.pages) == 1
    assert in_color(photo, strong_ab).to_bytes()


def test_a_page_beyond_the_limit_is_refused(gray_scan, strong_ab, monkeypatch, tmp_path):
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in (gray_scan[:9, :9], gray_scan):
            writer.write(page, metadata=None)
    monkeypatch.setenv("TINTYPE_MAX_PIXELS", "10000")
    photo = Photo.open(file.getvalue())
    with pytest.raises(PhotoError, match="256 x 256 is more than the limit of 10000"):
        in_color(photo, strong_ab).save(tmp_path / "out.tif")
    assert not list(tmp_path.iterdir())
