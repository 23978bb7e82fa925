"""Strength and the tint that is kept, from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import color as reference
from skimage import data

import tintype
from tintype import Colorizer, Photo
from tintype.contact import before_after, contact_sheet
from tintype.errors import PhotoError

SEPIA = np.array([1.0, 0.86, 0.66])


@pytest.fixture
def sepia() -> NDArray[np.uint8]:
    """A real photograph, toned: brown in the light, black in the dark."""
    return (data.camera()[::2, ::2, None] * SEPIA).astype(np.uint8)


def mean_ab(rgb_u8: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean a and b of CIELAB, by scikit-image."""
    return np.asarray(reference.rgb2lab(rgb_u8)[..., 1:].mean(axis=(0, 1)))


def test_tint_is_left_out_or_kept_underneath(sepia: NDArray[np.uint8], tiny_model: Path) -> None:
    colorizer = Colorizer(tiny_model)
    bare = colorizer(sepia, strength=0)
    assert np.ptp(bare.astype(int), axis=-1).max() <= 1
    kept = colorizer(sepia, strength=0, keep_tint=True)
    assert mean_ab(kept) == pytest.approx(mean_ab(sepia), abs=1)
    both = colorizer(sepia, strength=0.5, keep_tint=True)
    alone = colorizer(sepia, strength=0.5)
    assert mean_ab(both) == pytest.approx(mean_ab(sepia) + mean_ab(alone), abs=2)


@pytest.mark.parametrize("picture", [data.camera(), data.camera()[..., None].repeat(3, axis=2)])
def test_gray_has_no_tint_to_keep(picture: NDArray[np.uint8], tiny_model: Path) -> None:
    colorizer = Colorizer(tiny_model)
    with_tint, without = colorizer(picture, keep_tint=True), colorizer(picture)
    assert np.abs(with_tint.astype(int) - without).max() <= 1


def test_tint_of_a_file_is_that_of_its_pixels(
    sepia: NDArray[np.uint8], tiny_model: Path, tmp_path: Path
) -> None:
    for suffix in ("png", "tif", "jpg"):
        path = tmp_path / f"sepia.{suffix}"
        Image.fromarray(sepia).save(path)
        result = tmp_path / f"result.{suffix}"
        tintype.colorize(path, result, model=tiny_model, strength=0, keep_tint=True)
        with Image.open(result) as opened:
            assert mean_ab(np.asarray(opened)) == pytest.approx(mean_ab(sepia), abs=1.5)


@pytest.mark.parametrize("strength", [-0.1, 1.51, float("nan"), float("inf")])
def test_strength_has_limits(tiny_model: Path, strength: float) -> None:
    with pytest.raises(ValueError, match=r"from 0 to 1\.5"):
        Colorizer(tiny_model)(data.camera(), strength=strength)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "1", "P", "CMYK", "I;16"])
@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG"])
def test_thumbnail_is_the_picture_made_small(mode: str, format: str, tmp_path: Path) -> None:
    gray = Image.fromarray(data.camera())
    deep = Image.fromarray(data.camera().astype(np.uint16) * 257)
    path = tmp_path / "picture"
    try:
        (deep if mode == "I;16" else gray.convert(mode)).save(path, format)
    except OSError:
        pytest.skip(f"there is no {format} of {mode}")
    small = Photo.open(path).thumbnail(100)
    assert (small.shape, small.dtype) == ((100, 100, 3), np.uint8)
    expected = np.asarray(gray.resize((100, 100), Image.Resampling.BOX)).astype(float)
    if mode not in ("1", "CMYK"):  # of these the gray differs
        assert np.abs(small.mean(axis=-1) - expected).mean() < 3
    assert Photo.open(path).thumbnail(9000).shape == (512, 512, 3)


def test_thumbnail_is_upright_and_colored(tmp_path: Path, tiny_model: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.fromarray(data.camera()[:256]).save(path, exif=exif)
    photo = Photo.open(path)
    assert photo.thumbnail(128).shape == (128, 64, 3)
    colored = Colorizer(tiny_model)(photo).thumbnail(128)
    assert colored.shape == (128, 64, 3)
    assert np.ptp(colored.astype(int), axis=-1).mean() > 5


def test_sheets_of_any_pictures(tmp_path: Path) -> None:
    paths = []
    for name, size in (("wide", (400, 20)), ("tall", (3, 300)), ("dot", (1, 1))):
        path = tmp_path / f"{name} {'x' * 80}.png"
        Image.new("L", size, 90).save(path)
        paths.append(path)
    paths.append(tmp_path / "missing.png")
    assert contact_sheet(paths).width > 4 * 220
    pair = before_after(Photo.open(paths[0]), Photo.open(paths[1]))
    assert pair.size == (400 + 12 + 3, 300)
    with pytest.raises(PhotoError):
        before_after(Photo.open(paths[0]), Photo.open(paths[3]))
