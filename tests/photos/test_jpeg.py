"""The fast path from JPEG to JPEG, against the general one."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tintype import Photo, jpeg
from tintype.icc import Encoding


@pytest.fixture
def large_scan(gray_scan):
    """Enough pixels for coarse cells and several bands: (2100, 2000)."""
    large = Image.fromarray(gray_scan).resize((2000, 2100), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 4, (2100, 2000))
    return np.clip(np.asarray(large) + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1", "gray"])
@pytest.mark.parametrize("progressive", [False, True])
def test_agrees_with_the_general_path(
    subsampling, progressive, tinted_scan, gray_scan, strong_ab, file_of, pixels_of
):
    array = gray_scan if subsampling == "gray" else tinted_scan
    options = {} if subsampling == "gray" else {"subsampling": subsampling}
    content = file_of(array, "jpeg", quality=92, progressive=progressive, **options)
    photo = Photo.open(content).with_chroma(strong_ab * 0.6)
    fast = pixels_of(photo.to_bytes("jpeg", quality=95)).astype(int)
    general = photo.to_array().astype(int)
    assert np.abs(fast - general).mean() < 4
    assert np.abs(fast.mean(axis=(0, 1)) - general.mean(axis=(0, 1))).max() < 1


def test_bands_and_threads_do_not_show(large_scan, strong_ab, file_of, monkeypatch, pixels_of):
    content = file_of(large_scan, "jpeg", quality=92)
    monkeypatch.setenv("TINTYPE_THREADS", "1")
    one = Photo.open(content).with_chroma(strong_ab).to_bytes()
    monkeypatch.setenv("TINTYPE_THREADS", "3")
    assert Photo.open(content).with_chroma(strong_ab).to_bytes() == one
    assert one.count(b"\xff\xdd") == 1  # restart markers are announced once
    monkeypatch.setattr(jpeg, "BAND_PX", 1 << 40)
    whole = Photo.open(content).with_chroma(strong_ab).to_bytes()
    assert b"\xff\xdd" not in whole
    off = np.abs(pixels_of(whole).astype(int) - pixels_of(one))
    assert off.mean() < 0.05
    assert off[:: jpeg.MCU_PX].mean() < 0.05  # no seams


def test_light_of_a_large_photograph(large_scan, strong_ab, file_of, pixels_of, lightness_of):
    for array in (large_scan, np.dstack([large_scan, large_scan // 2 + 60, large_scan // 3 + 80])):
        content = file_of(array, "jpeg", quality=92)
        colored = pixels_of(Photo.open(content).with_chroma(strong_ab).to_bytes())
        off = np.abs(lightness_of(colored) - lightness_of(pixels_of(content)))
        assert off.mean() < 1
        assert np.percentile(off, 99) < 5


def test_results_are_baseline_and_subsampled(large_scan, strong_ab, file_of):
    content = file_of(large_scan, "jpeg", quality=92, progressive=True)
    result = Photo.open(content).with_chroma(strong_ab).to_bytes()
    with Image.open(io.BytesIO(result)) as image:
        assert image.size == (2000, 2100)
        assert "progressive" not in image.info
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]
    assert len(result) < 1.5 * len(content)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(1, 67), st.integers(1, 67), st.sampled_from([2, 4]), st.integers(0, 99))
def test_luma_is_shifted_and_saturates(width, height, cell, seed):
    rng = np.random.default_rng(seed)
    luma = rng.integers(0, 256, (height, width), np.uint8)
    shift = rng.integers(0, 256, (-(-height // cell), -(-width // cell)), np.uint8)
    wide = shift.repeat(cell, 0).repeat(cell, 1)[:height, :width].astype(int)
    expected = np.clip(luma + wide - jpeg.ZERO, 0, 255)
    assert (jpeg._shifted(luma, shift, cell) == expected).all()


def test_what_has_other_planes_is_left_alone(tinted_scan, file_of):
    cmyk = io.BytesIO()
    Image.fromarray(tinted_scan).convert("CMYK").save(cmyk, "jpeg")
    rgb = file_of(tinted_scan, "jpeg", keep_rgb=True)
    sound = file_of(tinted_scan, "jpeg")
    for content in (cmyk.getvalue(), rgb, sound[:3000], b"\xff\xd8\xff junk"):
        assert jpeg.decode(content, Encoding.srgb(), 1) is None
    assert jpeg.decode(sound, Encoding.srgb(), 1)


def test_harmless_damage_is_read_by_the_general_path(gray_scan, strong_ab, file_of, pixels_of):
    content = file_of(gray_scan, "jpeg")
    stray = content[:-2] + b"\0\0\0" + content[-2:]
    assert pixels_of(Photo.open(stray).with_chroma(strong_ab).to_bytes()).shape == (256, 256, 3)
    more = content + b"trailing"
    assert pixels_of(Photo.open(more).with_chroma(strong_ab).to_bytes()).shape == (256, 256, 3)


@pytest.mark.parametrize("size", [(301, 402), (402, 301), (301, 401), (1, 1), (17, 3)])
def test_odd_sides_give_the_same_bytes_every_time(size, strong_ab, file_of):
    """Rows and columns that chroma has and luma has not are never read from elsewhere."""
    height, width = size
    rng = np.random.default_rng(1)
    content = file_of(rng.integers(100, 140, size).astype(np.uint8), "jpeg")
    found = set()
    for _ in range(8):
        _litter = [rng.integers(0, 256, size).astype(np.uint8) for _ in range(3)]
        del _litter
        found.add(Photo.open(content).with_chroma(strong_ab).to_bytes("jpeg"))
    assert len(found) == 1
    with Image.open(io.BytesIO(found.pop())) as image:
        assert image.size == (width, height)
        image.load()
