"""What an ICC profile says of code values: enough to read light from them, and to give it back.

Covers profiles made of a matrix and tone curves (almost every photograph's) and gray ones; profiles
made of multi-dimensional tables are not described here, and `Encoding.of` says so with None.

Source: ICC.1:2022 (profile version 4.4): header in 7.2, tags in 9.2, curves in 10.6 and 10.18.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tintype.color import (
    D65_WHITE,
    SRGB_TO_XYZ,
    Floats,
    lab_f_inverse,
    srgb_decode,
)

CODES = 65536

# ICC.1 annex E: XYZ under D65 to XYZ under the D50 of the connection space (linear Bradford)
D65_TO_D50 = np.array(
    [
        [1.0478112, 0.0228866, -0.0501270],
        [0.0295424, 0.9904844, -0.0170491],
        [-0.0092345, 0.0150436, 0.7521316],
    ]
)
D50_WHITE = np.array([0.9642, 1.0, 0.8249])
LEAST_DETERMINANT = 1e-3  # of RGB to XYZ: that of sRGB is 0.2, and 0 where primaries fall together


@dataclass(frozen=True, eq=False)
class Encoding:
    """How code values stand for light.

    `to_xyz`: (3, 3), linear RGB to XYZ under D65, white to white.
    `decode`: (3, 65536), linear light in [0, 1] of each channel's 16-bit code value, never falling.
    """

    to_xyz: Floats
    decode: Floats

    @classmethod
    def srgb(cls) -> Encoding:
        """The encoding of a file that says nothing."""
        return _SRGB

    @classmethod
    def of(cls, profile: bytes) -> Encoding | None:
        """The encoding that an ICC profile describes; None where it holds no matrix and curves.

        None too where these describe no light: no color could be turned back into code values.
        """
        return _parse(profile)

    def encode(self, linear: Floats, channel: int) -> Floats:
        """Code values in [0, 1] of linear light in [0, 1]."""
        return np.interp(linear, self.decode[channel], np.linspace(0, 1, CODES))


_SRGB = Encoding(SRGB_TO_XYZ, np.tile(srgb_decode(np.linspace(0, 1, CODES)), (3, 1)))


def is_gray(profile: bytes) -> bool:
    """Whether the profile is made for one channel."""
    return profile[16:20] == b"GRAY"


def has_tables(profile: bytes) -> bool:
    """Whether the profile is made of multi-dimensional tables (tags A2B0 to A2B2)."""
    try:
        return any(name.startswith(b"A2B") for name in _tags(profile))
    except struct.error:
        return False


@lru_cache(maxsize=8)
def _parse(profile: bytes) -> Encoding | None:
    try:
        tags = _tags(profile)
        if is_gray(profile):
            curve = _curve(tags[b"kTRC"])
            if profile[20:24] == b"Lab ":  # the curve then gives L, not Y
                curve = lab_f_inverse((100 * curve + 16) / 116)
            return Encoding(SRGB_TO_XYZ, np.tile(curve, (3, 1)))
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        curves = [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")]
    except (KeyError, IndexError, struct.error, ValueError, ZeroDivisionError):
        return None
    to_xyz = np.linalg.inv(D65_TO_D50) @ np.stack(columns, axis=1)
    white = to_xyz.sum(axis=1)
    if white.min() <= 0 or abs(np.linalg.det(to_xyz)) < LEAST_DETERMINANT:
        return None
    # rounding in the profile must not tint the white
    to_xyz *= (D65_WHITE / white)[:, None]
    return Encoding(to_xyz, np.stack(curves))


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = struct.iter_unpack(">4sII", profile[132 : 132 + 12 * min(count, 1000)])
    return {name: profile[offset : offset + size] for name, offset, size in entries}


def _xyz(tag: bytes) -> Floats:
    return np.frombuffer(tag, ">i4", count=3, offset=8) / 65536


def _curve(tag: bytes) -> Floats:
    """Linear light of the 65536 code values, from a `curv` or `para` tag."""
    x = np.linspace(0, 1, CODES)
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        samples = np.frombuffer(tag, ">u2", count=count, offset=12)
        if count == 0:
            return x
        if count == 1:
            return x ** (float(samples[0]) / 256)
        light = np.interp(x, np.linspace(0, 1, count), samples / 65535)
    elif tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        length = (1, 3, 4, 5, 7)[kind]
        given = [v / 65536 for v in struct.unpack_from(f">{length}i", tag, 12)]
        g, a, b, c, d, e, f = _parametric(kind, given)
        with np.errstate(all="ignore"):
            light = np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)
    else:
        raise ValueError(f"not a curve: {tag[:4]!r}")
    rising = np.maximum.accumulate(np.clip(light, 0, 1))
    if not rising[-1] > rising[0]:
        raise ValueError("a curve that does not rise")
    return rising


def _parametric(kind: int, given: list[float]) -> tuple[float, ...]:
    """g, a, b, c, d, e, f of `(a x + b)^g + e` from d on and `c x + f` below it (table 68)."""
    if kind == 0:
        return given[0], 1, 0, 0, 0, 0, 0
    g, a, b, *rest = given
    if kind == 1:
        return g, a, b, 0, -b / a, 0, 0
    if kind == 2:
        return g, a, b, 0, -b / a, rest[0], rest[0]
    if kind == 3:
        return g, a, b, rest[0], rest[1], 0, 0
    return g, a, b, rest[0], rest[1], rest[2], rest[3]


def rgb_match(gray_profile: bytes) -> bytes | None:
    """An RGB profile with sRGB primaries and the tone curve of a gray one.

    Neutral codes keep their meaning, and so their place. None where the gray profile has no curve.
    """
    encoding = _parse(gray_profile)
    if encoding is None:
        return None
    curve = _tags(gray_profile)[b"kTRC"]
    if gray_profile[20:24] == b"Lab ":
        samples = np.rint(
            np.interp(np.linspace(0, 1, 4096), np.linspace(0, 1, CODES), encoding.decode[0]) * 65535
        )
        curve = struct.pack(">4sxxxxI", b"curv", 4096) + samples.astype(">u2").tobytes()
    primaries = D65_TO_D50 @ SRGB_TO_XYZ
    modern = gray_profile[8] >= 4
    text = "RGB match of the gray profile"
    tags = {
        b"desc": _multi_localized(text) if modern else _description(text),
        b"cprt": _multi_localized("CC0") if modern else b"text\0\0\0\0CC0\0",
        b"wtpt": _xyz_tag(D50_WHITE),
        b"rXYZ": _xyz_tag(primaries[:, 0]),
        b"gXYZ": _xyz_tag(primaries[:, 1]),
        b"bXYZ": _xyz_tag(primaries[:, 2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    return _profile(version=gray_profile[8:12], tags=tags)


def _profile(*, version: bytes, tags: dict[bytes, bytes]) -> bytes:
    body, table, placed = b"", b"", dict[bytes, int]()
    start = 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        if tag not in placed:
            placed[tag] = start + len(body)
            body += tag + b"\0" * (-len(tag) % 4)
        table += struct.pack(">4sII", name, placed[tag], len(tag))
    header = struct.pack(
        ">I4x4s4s4s4s12s4s28x3i48x",
        start + len(body),
        version,
        b"mntr",
        b"RGB ",
        b"XYZ ",
        struct.pack(">6H", 2000, 1, 1, 0, 0, 0),
        b"acsp",
        *np.rint(D50_WHITE * 65536).astype(int),
    )
    return header + struct.pack(">I", len(tags)) + table + body


def _xyz_tag(xyz: Floats) -> bytes:
    return b"XYZ \0\0\0\0" + np.rint(xyz * 65536).astype(">i4").tobytes()


def _description(text: str) -> bytes:
    ascii_text = text.encode("ascii") + b"\0"
    return (
        struct.pack(">4sxxxxI", b"desc", len(ascii_text)) + ascii_text + bytes(4 + 4 + 2 + 1 + 67)
    )


def _multi_localized(text: str) -> bytes:
    utf16 = text.encode("utf-16-be")
    return struct.pack(">4sxxxxII2s2sII", b"mluc", 1, 12, b"en", b"US", len(utf16), 28) + utf16
