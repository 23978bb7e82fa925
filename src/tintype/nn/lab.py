"""sRGB and Lab on whole batches, on the device. The same formulas as `tintype.color`.

Colors lie on axis 1, `(N, 3, H, W)`. RGB is in [0, 1], Lab in Lab units. All is differentiable.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from tintype.color import A_PER_F, B_PER_F, D65_WHITE, DELTA, SRGB_TO_XYZ, srgb_decode

# rows divided by the white point: X/Xn, Y/Yn, Z/Zn
_RGB_TO_XYZ_N = torch.from_numpy(SRGB_TO_XYZ / D65_WHITE[:, None]).float()
_XYZ_N_TO_RGB = torch.from_numpy(np.linalg.inv(SRGB_TO_XYZ / D65_WHITE[:, None])).float()
_LINEAR = torch.from_numpy(srgb_decode(np.arange(256) / 255)).float()
_CONSTANTS = (_RGB_TO_XYZ_N, _XYZ_N_TO_RGB, _LINEAR)


def lab_from_rgb_u8(rgb: Tensor) -> Tensor:
    """Lab of (N, 3, H, W) uint8 sRGB."""
    return _lab(_on(rgb.device)[2][rgb.int()])


def lab_from_rgb(rgb: Tensor) -> Tensor:
    """Lab of sRGB in [0, 1]."""
    curve = ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return _lab(torch.where(rgb <= 0.04045, rgb / 12.92, curve))


def rgb_from_lab(lab: Tensor) -> Tensor:
    """SRGB of Lab; colors that do not exist lie outside [0, 1]."""
    return _encode(linear_from_lab(lab))


def linear_from_lab(lab: Tensor) -> Tensor:
    """Linear RGB of Lab; colors that do not exist lie outside [0, 1]."""
    fy = (lab[:, :1] + 16) / 116
    f = torch.cat([fy + lab[:, 1:2] / A_PER_F, fy, fy - lab[:, 2:] / B_PER_F], 1)
    return _through(1, _f_inverse(f))


def rgb_u8_from_lab(lab: Tensor) -> Tensor:
    """(N, 3, H, W) uint8 sRGB of Lab; for sheets, so what lies outside sRGB is simply clipped."""
    return (rgb_from_lab(lab.float()).clamp(0, 1) * 255).round().to(torch.uint8)


def gray_from_l(l: Tensor) -> Tensor:
    """The sRGB gray in [0, 1], (N, 1, H, W), whose lightness is `l` in [0, 100]."""
    return _encode(luminance_from_l(l))


def l_from_gray_u8(gray: Tensor) -> Tensor:
    """The lightness in [0, 100] of (N, 1, H, W) uint8 sRGB grays."""
    return l_from_luminance(_on(gray.device)[2][gray.int()])


def l_from_luminance(luminance: Tensor) -> Tensor:
    """The lightness in [0, 100] of a relative luminance Y in [0, 1]."""
    return 116 * _f(luminance) - 16


def luminance_from_l(l: Tensor) -> Tensor:
    """The relative luminance Y in [0, 1] of a lightness in [0, 100]."""
    return _f_inverse((l + 16) / 116)


def _lab(linear: Tensor) -> Tensor:
    f = _f(_through(0, linear))
    fx, fy, fz = f[:, :1], f[:, 1:2], f[:, 2:]
    return torch.cat([116 * fy - 16, A_PER_F * (fx - fy), B_PER_F * (fy - fz)], 1)


def _f(xyz: Tensor) -> Tensor:
    root = xyz.clamp(min=DELTA**3) ** (1 / 3)
    return torch.where(xyz > DELTA**3, root, xyz / (3 * DELTA**2) + 4 / 29)


def _f_inverse(f: Tensor) -> Tensor:
    return torch.where(f > DELTA, f**3, (f - 4 / 29) * (3 * DELTA**2))


def _encode(linear: Tensor) -> Tensor:
    curve = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, curve)


def _through(which: int, colors: Tensor) -> Tensor:
    # no convolution, which GPUs round to ten bits
    return torch.einsum("ij,njhw->nihw", _on(colors.device)[which], colors)


def _on(device: torch.device) -> tuple[Tensor, ...]:
    return _CONSTANTS if device.type == "cpu" else _copies(device)


@cache
def _copies(device: torch.device) -> tuple[Tensor, ...]:
    """Copied once, so that no step waits for it."""
    return tuple(constant.to(device) for constant in _CONSTANTS)
