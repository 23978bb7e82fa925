"""CIEDE2000, PSNR and SSIM, against the paper's pairs and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import color, data, metrics

from tintype.evaluate.metrics.ciede2000 import ciede2000
from tintype.evaluate.metrics.fidelity import psnr, ssim
from tintype.evaluate.metrics.lab import RgbU8, rgb_to_lab, with_chroma_scaled

# Sharma, Wu and Dalal 2005, table 1: L, a, b of two colors, and their difference
PAIRS = np.array(
    [
        [50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425],
        [50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615],
        [50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412],
        [50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669],
        [50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461],
        [50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065],
        [50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492],
        [50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977],
        [50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030],
        [50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630],
        [61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731],
        [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
        [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
        [36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
        [90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441],
        [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
        [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
        [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
    ]
)


def distorted(picture: RgbU8) -> RgbU8:
    noise = np.random.default_rng(0).normal(0, 12, picture.shape)
    return np.clip(picture[..., ::-1] * 0.8 + noise, 0, 255).astype(np.uint8)


@pytest.fixture(params=["astronaut", "coffee", "chelsea", "rocket"])
def picture(request: pytest.FixtureRequest) -> RgbU8:
    """A real photograph."""
    return np.ascontiguousarray(getattr(data, request.param)()[::2, ::2])


def test_the_34_pairs_of_the_paper() -> None:
    found = ciede2000(PAIRS[:, :3], PAIRS[:, 3:6])
    np.testing.assert_allclose(found, PAIRS[:, 6], atol=5e-5)
    np.testing.assert_allclose(ciede2000(PAIRS[:, 3:6], PAIRS[:, :3]), found, atol=1e-12)


def test_lab_is_that_of_scikit_image(picture: RgbU8) -> None:
    np.testing.assert_allclose(rgb_to_lab(picture), color.rgb2lab(picture), atol=1e-9)


@pytest.mark.parametrize("scale", [0.0, 0.5])
def test_gray_and_half_are_those_of_scikit_image(picture: RgbU8, scale: float) -> None:
    lab = color.rgb2lab(picture)
    expected = (color.lab2rgb(lab * [1, scale, scale]) * 255 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(with_chroma_scaled(lab, scale), expected)


def test_differences_are_those_of_scikit_image(picture: RgbU8) -> None:
    other = distorted(picture)
    lab, other_lab = color.rgb2lab(picture), color.rgb2lab(other)
    expected = color.deltaE_ciede2000(lab, other_lab)
    found = ciede2000(rgb_to_lab(picture), rgb_to_lab(other))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    expected_psnr = metrics.peak_signal_noise_ratio(picture, other)
    assert psnr(picture, other) == pytest.approx(expected_psnr, abs=1e-6)
    expected_ssim = metrics.structural_similarity(picture, other, channel_axis=-1)
    assert ssim(picture, other) == pytest.approx(expected_ssim, abs=1e-6)


def test_a_picture_is_nearest_to_itself(picture: RgbU8) -> None:
    lab = rgb_to_lab(picture)
    assert ciede2000(lab, lab).max() == 0
    assert psnr(picture, picture) == np.inf
    assert ssim(picture, picture) == pytest.approx(1)


def test_gray_is_flattered_by_psnr(picture: RgbU8) -> None:
    gray = with_chroma_scaled(rgb_to_lab(picture), 0)
    wrong_hue = np.ascontiguousarray(picture[..., ::-1])
    assert psnr(picture, gray) > psnr(picture, wrong_hue)


def test_too_small_for_a_window() -> None:
    tiny = np.zeros((6, 40, 3), np.uint8)
    assert np.isnan(ssim(tiny, tiny))
