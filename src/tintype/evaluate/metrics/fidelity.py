"""PSNR and SSIM: closeness of code values. Both favor a pale colorizer over a bold one."""

from __future__ import annotations

import numpy as np

from tintype.evaluate.metrics.lab import Floats, RgbU8

SSIM_WINDOW_PX = 7


def psnr(truth_u8: RgbU8, result_u8: RgbU8) -> float:
    """Peak signal-to-noise ratio over the three channels of sRGB, in dB; infinite where equal.

    A gray picture gets 20 to 26 on photographs, which is more than many a trained network.
    As `skimage.metrics.peak_signal_noise_ratio`.
    """
    error = truth_u8.astype(np.float64) - result_u8
    mse = float((error**2).mean())
    return float("inf") if mse == 0 else 10 * float(np.log10(255**2 / mse))


def ssim(truth_u8: RgbU8, result_u8: RgbU8) -> float:
    """Structural similarity, in [-1, 1], 1 where equal; NaN for a side shorter than the window.

    Mean over channels and over all uniform windows of 7 x 7 px that lie inside, with sample
    covariances: `skimage.metrics.structural_similarity` as it is by default, not the Gaussian
    window of the paper. A gray picture gets 0.85 to 0.95: structure is not color.

    Source: Wang, Bovik, Sheikh and Simoncelli, Image quality assessment: from error visibility to
    structural similarity, IEEE TIP 13(4), 2004.
    """
    if min(truth_u8.shape[:2]) < SSIM_WINDOW_PX:
        return float("nan")
    x, y = truth_u8.astype(np.float64), result_u8.astype(np.float64)
    mean_x, mean_y = _window_means(x), _window_means(y)
    sample = SSIM_WINDOW_PX**2 / (SSIM_WINDOW_PX**2 - 1)
    var_x = sample * (_window_means(x * x) - mean_x**2)
    var_y = sample * (_window_means(y * y) - mean_y**2)
    cov = sample * (_window_means(x * y) - mean_x * mean_y)
    c_1, c_2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c_1) / (mean_x**2 + mean_y**2 + c_1)
    structure = (2 * cov + c_2) / (var_x + var_y + c_2)
    return float((luminance * structure).mean())


def _window_means(x: Floats) -> Floats:
    """Means of all windows inside, along one axis and then the other."""
    for _ in range(2):
        two = x[:-1] + x[1:]
        four = two[:-2] + two[2:]
        x = ((four[:-3] + two[4:-1] + x[6:]) / SSIM_WINDOW_PX).swapaxes(0, 1)
    return x
