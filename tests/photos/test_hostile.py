"""Files that lie, change or would exhaust the machine: one clear line, and nothing written."""

import io
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import Image

from tintype import Photo, PhotoError, PhotoTooLarge, UnsupportedFormat
from tintype.image.vips import pyvips


def png_chunk(name, content):
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png_claiming(width, height):
    """A PNG of a claimed size, all black, which compresses a thousand times."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1 + width) * min(height, 20_000), 9)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_claiming(20_000, 20_000))
    said = r"bomb\.png: 20000 x 20000 is more than the limit of 250000000 pixels\. TINTYPE_MAX"
    with pytest.raises(PhotoTooLarge, match=said):
        Photo.open(path)


@pytest.mark.parametrize("size", [(2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (0, 5), (5, 0)])
def test_absurd_sizes(size, strong_ab, tmp_path):
    header = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IEND", b"")
    with pytest.raises(PhotoError) as caught:
        Photo.open(content, name="absurd").with_chroma(strong_ab).save(tmp_path / "out.png")
    assert str(caught.value).startswith("absurd: ")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength"])
@pytest.mark.parametrize("tile", [None, (64, 64)])
def test_a_tiff_that_claims_more_than_it_holds(tag, tile, gray_scan, strong_ab, tmp_path):
    file = io.BytesIO()
    tifffile.imwrite(file, gray_scan, tile=tile, rowsperstrip=None if tile else 16)
    content = bytearray(file.getvalue())
    with tifffile.TiffFile(io.BytesIO(content)) as written:
        found = written.pages[0].tags[tag]
        struct.pack_into("<H" if found.dtype == 3 else "<I", content, found.valueoffset, 5000)
    with pytest.raises(PhotoError, match=r"ends before|damaged"):
        Photo.open(bytes(content)).with_chroma(strong_ab).save(tmp_path / "out.tif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "webp", "gif", "avif"])
@pytest.mark.parametrize("change", ["overwritten", "replaced", "cut", "gone"])
def test_a_file_that_changes_while_it_is_read(
    kind, change, gray_scan, strong_ab, file_of, tmp_path
):
    path, other = tmp_path / "in", tmp_path / "other"
    path.write_bytes(file_of(gray_scan, kind))
    photo = Photo.open(path)
    photo.luminance(64)
    if change == "overwritten":
        path.write_bytes(file_of(gray_scan[::-1, :200].copy(), kind))
    elif change == "replaced":
        other.write_bytes(path.read_bytes())
        other.replace(path)
    elif change == "cut":
        path.write_bytes(path.read_bytes()[:700])
    else:
        path.unlink()
    said = "No such file" if change == "gone" else "changed while it was read"
    with pytest.raises(PhotoError, match=f"^{path}: .*{said}"):
        photo.with_chroma(strong_ab).save(tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


CUT_WHILE_READ = """
import sys, threading, time
import numpy as np
from pathlib import Path
from tintype import Photo, TintypeError
source, output = map(Path, sys.argv[1:])
photo = Photo.open(source).with_chroma(np.zeros((2, 1, 1)))
def cut():
    with source.open("r+b") as file:
        file.truncate(9000)
threading.Timer(0.02, cut).start()
try:
    photo.save(output)
except TintypeError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["png", "tiff", "webp"])
def test_a_file_that_shrinks_under_our_hands(kind, tmp_path):
    """Where a file is mapped into memory, its missing end would kill the process."""
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000), np.uint8)
    Image.fromarray(noise).save(tmp_path / "in", kind, lossless=True)
    command = [sys.executable, "-c", CUT_WHILE_READ, tmp_path / "in", tmp_path / "out.tif"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "changed while" in done.stdout or "ends before" in done.stdout
    assert not (tmp_path / "out.tif").exists()


@pytest.mark.parametrize("value", [-0.5, 2.0, np.nan, np.inf])
def test_floats_without_a_range_are_told(value, gray_scan, strong_ab, tmp_path):
    floats = (gray_scan / 255).astype(np.float32)
    floats[5, 7] = value
    tifffile.imwrite(tmp_path / "in.tif", floats)
    photo = Photo.open(tmp_path / "in.tif")
    for use in (lambda: photo.luminance(64), lambda: photo.with_chroma(strong_ab).to_bytes()):
        with pytest.raises(PhotoError, match=r"in\.tif: floats must lie in \[0, 1\], not in \["):
            use()


def test_floats_that_a_filter_overshot_are_clipped(gray_scan, strong_ab):
    floats = (gray_scan / 255).astype(np.float32)
    floats[0, 0], floats[0, 1] = -0.0005, 1.0005
    file = io.BytesIO()
    tifffile.imwrite(file, floats)
    made = Photo.open(file.getvalue()).with_chroma(strong_ab).to_array()
    assert (made[0, 0] == 0).all()
    assert (made[0, 1] == 1).all()


@pytest.mark.parametrize("kind", [np.uint32, np.int16, np.float64])
def test_depths_that_are_not_read(kind, gray_scan):
    file = io.BytesIO()
    tifffile.imwrite(file, gray_scan.astype(kind))
    with pytest.raises(UnsupportedFormat, match="not read"):
        Photo.open(file.getvalue()).luminance(64)


def test_heic_says_what_is_missing(strong_ab):
    """libvips's wheel has no decoder for HEVC; one that has finds these pixels damaged."""
    content = pyvips.Image.black(64, 64).heifsave_buffer(compression="av1")
    claims = content
    for ours, theirs in ((b"avif", b"heic"), (b"av01", b"hvc1"), (b"av1C", b"hvcC")):
        claims = claims.replace(ours, theirs)
    with pytest.raises(
        PhotoError,
        match=r"^photo\.heic: (this libvips has no decoder for HEVC|the file ends before)[^\n]+$",
    ):
        Photo.open(claims, name="photo.heic").with_chroma(strong_ab).to_bytes()


def test_extensions_of_a_gif_that_never_end(gray_scan, file_of, strong_ab):
    content = file_of(gray_scan, "gif")
    start = 13 + 3 * 256
    endless = content[:start] + b"!\xfe" + b"\xff" + b"x" * 400
    with pytest.raises(PhotoError):
        Photo.open(endless).with_chroma(strong_ab).to_bytes()


def test_a_packed_text_that_explodes(gray_scan, file_of, strong_ab):
    bomb = b"Raw profile type iptc\0\0" + zlib.compress(bytes(200_000_000), 9)
    content = file_of(gray_scan, "png")
    content = content[:33] + png_chunk(b"zTXt", bomb) + content[33:]
    assert Photo.open(content).with_chroma(strong_ab).to_bytes()


@pytest.fixture
def broken_tiff(gray_scan):
    """A deflated TIFF whose pixels are damaged in the middle."""
    file = io.BytesIO()
    tifffile.imwrite(file, gray_scan, compression="zlib")
    content = file.getvalue()
    return content[:8000] + b"\xff" * 3000 + content[11000:]


def test_pixels_that_cannot_be_decoded_do_not_become_black(broken_tiff, strong_ab, tmp_path):
    path = tmp_path / "broken.tif"
    path.write_bytes(broken_tiff)
    with pytest.raises(PhotoError, match=r"broken\.tif: the picture is damaged"):
        Photo.open(path).with_chroma(strong_ab).save(tmp_path / "out.tif")
    assert [left.name for left in tmp_path.iterdir()] == ["broken.tif"]


def test_a_message_is_of_its_own_file(gray_scan, broken_tiff, strong_ab, file_of):
    """All threads share one place for what libvips has to say."""

    def told(content):
        with pytest.raises(PhotoError) as caught:
            Photo.open(content, name="it").with_chroma(strong_ab).to_bytes("png")
        return str(caught.value)

    cut = [file_of(gray_scan, format)[:-2000] for format in ("png", "tiff", "webp", "gif")]
    lossless = file_of(gray_scan, "png")
    flipped = lossless[:9000] + bytes(200) + lossless[9200:]
    damaged = [*cut, flipped, broken_tiff, file_of(gray_scan, "jpeg")[:300]]
    alone = [told(content) for content in damaged]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(told, damaged * 12))
    assert together == alone * 12
    assert len(set(alone)) > 3
