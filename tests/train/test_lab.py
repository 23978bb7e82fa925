"""Lab on whole batches."""

import numpy as np
import torch
from skimage import data
from skimage.color import rgb2lab

from tintype.color import srgb_to_lab
from tintype.nn.lab import lab_from_rgb_u8, rgb_u8_from_lab


def batch(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None]


def test_equals_scikit_image():
    rgb = data.astronaut()[:128, :128]
    got = lab_from_rgb_u8(batch(rgb))[0].permute(1, 2, 0).numpy()
    assert np.abs(got - rgb2lab(rgb)).max() < 0.02  # scikit-image rounds its matrix elsewhere


def test_equals_our_own_in_numpy():
    rgb = data.coffee()[:128, :128]
    got = lab_from_rgb_u8(batch(rgb))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(got, srgb_to_lab(rgb / 255), atol=2e-3)


def test_round_trip_gives_the_same_codes():
    rgb = batch(data.coffee())
    assert torch.equal(rgb_u8_from_lab(lab_from_rgb_u8(rgb)), rgb)
