"""The light of the output is the light of the input."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from tintype import Photo, color
from tintype.image import working_size

PICTURES = ["camera", "astronaut", "coffee", "chelsea"]


def deep(array):
    """16 bits, with all their code values in use."""
    noise = np.random.default_rng(1).integers(-128, 129, array.shape)
    return np.clip(array.astype(int) * 257 + noise, 0, 65535).astype(np.uint16)


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("depth", [8, 16])
def test_light_is_kept_within_one_code(picture, depth, strong_ab, gray_codes):
    array = getattr(data, picture)()[::2, ::2]
    array = deep(array) if depth == 16 else np.ascontiguousarray(array)
    colored = Photo.open(array).with_chroma(strong_ab).to_array()
    assert colored.dtype == array.dtype
    assert colored.shape == (*array.shape[:2], 3)
    assert np.abs(gray_codes(colored) - gray_codes(array)).max() < 1


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_light_is_kept_in_files_of_16_bits(format, gray_scan, strong_ab, gray_codes):
    array = deep(gray_scan)
    content = Photo.open(array).with_chroma(strong_ab).to_bytes(format)
    reread = Photo.open(content).to_array()
    assert reread.dtype == np.uint16
    assert np.abs(gray_codes(reread) - gray_codes(array)).max() < 1


@pytest.mark.parametrize("format", ["png", "tiff", "webp"])
def test_light_is_kept_in_lossless_files(format, gray_scan, strong_ab, gray_codes, pixels_of):
    content = Photo.open(gray_scan).with_chroma(strong_ab).to_bytes(format, quality=100)
    assert np.abs(gray_codes(pixels_of(content)) - gray_scan).max() < 1


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("kind", ["gray", "color", "from png"])
def test_light_after_jpeg(picture, kind, strong_ab, file_of, lightness_of, pixels_of):
    array = getattr(data, picture)()
    if kind == "gray" and array.ndim == 3:
        array = np.asarray(Image.fromarray(array).convert("L"))
    given_file = file_of(array, "png" if kind == "from png" else "jpeg", quality=92)
    colored = pixels_of(Photo.open(given_file).with_chroma(strong_ab).to_bytes("jpeg"))
    off = np.abs(lightness_of(colored) - lightness_of(pixels_of(given_file)))
    assert off.mean() < 1
    assert np.percentile(off, 99) < 5


def test_color_is_that_asked_for(gray_scan):
    ab = np.random.default_rng(0).uniform(-60, 60, (2, *gray_scan.shape)).astype(np.float32)
    light = color.lightness(color.srgb_decode(gray_scan / 255))
    expected = color.lab_to_srgb(np.stack([light, *ab], axis=-1)) * 255
    colored = Photo.open(gray_scan).with_chroma(ab).to_array()
    assert np.abs(colored - expected).max() < 0.51


def test_small_color_lies_where_it_belongs(gray_scan):
    left_red = np.zeros((2, 1, 8), np.float32)
    left_red[0, 0, :4] = 60
    flat = np.full_like(gray_scan, 128)
    colored = Photo.open(flat).with_chroma(left_red).to_array().astype(int)
    redness = colored[..., 0] - colored[..., 1]
    assert redness[:, :96].min() > 100
    assert np.abs(redness[:, 160:]).max() < 30  # bicubic swings over an edge
    assert np.ptp(redness, axis=0).max() == 0
    center = redness[0] - redness[0].mean()
    assert center[127] + center[128] == pytest.approx(center[126] + center[129], abs=2)


@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_no_color_is_gray(format, gray_scan, file_of, pixels_of):
    photo = Photo.open(file_of(gray_scan, "jpeg", quality=95))
    none = np.zeros((2, 5, 5), np.float32)
    colored = pixels_of(photo.with_chroma(none).to_bytes(format)).astype(int)
    assert np.ptp(colored, axis=2).max() == 0


def test_strength_scales_color(gray_scan, strong_ab):
    photo = Photo.open(gray_scan)
    half = photo.with_chroma(strong_ab, 0.5).to_array()
    assert (half == photo.with_chroma(strong_ab * 0.5).to_array()).all()
    assert np.ptp(photo.with_chroma(strong_ab, 0).to_array().astype(int), axis=2).max() == 0


@pytest.mark.parametrize("bad", [np.zeros((3, 4, 4)), np.zeros((2, 0, 4)), np.zeros((2, 4))])
def test_color_of_a_wrong_shape_is_refused(bad, gray_scan):
    with pytest.raises(ValueError, match="must be"):
        Photo.open(gray_scan).with_chroma(bad)


def test_color_that_is_not_finite_is_refused(gray_scan):
    with pytest.raises(ValueError, match="finite"):
        Photo.open(gray_scan).with_chroma(np.full((2, 2, 2), np.nan))


@pytest.mark.parametrize("format", ["png", "jpeg", "tiff", "webp"])
@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (31, 33), (17, 16), (2, 3)])
def test_odd_sizes(size, format, strong_ab, file_of, pixels_of):
    width, height = size
    array = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
    for content in (file_of(array, "jpeg"), file_of(array, "png")):
        photo = Photo.open(content)
        assert (photo.width, photo.height) == size
        assert photo.luminance(16).shape == working_size(width, height, 16)[::-1]
        assert pixels_of(photo.with_chroma(strong_ab).to_bytes(format)).shape == (height, width, 3)


@pytest.mark.parametrize("kind", ["jpeg", "png", "array"])
def test_luminance_is_lab_l(kind, tinted_scan, lightness_of, file_of):
    given_picture = tinted_scan if kind == "array" else file_of(tinted_scan, kind)
    small = Photo.open(given_picture).luminance(64)
    assert small.dtype == np.float32
    expected = lightness_of(np.asarray(Image.fromarray(tinted_scan).resize((64, 64), 3)))
    assert small.shape == expected.shape
    assert np.abs(small - expected).mean() < 1.5
    assert 0 <= small.min() < small.max() <= 100


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    depth=st.sampled_from([np.uint8, np.uint16]),
    bands=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_any_picture_keeps_its_light_and_alpha(width, height, depth, bands, seed):
    rng = np.random.default_rng(seed)
    top = np.iinfo(depth).max
    array = rng.integers(0, top, (height, width, bands), depth, endpoint=True)
    ab = rng.uniform(-128, 128, (2, *rng.integers(1, 9, 2))).astype(np.float32)
    colored = Photo.open(array).with_chroma(ab).to_array()
    gray = array[..., 0] / top if bands < 3 else color.gray_of(array[..., :3] / top)
    assert np.abs(color.gray_of(colored[..., :3] / top) - gray).max() * top < 1
    if bands in (2, 4):
        assert (colored[..., 3] == array[..., -1]).all()
    else:
        assert colored.shape[2] == 3


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(1, 30_000), st.integers(1, 30_000), st.integers(16, 1024))
def test_working_size(width, height, short_side):
    w, h = working_size(width, height, short_side)
    assert 1 <= min(w, h) <= short_side
    assert max(w, h) <= 4 * min(w, h)
    assert w <= 2 * width
    assert h <= 2 * height
    if max(width, height) <= 4 * min(width, height) and min(w, h) > 8:
        assert w / h == pytest.approx(width / height, rel=0.1)


def test_photo_of_pil_and_floats(gray_scan, strong_ab):
    whole = Photo.open(gray_scan).with_chroma(strong_ab).to_array()
    from_pil = Photo.open(Image.fromarray(gray_scan)).with_chroma(strong_ab).to_pil()
    assert (np.asarray(from_pil) == whole).all()
    floats = Photo.open(gray_scan / 255).with_chroma(strong_ab).to_array()
    assert floats.dtype == np.float32
    assert np.abs(floats * 255 - whole).max() < 1.01
    assert isinstance(Image.open(io.BytesIO(Photo.open(gray_scan).to_bytes())), Image.Image)
