"""Colorfulness, patchiness, bleeding, gamut: they mean what their docstrings say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

from tintype.evaluate.metrics.chroma import bleeding, blur, chroma_edges, patchiness, spread
from tintype.evaluate.metrics.colorfulness import colorfulness, out_of_gamut
from tintype.evaluate.metrics.lab import Floats, RgbU8, lab_to_rgb, rgb_to_lab, with_chroma_scaled


@pytest.fixture(scope="module")
def picture() -> RgbU8:
    """A real photograph, 256x256 px."""
    return np.ascontiguousarray(data.astronaut()[::2, ::2])


@pytest.fixture(scope="module")
def lab(picture: RgbU8) -> Floats:
    """The same in Lab."""
    return rgb_to_lab(picture)


@pytest.fixture(scope="module")
def squares() -> Floats:
    """Lab of a red and a green field, side by side, at one lightness."""
    lab = np.full((96, 96, 3), 60.0)
    lab[:, :48, 1:], lab[:, 48:, 1:] = (40, 20), (-40, 20)
    return lab


def spilled(lab: Floats, sigma_px: float) -> Floats:
    ab = ndimage.gaussian_filter(lab[..., 1:], (sigma_px, sigma_px, 0))
    return np.concatenate([lab[..., :1], ab], axis=-1)


def test_colorfulness_by_hand() -> None:
    flat = np.full((4, 4, 3), (200, 100, 50), np.uint8)
    assert colorfulness(flat) == pytest.approx(0.3 * np.hypot(100, 100))
    stripes = flat.copy()
    stripes[:, ::2] = 0
    rg = yb = 50.0  # mean and standard deviation of 0 and 100
    assert colorfulness(stripes) == pytest.approx(np.hypot(rg, yb) + 0.3 * np.hypot(rg, yb))


def test_gray_has_no_colorfulness(lab: Floats) -> None:
    assert colorfulness(np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, -1)) == 0
    assert colorfulness(with_chroma_scaled(lab, 0)) < 0.2


@pytest.mark.parametrize("sigma_px", [1.0, 3.3])
@pytest.mark.parametrize("size", [(40, 31), (5, 70), (1, 9)])
def test_blur_is_that_of_scipy(size: tuple[int, int], sigma_px: float) -> None:
    channels = np.random.default_rng(0).normal(size=(*size, 2))
    expected = ndimage.gaussian_filter(channels, (sigma_px, sigma_px, 0))
    np.testing.assert_allclose(blur(channels, sigma_px), expected, atol=1e-12)


def test_patchiness_tells_blotches_from_flatness(lab: Floats) -> None:
    rng = np.random.default_rng(0)
    blotches = ndimage.zoom(rng.normal(0, 12, (16, 16)), 16, order=1)
    blotchy = lab + blotches[..., None] * [0, 1, 1]
    assert patchiness(spread(lab), spread(blotchy)) > 1
    assert patchiness(spread(lab), spread(lab)) == 0
    assert -2.5 < patchiness(spread(lab), spread(lab * [1, 0, 0])) < -0.5


def test_patchiness_needs_something_smooth() -> None:
    noise = np.random.default_rng(0).normal(0, 100, (64, 64, 3))
    assert np.isnan(patchiness(spread(noise), spread(noise)))


def test_color_that_runs_over_an_edge_bleeds(squares: Floats) -> None:
    edges = chroma_edges(squares)
    assert edges.near_a.size > 50
    found = [bleeding(edges, squares, spilled(squares, sigma)) for sigma in (0.5, 1, 2, 4, 8)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(0, abs=0.01)
    assert found[-1] > 0.5


def test_bleeding_of_a_photograph(lab: Floats) -> None:
    edges = chroma_edges(lab)
    assert bleeding(edges, lab, lab) == 0
    found = [bleeding(edges, lab, spilled(lab, sigma)) for sigma in (1, 2, 4)]
    assert 0 < found[0] < found[1] < found[2] < 1


@pytest.mark.parametrize("scale", [0.3, 1.5])
def test_bleeding_is_not_about_strength(lab: Floats, scale: float) -> None:
    edges = chroma_edges(lab)
    assert bleeding(edges, lab, lab * [1, scale, scale]) == pytest.approx(0, abs=1e-9)


def test_what_has_no_color_cannot_bleed(lab: Floats) -> None:
    assert np.isnan(bleeding(chroma_edges(lab), lab, lab * [1, 0, 0]))
    flat = np.full((64, 64, 3), 50.0)
    assert np.isnan(bleeding(chroma_edges(flat), flat, flat))


def test_out_of_gamut(lab: Floats) -> None:
    gray, vivid = with_chroma_scaled(lab, 0), lab_to_rgb(lab * [1, 4, 4])
    assert out_of_gamut(gray, rgb_to_lab(gray)) == 0
    assert out_of_gamut(vivid, rgb_to_lab(vivid)) > 0.5
    black_and_white = np.zeros((8, 8, 3), np.uint8)
    black_and_white[4:] = 255
    assert out_of_gamut(black_and_white, rgb_to_lab(black_and_white)) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 5), (7, 2)])
def test_tiny_pictures(size: tuple[int, int]) -> None:
    rgb_u8 = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    lab = rgb_to_lab(rgb_u8)
    assert colorfulness(rgb_u8) >= 0
    assert np.isnan(bleeding(chroma_edges(lab), lab, lab))
    patchiness(spread(lab), spread(lab))
