from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data
from torch import Tensor

from tintype.color import srgb_encode
from tintype.data import old_look
from tintype.data.old_look import EFFECTS, Effect, ages, make_old
from tintype.nn.lab import gray_from_l, lab_from_rgb, lab_from_rgb_u8

PX = 64
SEEDS = st.integers(0, 2**63 - 1)
POSITIONS = st.integers(0, 2**40)


@cache
def photographs() -> tuple[Tensor, Tensor]:
    """Lightness and Lab of six crops."""
    crops = [
        picture[at : at + PX, at : at + PX]
        for picture in (data.astronaut(), data.coffee(), data.chelsea())
        for at in (64, 160)
    ]
    lab = lab_from_rgb_u8(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2))
    return lab[:, :1], lab


def lab_of_light(linear: Tensor) -> Tensor:
    return lab_from_rgb(torch.from_numpy(srgb_encode(linear.numpy())).float())


def only(effect: Effect, rows: Tensor) -> Tensor:
    """The same ages, with `effect` and no other."""
    out, at = rows.clone(), 0
    for other in EFFECTS:
        out[:, at] = other is effect
        at += 1 + len(other.ranges)
    return out


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None, None, None]


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.lists(POSITIONS, min_size=2, max_size=6, unique=True), st.randoms())
def test_a_picture_ages_the_same_in_any_company(seed, positions, random):
    l, lab = photographs()
    n = len(positions)
    whole = make_old(l[:n], lab[:n], ages(seed, positions))
    order = random.sample(range(n), random.randint(1, n))
    some = make_old(l[order], lab[order], ages(seed, [positions[i] for i in order]))
    torch.testing.assert_close(some, whole[order], atol=1e-3, rtol=0)


@settings(max_examples=30, deadline=None)
@given(SEEDS, POSITIONS, st.sampled_from([8, 33, 64]), st.sampled_from([0.0, 100.0, None]))
def test_light_stays_light(seed, position, px, flat):
    l, lab = (x[:, :, :px, :] for x in photographs())
    if flat is not None:
        l, lab = torch.full_like(l, flat), torch.zeros_like(lab)
        lab[:, :1] = l
    positions = [position + i for i in range(len(l))]
    old = make_old(l, lab, ages(seed, positions))
    assert old.shape == l.shape
    assert old.dtype == torch.float32
    assert torch.isfinite(old).all()
    assert old.min() >= 0
    assert old.max() <= 100


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda e: e.apply.__name__)
def test_each_effect_alone_keeps_the_range_and_does_something(effect):
    l, lab = photographs()
    old = make_old(l, lab, only(effect, ages(1, list(range(len(l))))))
    assert old.min() >= 0
    assert old.max() <= 100.001
    assert ((old - l).abs().amax((1, 2, 3)) > 0.5).sum() >= 2


def test_without_an_effect_every_bit_is_kept():
    l, lab = photographs()
    rows = ages(5, list(range(6)), share=0.0)
    assert torch.equal(make_old(l, lab, rows), l)
    rows[3] = ages(5, [3])[0]
    rows[3, 0] = 1
    old = make_old(l, lab, rows)
    assert [torch.equal(a, b) for a, b in zip(old, l, strict=True)] == [True] * 3 + [False] + [
        True
    ] * 2


def test_the_share_and_the_probabilities_are_those_asked_for():
    rows = ages(0, list(range(2000)), share=0.5)
    starts = np.cumsum([0, *(1 + len(e.ranges) for e in EFFECTS)])[:-1]
    for effect, start in zip(EFFECTS, starts, strict=True):
        assert float(rows[:, start].mean()) == pytest.approx(effect.probability / 2, abs=0.04)
        for at, (low, high) in enumerate(effect.ranges, start + 1):
            assert rows[:, at].min() >= np.float32(low)
            assert rows[:, at].max() <= np.float32(high)
            middle = (float(rows[:, at].mean()) - low) / (high - low)
            assert middle == pytest.approx(0.5, abs=0.03)
    few, many = ages(0, list(range(200)), 0.2), ages(0, list(range(200)), 0.9)
    assert (few[:, starts] <= many[:, starts]).all()  # a larger share ages the same ones and more


def test_seed_and_position_both_count():
    assert len({tuple(row.tolist()) for seed in range(8) for row in ages(seed, range(8))}) == 64


def test_film_blind_to_red_darkens_lips_and_lightens_skies():
    """Red, green, blue and gray patches, each of the same luminance, in one picture."""
    colors = torch.tensor([[0.6, 0.02, 0.05], [0.02, 0.2, 0.02], [0.1, 0.13, 0.6]])
    eye = torch.tensor(old_look._LUMINANCE)
    colors = torch.cat([colors * (0.15 / (colors @ eye))[:, None], torch.full((1, 3), 0.15)])
    linear = colors.T.reshape(1, 3, 2, 2).repeat_interleave(8, 2).repeat_interleave(8, 3)
    lab = lab_of_light(linear)
    l = lab[:, :1]
    (red, green), (blue, gray) = old_look.film(l, lab, column(0.05), column(0.5))[0, 0, ::8, ::8]
    assert red < gray - 10
    assert blue > gray + 10
    assert red < green
    plate = old_look.film(l, lab, column(0.0), column(0.88))[0, 0, ::8, ::8]
    assert plate[0, 1] - plate[1, 1] < green - gray  # a plate sees less of green


def test_film_leaves_neutral_pictures_alone():
    gray = torch.linspace(0, 1, 64 * 64).reshape(1, 1, 64, 64)
    lab = lab_of_light(gray.expand(1, 3, -1, -1))
    l = lab[:, :1]
    aged = old_look.film(l, lab, column(0.02), column(0.8))
    torch.testing.assert_close(aged, l, atol=0.1, rtol=0)


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.7))
def test_the_tone_curve_rises_from_black_to_white(exposure, contrast):
    l = torch.linspace(0, 100, 101).reshape(1, 1, 1, 101)
    curve = old_look.develop(l, column(exposure), column(contrast)).flatten()
    assert curve[0] == 0
    assert curve[-1] == pytest.approx(100, abs=1e-4)
    assert (curve.diff() >= -1e-4).all()
    assert curve[50] == pytest.approx(50 + 25 * exposure, abs=1e-3)


def test_fading_lowers_contrast_and_raises_blacks_unevenly():
    l, _ = photographs()
    n = len(l)
    even = old_look.fade(
        l, column(*[0.4] * n), column(*[80] * n), column(*[0] * n), column(*range(n))
    )
    torch.testing.assert_close(even.std((2, 3)), 0.6 * l.std((2, 3)), atol=1e-3, rtol=0)
    assert (even.amin((2, 3)) > l.amin((2, 3)) + 5).all()
    black = torch.zeros_like(l)
    stained = old_look.fade(
        black, column(*[0.3] * n), column(*[80] * n), column(*[0.8] * n), column(*range(n))
    )
    assert (stained.std((2, 3)) > 2).all()
    steps = stained.diff(dim=3).abs().amax((1, 2, 3))
    assert (steps < 0.15 * (stained.amax((1, 2, 3)) - stained.amin((1, 2, 3)))).all()  # soft


def test_grain_is_noise_of_the_strength_and_size_asked_for():
    gray = torch.full((3, 1, 256, 256), 50.0)
    fine, coarse, other = old_look.grain(
        gray, column(3, 3, 3), column(0.2, 0.9, 0.9), column(1, 1, 2)
    )
    for noise in (fine - 50, coarse - 50, other - 50):
        assert float(noise.mean()) == pytest.approx(0, abs=0.1)
        assert float(noise.std()) == pytest.approx(3, rel=0.05)  # 0.4 + 2.4 / 4 is 1 in mid-gray
        assert float((noise / noise.std()).pow(4).mean()) == pytest.approx(
            2.85, abs=0.25
        )  # nearly Gaussian
    assert abs(float(torch.corrcoef(torch.stack([coarse.ravel(), other.ravel()]))[0, 1])) < 0.02

    def spectrum(x: Tensor) -> Tensor:
        """Power at five bands of frequency, from low to Nyquist."""
        power = torch.fft.fft2(x[0] - 50).abs().square()
        f = torch.fft.fftfreq(256).abs()
        radius = torch.maximum(f[:, None], f[None, :])
        return torch.stack(
            [power[(radius > a) & (radius <= a + 0.1)].mean() for a in np.arange(5) / 10]
        )

    white, colored = spectrum(fine), spectrum(coarse)
    assert white.max() / white.min() < 1.1
    assert (colored.diff() < 0).all()
    assert colored[0] / colored[-1] > 10


def test_grain_is_weaker_in_black_and_white():
    ends = torch.cat([torch.full((1, 1, 64, 64), v) for v in (20.0, 50.0, 80.0)])
    spread = old_look.grain(ends, column(2, 2, 2), column(0.3, 0.3, 0.3), column(7, 8, 9)).std(
        (1, 2, 3)
    )
    assert spread[1] > spread[0]
    assert spread[1] > spread[2]


def test_blur_softens_along_the_motion():
    point = torch.zeros(1, 1, 21, 21)
    point[0, 0, 10, 10] = 100
    level = old_look.blur(point, column(0.3), column(1.1), column(0.0))[0, 0]
    assert float(level.sum()) == pytest.approx(100, abs=1e-2)
    assert level[10, 12] > 10 * level[12, 10]
    upright = old_look.blur(point, column(0.3), column(1.1), column(np.pi / 2))[0, 0]
    torch.testing.assert_close(upright, level.T, atol=1e-3, rtol=0)


def test_scratches_are_upright_lines_and_dust_is_specks():
    n = 12
    gray = torch.full((n, 1, 128, 128), 40.0)
    key = column(*range(100, 100 + n))
    lines = old_look.scratches(gray, column(*[0.02] * n), column(*[0] * n), column(*[100] * n), key)
    hit = (lines > 41).float()
    assert 0 < float(hit.mean()) < 0.05
    along = (hit[:, :, 1:] * hit[:, :, :-1]).sum() / hit.sum()
    across = (hit[..., 1:] * hit[..., :-1]).sum() / hit.sum()
    assert along > 0.8
    assert across < 0.3
    specks = old_look.dust(gray, column(*[0.001] * n), column(*[0.6] * n), column(*[0] * n), key)
    cover = (specks < 20).float()
    assert float(cover.mean()) == pytest.approx(0.001, rel=0.3)


def test_sepia_is_read_by_its_luminance():
    """Against the print itself: gray multiplied in linear light, its Lab taken."""
    gray = torch.from_numpy(np.linspace(0, 1, 64)).float().reshape(1, 1, 8, 8)
    l = lab_of_light(gray.expand(1, 3, -1, -1))[:, :1]
    printed = gray * torch.tensor([1.0, 0.8, 0.4])[None, :, None, None]
    toned = old_look.tone(l, column(0.8), column(0.4))
    torch.testing.assert_close(toned, lab_of_light(printed)[:, :1], atol=0.8, rtol=0)
    torch.testing.assert_close(
        toned[l > 12], lab_of_light(printed)[:, :1][l > 12], atol=1e-2, rtol=0
    )


@pytest.mark.parametrize("quality", [15, 50, 75])
def test_jpeg_is_that_of_libjpeg(quality, tmp_path):
    l, _ = photographs()
    codes = (l * 2.55).round()
    ours = old_look.jpeg(codes / 2.55, column(*[quality] * len(l))) * 2.55
    for i, picture in enumerate(codes[:, 0].byte().numpy()):
        Image.fromarray(picture).save(tmp_path / "x.jpg", quality=quality)
        theirs = torch.from_numpy(np.asarray(Image.open(tmp_path / "x.jpg")).astype(np.float32))
        difference = (ours[i, 0] - theirs).abs().mean()
        assert (
            difference < 0.25 + 0.2 * (codes[i, 0] - theirs).abs().mean()
        )  # theirs are whole codes


def test_jpeg_takes_sizes_that_blocks_do_not_fill():
    l, _ = photographs()
    odd = l[:1, :, :37, :50]
    error = (old_look.jpeg(odd, column(75.0)) - odd).abs()
    assert error.shape == odd.shape
    assert error.mean() < 3


def test_an_aged_picture_is_still_a_picture():
    """Its gray still goes with the original's, and it is not lost in noise."""
    l, lab = photographs()
    like = []
    for first in range(0, 60, 6):
        old = make_old(l, lab, ages(3, range(first, first + 6)))
        for a, b in zip(gray_from_l(old), gray_from_l(l), strict=True):
            like.append(float(torch.corrcoef(torch.stack([a.ravel(), b.ravel()]))[0, 1]))
    assert np.median(like) > 0.9
    assert np.quantile(like, 0.05) > 0.6
