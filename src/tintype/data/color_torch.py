"""sRGB to Lab on whole batches, on the device. The same formulas as `tintype.color`."""

from __future__ import annotations

import torch
from torch import Tensor

# IEC 61966-2-1, linear sRGB to XYZ under D65, each row divided by the white point: X/Xn, Y/Yn, Z/Zn
_RGB_TO_XYZ_N = torch.tensor(
    [
        [0.4124564 / 0.9504700, 0.3575761 / 0.9504700, 0.1804375 / 0.9504700],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339 / 1.0888300, 0.1191920 / 1.0888300, 0.9503041 / 1.0888300],
    ]
)
_EPSILON = 216 / 24389  # CIE 15:2018
_KAPPA = 24389 / 27


def _linear_table() -> Tensor:
    code = torch.arange(256, dtype=torch.float64) / 255
    linear = torch.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return linear.float()


_LINEAR = _linear_table()


def lab_from_rgb_u8(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Lab from sRGB: `l` (N, 1, H, W) in [0, 100] and `ab` (N, 2, H, W) in Lab units, float32.

    `rgb` is (N, 3, H, W) uint8.
    """
    linear = _LINEAR.to(rgb.device)[rgb.int()]
    xyz = torch.einsum("ij,njhw->nihw", _RGB_TO_XYZ_N.to(rgb.device), linear)
    f = torch.where(xyz > _EPSILON, xyz.clamp(min=_EPSILON) ** (1 / 3), (_KAPPA * xyz + 16) / 116)
    fx, fy, fz = f.unbind(1)
    ab = torch.stack([500 * (fx - fy), 200 * (fy - fz)], 1)
    return (116 * fy - 16)[:, None], ab


def rgb_u8_from_lab(l: Tensor, ab: Tensor) -> Tensor:
    """(N, 3, H, W) uint8 sRGB from Lab; for sheets, so what lies outside sRGB is simply clipped."""
    fy = (l.float() + 16) / 116
    f = torch.cat([fy + ab[:, :1].float() / 500, fy, fy - ab[:, 1:].float() / 200], 1)
    xyz = torch.where(f**3 > _EPSILON, f**3, (116 * f - 16) / _KAPPA)
    inverse = torch.linalg.inv(_RGB_TO_XYZ_N.double()).float().to(l.device)
    linear = torch.einsum("ij,njhw->nihw", inverse, xyz).clamp(0, 1)
    code = torch.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-8) ** (1 / 2.4) - 0.055
    )
    return (code * 255).round().clamp(0, 255).to(torch.uint8)
