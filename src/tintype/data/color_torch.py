"""sRGB to Lab on whole batches, on the device. The same formulas as `tintype.color`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tintype.color import A_PER_F, B_PER_F, D65_WHITE, DELTA, SRGB_TO_XYZ, srgb_decode

# rows divided by the white point: X/Xn, Y/Yn, Z/Zn
_RGB_TO_XYZ_N = torch.from_numpy(SRGB_TO_XYZ / D65_WHITE[:, None]).float()
_DELTA_CUBED = DELTA**3


_LINEAR = torch.from_numpy(srgb_decode(np.arange(256) / 255)).float()


def lab_from_rgb_u8(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Lab from sRGB: `l` (N, 1, H, W) in [0, 100] and `ab` (N, 2, H, W) in Lab units, float32.

    `rgb` is (N, 3, H, W) uint8.
    """
    linear = _LINEAR.to(rgb.device)[rgb.int()]
    xyz = torch.einsum("ij,njhw->nihw", _RGB_TO_XYZ_N.to(rgb.device), linear)
    root = xyz.clamp(min=_DELTA_CUBED) ** (1 / 3)
    f = torch.where(xyz > _DELTA_CUBED, root, xyz / (3 * DELTA**2) + 4 / 29)
    fx, fy, fz = f.unbind(1)
    ab = torch.stack([A_PER_F * (fx - fy), B_PER_F * (fy - fz)], 1)
    return (116 * fy - 16)[:, None], ab


def rgb_u8_from_lab(l: Tensor, ab: Tensor) -> Tensor:
    """(N, 3, H, W) uint8 sRGB from Lab; for sheets, so what lies outside sRGB is simply clipped."""
    fy = (l.float() + 16) / 116
    f = torch.cat([fy + ab[:, :1].float() / A_PER_F, fy, fy - ab[:, 1:].float() / B_PER_F], 1)
    xyz = torch.where(f > DELTA, f**3, (f - 4 / 29) * (3 * DELTA**2))
    inverse = torch.linalg.inv(_RGB_TO_XYZ_N.double()).float().to(l.device)
    linear = torch.einsum("ij,njhw->nihw", inverse, xyz).clamp(0, 1)
    code = torch.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-8) ** (1 / 2.4) - 0.055
    )
    return (code * 255).round().clamp(0, 255).to(torch.uint8)
