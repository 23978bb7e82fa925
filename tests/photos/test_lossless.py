"""The luma of a JPEG stays in its result, bit for bit."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps

from tintype import OutputError, Photo, color
from tintype.provenance import is_our_result

jpeglib = pytest.importorskip("jpeglib", reason="needs the extra 'lossless'")


def luma_of(content, tmp_path):
    """Coefficients of the luma, (rows, columns, 8, 8), and what they are multiplied by."""
    path = tmp_path / "luma.jpg"
    path.write_bytes(content)
    read = jpeglib.read_dct(str(path))
    return read.Y.copy(), read.get_component_qt(0).copy()


def marks(content):
    return {content[i + 1] for i in range(len(content) - 1) if content[i] == 0xFF}


@pytest.mark.parametrize("size", [(256, 256), (131, 67), (17, 9), (8, 8), (1, 1)])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kind", ["gray", "4:4:4", "4:2:2", "4:2:0", "4:1:1"])
def test_every_coefficient_is_kept(
    kind, progressive, size, gray_scan, tinted_scan, strong_ab, file_of, pixels_of, tmp_path
):
    options = {} if kind == "gray" else {"subsampling": kind}
    array = (gray_scan if kind == "gray" else tinted_scan)[: size[1], : size[0]]
    content = file_of(array, "jpeg", quality=88, progressive=progressive, **options)
    result = Photo.open(content).with_chroma(strong_ab).to_bytes(lossless_luma=True)
    before, after = luma_of(content, tmp_path), luma_of(result, tmp_path)
    assert (before[0] == after[0]).all()
    assert (before[1] == after[1]).all()
    with Image.open(io.BytesIO(result)) as image:
        assert image.size == size
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]
    if min(size) > 8:
        assert np.ptp(pixels_of(result).astype(int), axis=2).mean() > 10


@pytest.mark.parametrize("options", [{"restart_marker_rows": 1}, {"restart_marker_blocks": 5}])
@pytest.mark.parametrize("kind", ["gray", "color"])
def test_restart_markers(kind, options, gray_scan, tinted_scan, strong_ab, file_of, tmp_path):
    array = gray_scan if kind == "gray" else tinted_scan
    content = file_of(array, "jpeg", **options)
    assert 0xDD in marks(content)
    result = Photo.open(content).with_chroma(strong_ab).to_bytes(lossless_luma=True)
    assert (luma_of(content, tmp_path)[0] == luma_of(result, tmp_path)[0]).all()


@pytest.mark.parametrize("quality", [1, 50, 100])
def test_coarse_and_fine_tables(quality, gray_scan, strong_ab, file_of, tmp_path):
    content = file_of(gray_scan, "jpeg", quality=quality)
    result = Photo.open(content).with_chroma(strong_ab).to_bytes(lossless_luma=True)
    before, after = luma_of(content, tmp_path), luma_of(result, tmp_path)
    assert (before[0] == after[0]).all()
    assert (before[1] == after[1]).all()


def test_the_original_can_be_taken_out(gray_scan, strong_ab, file_of, pixels_of, tmp_path):
    content = file_of(gray_scan, "jpeg", quality=90)
    result = Photo.open(content).with_chroma(strong_ab).to_bytes(lossless_luma=True)
    with Image.open(io.BytesIO(result)) as image:
        image.draft("L", None)
        assert (np.asarray(image) == pixels_of(content)).all()


def test_color_is_that_asked_for(gray_scan, strong_ab, file_of, pixels_of):
    """a and b as the general path gives them; it keeps L where this keeps the luma."""
    content = file_of(gray_scan, "jpeg", quality=95)
    photo = Photo.open(content).with_chroma(strong_ab * 0.4)
    kept = pixels_of(photo.to_bytes(lossless_luma=True, quality=98))
    plain = photo.to_array()
    off = color.srgb_to_lab(kept / 255)[..., 1:] - color.srgb_to_lab(plain / 255)[..., 1:]
    assert np.abs(off).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_stay_as_they_lie(orientation, gray_scan, file_of, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = file_of(gray_scan[:200, :131], "jpeg", exif=exif, quality=95)
    half = np.zeros((2, 1, 2), np.float32)
    half[0, 0] = 40, -40
    result = Photo.open(content).with_chroma(half).to_bytes(lossless_luma=True)
    assert (luma_of(content, tmp_path)[0] == luma_of(result, tmp_path)[0]).all()
    with Image.open(io.BytesIO(result)) as image:
        assert image.getexif()[0x0112] == orientation
        pixels = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    redness = pixels[..., 0] - pixels[..., 1]
    edge = pixels.shape[1] // 4
    assert redness[:, :edge].mean() > 10 > -10 > redness[:, -edge:].mean()


def test_metadata_and_mark_are_those_of_every_result(gray_scan, strong_ab, file_of):
    exif = Image.Exif()
    exif[0x013B] = "A. Nonymous"
    photo = Photo.open(file_of(gray_scan, "jpeg", exif=exif, dpi=(300, 300)))
    result = photo.with_chroma(strong_ab, model="tiny").to_bytes(lossless_luma=True)
    assert is_our_result(result)
    with Image.open(io.BytesIO(result)) as image:
        assert image.getexif()[0x013B] == "A. Nonymous"
        assert image.info["dpi"] == (300, 300)


def test_what_has_no_luma_to_keep(gray_scan, tinted_scan, strong_ab, file_of, tmp_path):
    rgb = Photo.open(file_of(tinted_scan, "jpeg", keep_rgb=True)).with_chroma(strong_ab)
    with pytest.raises(OutputError, match="cannot be kept: it has no luma"):
        rgb.save(tmp_path / "out.jpg", lossless_luma=True)
    gray = Photo.open(file_of(gray_scan, "jpeg")).with_chroma(strong_ab)
    with pytest.raises(OutputError, match="cannot be kept: the result is png"):
        gray.save(tmp_path / "out.png", lossless_luma=True)
    assert not list(tmp_path.iterdir())
    png = Photo.open(file_of(gray_scan, "png")).with_chroma(strong_ab)  # has none to lose
    assert png.to_bytes(lossless_luma=True) == png.to_bytes()


def test_without_jpeglib_the_install_command_is_told(gray_scan, tmp_path):
    Image.fromarray(gray_scan).save(tmp_path / "in.jpg")
    program = """
import sys
sys.modules["jpeglib"] = None  # as where it is not installed
import numpy as np
from tintype import MissingExtra, Photo
try:
    photo = Photo.open(sys.argv[1]).with_chroma(np.zeros((2, 1, 1)))
    photo.save(sys.argv[2], lossless_luma=True)
except MissingExtra as error:
    print(error)
"""
    files = [str(tmp_path / name) for name in ("in.jpg", "out.jpg")]
    done = subprocess.run(
        [sys.executable, "-c", program, *files], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "Keeping the luma of a JPEG needs packages that are not installed. "
        "Install them with: pip install 'tintype[lossless]'\n"
    )
    assert not (tmp_path / "out.jpg").exists()
