"""Real photographs, strong color, and how light is measured."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from tintype import color


@pytest.fixture
def gray_scan():
    """A real gray photograph, (256, 256) uint8, with its black and its white."""
    return np.ascontiguousarray(data.camera()[::2, ::2])


@pytest.fixture
def tinted_scan():
    """A real photograph in color, (256, 256, 3) uint8: to be read by its luminance."""
    return np.ascontiguousarray(data.astronaut()[::2, ::2])


@pytest.fixture
def strong_ab():
    """(2, 24, 32): smooth color as strong as any, most of it not to be had at every light."""
    rng = np.random.default_rng(7)
    planes = rng.uniform(-70, 70, (2, 6, 8)).astype(np.float32)
    return np.stack([np.asarray(Image.fromarray(p).resize((32, 24), 3)) for p in planes])


@pytest.fixture
def file_of():
    """The bytes of an array as a file, by Pillow."""

    def write(array, format, **options):
        file = io.BytesIO()
        Image.fromarray(array).save(file, format, **options)
        return file.getvalue()

    return write


@pytest.fixture
def gray_codes():
    """The gray of the luminance of an array of any depth, in its code values, as floats."""

    def measure(array):
        top = np.iinfo(array.dtype).max
        array = array.reshape(*array.shape[:2], -1)
        if array.shape[2] < 3:
            return array[..., 0].astype(float)
        return color.gray_of(array[..., :3] / top) * top

    return measure


@pytest.fixture
def lightness_of():
    """CIELAB L of an 8-bit array, (H, W)."""

    def measure(array):
        array = np.asarray(array)
        gray = array / 255 if array.ndim == 2 else color.gray_of(array[..., :3] / 255)
        return color.lightness(color.srgb_decode(gray))

    return measure


@pytest.fixture
def pixels_of():
    """The pixels of a file, by Pillow."""

    def read(content):
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image)

    return read
