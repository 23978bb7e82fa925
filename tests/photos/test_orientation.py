"""The eight orientations of EXIF: pixels come out upright, and the tag says so."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from tintype import Photo

ORIENTATION = 0x0112


def lying(array, orientation, format="jpeg"):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = io.BytesIO()
    Image.fromarray(array).save(file, format, exif=exif, quality=95)
    return file.getvalue()


def upright(content):
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("given", ["jpeg", "png", "tiff", "webp"])
@pytest.mark.parametrize("written", ["jpeg", "png"])
def test_results_are_upright(orientation, given, written, gray_scan, lightness_of):
    content = lying(gray_scan[:200, :131], orientation, given)
    expected = upright(content)
    photo = Photo.open(content)
    assert (photo.height, photo.width) == expected.shape[:2]
    half = np.zeros((2, 1, 2), np.float32)
    half[0, 0] = 40, -40
    result = photo.with_chroma(half).to_bytes(written)
    with Image.open(io.BytesIO(result)) as image:
        assert image.getexif().get(ORIENTATION, 1) == 1
        pixels = np.asarray(image)
    assert np.abs(lightness_of(pixels) - lightness_of(expected)).mean() < 1
    redness = pixels[..., 0].astype(float) - pixels[..., 1]
    edge = photo.width // 4
    assert redness[:, :edge].mean() > 10 > -10 > redness[:, -edge:].mean()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_network_sees_it_upright(orientation, gray_scan, lightness_of):
    content = lying(gray_scan[:200, :131], orientation)
    small = Photo.open(content).luminance(65)
    expected = Image.fromarray(upright(content)).resize(small.shape[::-1], 3)
    assert np.abs(small - lightness_of(np.asarray(expected))).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pil_images_with_a_tag(orientation, gray_scan):
    content = lying(gray_scan[:200, :131], orientation, "png")
    with Image.open(io.BytesIO(content)) as image:
        whole = Photo.open(image).to_array()
    assert (whole[..., 0] == upright(content)).all()
