"""CIELAB and sRGB: against scikit-image, round trips, and what the gamut rule promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import color as oracle
from skimage import data

from tintype import color

seeded = settings(derandomize=True, deadline=None, max_examples=60)
srgb_pictures = hnp.arrays(np.float64, (4, 3), elements=st.floats(0, 1))
any_lab = hnp.arrays(
    np.float64,
    (4, 3),
    elements=st.floats(-128, 128),
).map(lambda lab: lab * [0.39, 1, 1] + [50, 0, 0])


@pytest.mark.parametrize("picture", ["astronaut", "coffee", "chelsea"])
def test_lab_agrees_with_scikit_image(picture):
    srgb = getattr(data, picture)()[::7, ::7] / 255
    # its matrix has more digits than the standard's
    assert np.abs(color.srgb_to_lab(srgb) - oracle.rgb2lab(srgb)).max() < 0.05


def test_known_colors():
    lab = color.srgb_to_lab([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1]])
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86]]
    assert lab == pytest.approx(np.array(expected), abs=0.05)


def test_neutral_is_exactly_neutral():
    gray = np.linspace(0, 1, 256)
    lab = color.srgb_to_lab(np.stack([gray] * 3, axis=-1))
    assert np.abs(lab[:, 1:]).max() < 1e-12
    assert color.gray_of(np.stack([gray] * 3, axis=-1)) == pytest.approx(gray, abs=1e-12)


def test_float32_stays_float32():
    srgb = np.full((2, 3), 0.25, np.float32)
    lab = color.srgb_to_lab(srgb)
    assert lab.dtype == np.float32
    assert color.lab_to_srgb(lab).dtype == np.float32
    assert color.lab_to_srgb(lab) == pytest.approx(srgb, abs=1e-5)


@seeded
@given(srgb_pictures)
def test_lab_round_trip(srgb):
    assert color.lab_to_srgb(color.srgb_to_lab(srgb)) == pytest.approx(srgb, abs=1e-6)


@seeded
@given(hnp.arrays(np.float64, 8, elements=st.floats(0, 1)))
def test_transfer_and_lightness_round_trips(values):
    assert color.srgb_encode(color.srgb_decode(values)) == pytest.approx(values, abs=1e-7)
    assert color.luminance(color.lightness(values)) == pytest.approx(values, abs=1e-12)


@seeded
@given(any_lab)
def test_impossible_colors_keep_light_and_hue(lab):
    lab = np.clip(lab, [0, -128, -128], [100, 128, 128])
    srgb = color.lab_to_srgb(lab)
    assert ((srgb >= 0) & (srgb <= 1)).all()
    assert color.lightness(color.srgb_decode(color.gray_of(srgb))) == pytest.approx(
        lab[:, 0], abs=1e-4
    )


@seeded
@given(hnp.arrays(np.float64, 3, elements=st.floats(-2, 3)), st.floats(0.01, 0.99))
def test_gamut_rule_moves_along_the_line_to_gray(linear, luminance):
    fitted = color.fit_gamut(linear, np.array(luminance))
    kept = fitted - luminance
    full = linear - luminance
    assert fitted.min() >= -1e-9
    assert fitted.max() <= 1 + 1e-9
    share = kept @ full / max(full @ full, 1e-12)
    assert kept == pytest.approx(share * full, abs=1e-9)
    if ((linear >= 0) & (linear <= 1)).all():
        assert fitted == pytest.approx(linear)


def test_luma_and_chroma_match_pillow():
    from PIL import Image

    rgb = data.astronaut()[::16, ::16]
    ycc = np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).convert("YCbCr"), float)
    ours = rgb @ color.RGB_TO_YCC.T + [0, 128, 128]
    assert np.abs(ours - ycc).max() <= 1
