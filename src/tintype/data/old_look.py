"""Modern photographs that look old: what film, print, time and scanner did to their lightness.

A network that has learned from digital pictures meets a grandmother's portrait of 1910 and fails
on the light first. Here the lightness that the network sees is aged and the colors that it shall
find are left alone. Each effect is drawn for each picture with a probability of its own, by a
generator keyed (seed, position); noise on the device is a hash of the pixel and a drawn key. So the
picture at a position is a pure function of (seed, position), whatever stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tintype.color import SRGB_TO_XYZ
from tintype.nn.lab import l_from_luminance, linear_from_lab, luminance_from_l

_LUMINANCE = [float(weight) for weight in SRGB_TO_XYZ[1]]
_KEYS = float(2**24)
"""Keys of noise are whole numbers below this, which float32 holds exactly."""


def film(l: Tensor, lab: Tensor, red: Tensor, blue: Tensor) -> Tensor:
    """Film that takes `red` and `blue` of the light, and green for the rest, in place of the eye.

    Orthochromatic film is blind to red, plates of before 1900 see little but blue: lips and skin
    darken, skies go white. Exposed so that the picture is, on the whole, as light as it was.
    """
    taken = torch.cat([red, 1 - red - blue, blue], 1)[..., 0, 0]
    shift = taken - torch.tensor(_LUMINANCE, device=l.device)
    seen = luminance_from_l(l)
    change = torch.einsum("nc,nchw->nhw", shift, linear_from_lab(lab))[:, None]
    caught = (seen + change).clamp(min=0)
    exposure = seen.mean((2, 3), keepdim=True) / (caught.mean((2, 3), keepdim=True) + 1e-4)
    return l_from_luminance((caught * exposure.clamp(0.5, 2)).clamp(max=1))


def blur(l: Tensor, across: Tensor, along: Tensor, angle: Tensor) -> Tensor:
    """A soft lens and a moving hand or sitter: a Gaussian longer one way (deviations in px)."""
    reach = torch.arange(-3, 4, device=l.device)
    y, x = reach[:, None], reach[None, :]
    u, v = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    kernel = torch.exp(-((u / along) ** 2 + (v / across) ** 2) / 2)
    return _filter(l, kernel / kernel.sum((2, 3), keepdim=True))


def develop(l: Tensor, exposure: Tensor, contrast: Tensor) -> Tensor:
    """A tone curve with fixed ends: `exposure` bows it, as a gamma does, `contrast` makes it an S.

    It never falls while the two, without their signs, add up to no more than 1.
    """
    x = l / 100
    return l + (l - l * x) * (exposure - contrast + 2 * contrast * x)


def grain(l: Tensor, strength: Tensor, size: Tensor, key: Tensor) -> Tensor:
    """Film grain: noise of deviation `strength` in Lab units, `size` px soft, most in mid-tones."""
    kernel = _round_kernel(size)
    kernel = kernel / kernel.square().sum((2, 3), keepdim=True).sqrt()
    bits = _noise(key, *l.shape[2:])
    pairs = (bits & 0x00FF00FF) + ((bits >> 8) & 0x00FF00FF)
    bytes_sum = (pairs & 0xFFFF) + (pairs >> 16)  # of four bytes: nearly Gaussian, mean 510
    noise = _filter((bytes_sum - 510) / math.sqrt(4 * (256**2 - 1) / 12), kernel)
    x = l / 100
    return (l + strength * (0.4 + 2.4 * x * (1 - x)) * noise).clamp(0, 100)


def fade(l: Tensor, amount: Tensor, paper_l: Tensor, unevenness: Tensor, key: Tensor) -> Tensor:
    """Contrast lost towards the paper's lightness, here more and there less: stains, bad fixing."""
    coarse = _unit(_noise(key, 5, 5)) * 2 - 1
    uneven = F.interpolate(coarse, l.shape[2:], mode="bicubic", align_corners=True)
    lost = (amount * (1 + unevenness * uneven)).clamp(0, 0.9)
    return torch.lerp(l, paper_l.expand_as(l), lost)


def scratches(l: Tensor, per_px: Tensor, tilt: Tensor, tone_l: Tensor, key: Tensor) -> Tensor:
    """Thin broken lines, `per_px` of them for each px of width, all nearly upright."""
    y = torch.arange(l.shape[2], device=l.device)[:, None]
    x = torch.arange(l.shape[3], device=l.device)[None, :]
    across, along = x + 0.5 + y * tilt, y + 0 * x
    line = across.floor()
    there = _unit(_mix(line.int(), key)) < per_px
    whole = _unit(_mix(line.int() * 512 + along // 24, key + 1)) < 0.7
    soft = 1 - (2 * (across - line) - 1).abs()
    return torch.lerp(l, tone_l.clamp(0, 100).expand_as(l), soft * (there & whole))


def dust(l: Tensor, per_px: Tensor, size: Tensor, tone_l: Tensor, key: Tensor) -> Tensor:
    """Specks of `size` px, light for dust on the negative, dark for dirt on the print."""
    specks = (_unit(_noise(key, *l.shape[2:])) < per_px).float()
    cover = _filter(specks, _round_kernel(size)).clamp(max=1)
    return torch.lerp(l, tone_l.clamp(0, 100).expand_as(l), cover)


def tone(l: Tensor, green: Tensor, blue: Tensor) -> Tensor:
    """Sepia, read by its luminance: the channels multiplied with (1, green, blue), in linear light.

    L + 16 goes with the cube root of luminance, but for the darkest, which are black either way.
    """
    kept = _LUMINANCE[0] + _LUMINANCE[1] * green + _LUMINANCE[2] * blue
    return ((l + 16) * kept ** (1 / 3) - 16).clamp(min=0)


def jpeg(l: Tensor, quality: Tensor) -> Tensor:
    """What a JPEG of this quality (of 1 to 100, as libjpeg counts) keeps of the lightness.

    The code values of gray are taken for 2.55 L, which they are within a few. ITU-T T.81, annex A;
    table K.1, scaled by quality as libjpeg does.
    """
    height, width = l.shape[2:]
    padded = F.pad(l, (0, -width % 8, 0, -height % 8), mode="replicate")
    n, _, rows, columns = padded.shape
    blocks = padded.view(n, rows // 8, 8, columns // 8, 8).transpose(2, 3).reshape(n, -1, 64)
    dct = _DCT.to(l.device)
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, 0]
    steps = ((_QUANTIZATION.to(l.device) * percent + 50) / 100).floor().clamp(1, 255)
    frequencies = (blocks * 2.55 - 128) @ dct.T
    blocks = ((frequencies / steps).round() * steps) @ dct
    blocks = ((blocks + 128) / 2.55).clamp(0, 100).view(n, rows // 8, columns // 8, 8, 8)
    return blocks.transpose(2, 3).reshape(n, 1, rows, columns)[:, :, :height, :width]


@dataclass(frozen=True)
class Effect:
    """How often an effect is drawn, and the ranges that its parameters are drawn from."""

    apply: Callable[..., Tensor]
    """From lightness (n, 1, H, W) and parameters (n, 1, 1, 1); `film` takes the Lab as well."""
    probability: float
    ranges: tuple[tuple[float, float], ...]


_KEY = (0.0, _KEYS)
EFFECTS = (
    Effect(film, 0.5, ((0.0, 0.12), (0.2, 0.88))),
    Effect(blur, 0.4, ((0.3, 0.7), (0.3, 1.1), (0.0, math.pi))),
    Effect(develop, 0.7, ((-0.3, 0.3), (-0.3, 0.7))),
    Effect(grain, 0.7, ((0.5, 4.0), (0.3, 0.9), _KEY)),
    Effect(fade, 0.5, ((0.05, 0.4), (50.0, 95.0), (0.0, 0.8), _KEY)),
    Effect(scratches, 0.15, ((0.002, 0.02), (-0.2, 0.2), (-20.0, 140.0), _KEY)),
    Effect(dust, 0.25, ((0.0001, 0.001), (0.3, 0.9), (-20.0, 140.0), _KEY)),
    Effect(tone, 0.3, ((0.6, 0.95), (0.25, 0.8))),
    Effect(jpeg, 0.4, ((20.0, 80.0),)),
)
"""In the order of a photograph's life."""

_LOW, _HIGH = np.array([r for e in EFFECTS for r in ((0.0, 1.0), *e.ranges)]).T
_FLAGS = np.cumsum([0, *(1 + len(effect.ranges) for effect in EFFECTS[:-1])])
_PROBABILITIES = np.array([effect.probability for effect in EFFECTS])


def ages(seed: int, positions: Sequence[int], share: float = 1.0) -> Tensor:
    """What happens to the pictures at these positions, (N, K), on the host.

    For each effect in turn: 1 or 0, drawn or not, and its parameters. With probability 1 - `share`
    nothing at all happens to a picture.
    """
    rows = np.empty((len(positions), len(_LOW)), np.float32)
    for row, position in zip(rows, positions, strict=True):
        # the last word of the counter keeps clear of what else is drawn for this position
        bits = np.random.Philox(key=[seed, position], counter=[0, 0, 0, 1])
        spared, *drawn = np.random.Generator(bits).random(1 + len(_LOW))
        row[:] = _LOW + (_HIGH - _LOW) * drawn
        row[_FLAGS] = (spared < share) & (row[_FLAGS] < _PROBABILITIES)
    return torch.from_numpy(rows)


def make_old(l: Tensor, lab: Tensor, ages: Tensor) -> Tensor:
    """The aged lightness, in [0, 100], of `l` (N, 1, H, W) in [0, 100].

    `lab` (N, 3, H, W) is the pictures' true Lab. `ages` stays on the host, which so knows what
    concerns which picture: the others cost nothing and keep their bits, and the device is never
    waited for.
    """
    for at, effect in zip(_FLAGS, EFFECTS, strict=True):
        on = ages[:, at].nonzero()[:, 0]
        if not len(on):
            continue
        parameters = ages[on, at + 1 : at + 1 + len(effect.ranges), None, None, None]
        rows, parameters = (x.to(l.device, non_blocking=True) for x in (on, parameters))
        seen = (l[rows], lab[rows]) if effect.apply is film else (l[rows],)
        l = l.index_copy(0, rows, effect.apply(*seen, *parameters.unbind(1)))
    return l.clamp(0, 100)  # rounding leaves it by a hair


def _filter(x: Tensor, kernels: Tensor) -> Tensor:
    """Each picture of (n, 1, H, W) through its own kernel (n, 1, k, k), edges repeated."""
    reach = kernels.shape[-1] // 2
    padded = F.pad(x, (reach, reach, reach, reach), mode="replicate").transpose(0, 1)
    return F.conv2d(padded, kernels, groups=len(x)).transpose(0, 1)


def _round_kernel(size: Tensor) -> Tensor:
    """Gaussian kernels (n, 1, 5, 5) of a deviation in px, 1 in the middle."""
    reach = torch.arange(-2, 3, device=size.device)
    squares: Tensor = (reach**2)[:, None] + reach**2
    return torch.exp(-squares / (2 * size**2))


def _noise(key: Tensor, height: int, width: int) -> Tensor:
    """32 random bits (int32) for each pixel, (n, 1, height, width), of keys (n, 1, 1, 1)."""
    pixels = torch.arange(height * width, dtype=torch.int32, device=key.device)
    return _mix(pixels.view(height, width), key)


def _mix(x: Tensor, key: Tensor) -> Tensor:
    """A hash of whole numbers below 2**24 and a key: Wellons' lowbias32, of x and key spread."""
    h = (x * _signed(0x9E3779B1)) ^ (key.int() * _signed(0x85EBCA77))
    h = (h ^ ((h >> 16) & 0xFFFF)) * 0x7FEB352D
    h = (h ^ ((h >> 15) & 0x1FFFF)) * _signed(0x846CA68B)
    return h ^ ((h >> 16) & 0xFFFF)


def _signed(word: int) -> int:
    return word - (1 << 32)


def _unit(bits: Tensor) -> Tensor:
    """Uniform in [0, 1) of random bits."""
    return (bits & 0xFFFFFF) / _KEYS


def _dct() -> Tensor:
    """The DCT of 8x8 blocks as one orthonormal matrix (64, 64)."""
    k = np.arange(8)
    one = (
        np.cos((2 * k + 1) * k[:, None] * np.pi / 16) * np.where(k, 0.5, math.sqrt(1 / 8))[:, None]
    )
    return torch.from_numpy(np.kron(one, one)).float()


_DCT = _dct()
# fmt: off
_QUANTIZATION = torch.tensor([
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
], dtype=torch.float32)
# fmt: on
