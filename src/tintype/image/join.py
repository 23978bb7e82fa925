"""Color joined to light: a libvips pipeline that runs strip by strip over the whole picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tintype.color import A_PER_F, B_PER_F, D65_WHITE, DELTA, Floats, lab_f
from tintype.errors import UnsupportedFormat
from tintype.icc import CODES, Encoding, has_tables, is_gray, rgb_match
from tintype.image.metadata import blob
from tintype.image.vips import VipsImage, pyvips


@dataclass(frozen=True, eq=False)
class Parts:
    """A picture of 8 or 16 bits taken apart."""

    color: VipsImage  # one band or three
    alpha: VipsImage | None
    encoding: Encoding
    profile: bytes | None  # for a result of three bands
    is_as_coded: bool = True  # code values are those of the file, not transformed

    @property
    def is_deep(self) -> bool:
        """Whether it has 16 bits."""
        return bool(self.color.format == "ushort")

    def deepened(self) -> Parts:
        """The same of 16 bits."""
        alpha = None if self.alpha is None else sixteen_bits(self.alpha)
        return replace(self, color=sixteen_bits(self.color), alpha=alpha)

    def whole(self, color: VipsImage, *, with_extra: bool = False) -> VipsImage:
        """These parts put together again, with another color; of bands beyond it alpha, or all."""
        image = color
        if self.alpha is not None:
            image = color.bandjoin(self.alpha if with_extra else self.alpha.extract_band(0))
        names = ("grey16", "rgb16") if self.is_deep else ("b-w", "srgb")
        return image.copy(interpretation=names[color.bands == 3])


def sixteen_bits(image: VipsImage) -> VipsImage:
    """The picture at 16 bits; its code values stand for the same light."""
    if image.format == "ushort":
        return image
    name = "rgb16" if image.bands > 2 else "grey16"
    return (image * 257).cast("ushort").copy(interpretation=name)


def of_floats(image: VipsImage) -> VipsImage:
    """Floats in [0, 1] as 16 bits."""
    name = "rgb16" if image.bands > 2 else "grey16"
    return (image * (CODES - 1)).rint().cast("ushort").copy(interpretation=name)


def floats(image: VipsImage) -> VipsImage:
    """The picture as floats in [0, 1]."""
    name = "rgb" if image.bands > 2 else "b-w"
    return (image / (CODES - 1)).cast("float").copy(interpretation=name)


def eight_bits(image: VipsImage) -> VipsImage:
    """The picture at 8 bits, rounded."""
    if image.format == "uchar":
        return image
    name = "srgb" if image.bands > 2 else "b-w"
    return (image * (255 / (CODES - 1))).rint().cast("uchar").copy(interpretation=name)


def parts(image: VipsImage, name: str) -> Parts:
    """Take a picture apart. What is not gray or RGB by matrix and curves is converted to sRGB.

    Raises `UnsupportedFormat` for pixels that are not of 8 or 16 bits; `name` stands for the
    picture there.
    """
    if image.interpretation in ("lab", "labs") and image.bands == 3:
        rgb = image.colourspace("rgb16")
        return Parts(rgb, None, Encoding.srgb(), None, is_as_coded=False)
    if image.interpretation == "cmyk":
        rgb = image.icc_transform("srgb", embedded=True, input_profile="cmyk")
        return Parts(rgb, None, Encoding.srgb(), None, is_as_coded=False)
    if image.interpretation not in ("b-w", "grey16", "srgb", "rgb16") or image.format not in (
        "uchar",
        "ushort",
    ):
        kind = f"{image.interpretation} of {image.format}"
        raise UnsupportedFormat(
            f"{name}: its pixels are {kind}, which are not read.",
            hint="Gray and RGB of 8 and 16 bits, Lab and CMYK are.",
            public_message="Pixels of this kind are not read.",
        )
    bands = 1 if image.bands < 3 else 3
    color = image.extract_band(0, n=bands)
    others = image.bands - bands  # alpha, and what else a TIFF may hold
    alpha = image.extract_band(bands, n=others) if others else None
    profile = blob(image, "icc-profile-data")
    if profile is None or (is_gray(profile) and bands == 3):
        return Parts(color, alpha, Encoding.srgb(), None)
    encoding = Encoding.of(profile)
    if encoding:
        kept = rgb_match(profile) if is_gray(profile) else profile
        return Parts(color, alpha, encoding, kept)
    if not has_tables(profile):
        return Parts(color, alpha, Encoding.srgb(), None)
    depth = 16 if image.format == "ushort" else 8
    color = color.icc_transform("srgb", embedded=True, depth=depth)
    return Parts(color, alpha, Encoding.srgb(), None, is_as_coded=False)


def luminance(taken: Parts) -> VipsImage:
    """Two bands of float: CIELAB's f of the luminance, and the luminance Y in [0, 1]."""
    light = taken.encoding.decode[:, :: 1 if taken.is_deep else 257]
    weights = taken.encoding.to_xyz[1]
    if taken.color.bands == 1:
        y = weights @ light
        return taken.color.maplut(_lut(lab_f(y), y))
    y = taken.color.maplut(_lut(*light)).recomb([list(weights)]).clamp(min=0, max=1)
    return _of_light(y, lambda nodes, _: lab_f(nodes)).bandjoin(y)


def join(taken: Parts, ab: NDArray[np.float32]) -> VipsImage:
    """The color bands of the result, at the depth of the input.

    Does what `color.lab_to_srgb` does, with L from the picture and a, b from `ab`, (2, h, w).
    """
    light = luminance(taken)
    f, y = light[0], light[1]
    fxz = f + _stretched(ab, f) * [1 / A_PER_F, -1 / B_PER_F]
    xz = (fxz > DELTA).ifthenelse(fxz * fxz * fxz, (fxz - 4 / 29) * (3 * DELTA**2))
    to_linear = np.linalg.inv(taken.encoding.to_xyz) * D65_WHITE
    off_gray = (xz - y).recomb(to_linear[:, ::2].tolist())
    red, green, blue = off_gray.bandsplit()
    highest = red.maxpair(green).maxpair(blue)
    lowest = red.minpair(green).minpair(blue)
    # color.fit_gamut: how far the channels go, over the room that they have
    worst = (highest / (1 - y + 1e-9)).maxpair(lowest / (-1e-9 - y)).maxpair(1)
    linear = (y + off_gray / worst).clamp(min=0, max=1)
    codes = _of_light(linear, taken.encoding.encode) * (CODES - 1 if taken.is_deep else 255)
    return codes.rint().cast(taken.color.format)


def _stretched(ab: NDArray[np.float32], over: VipsImage) -> VipsImage:
    height, width = ab.shape[1:]
    pixels = np.ascontiguousarray(np.moveaxis(ab, 0, -1))
    small = pyvips.Image.new_from_memory(pixels.data, width, height, 2, "float")
    return small.resize(over.width / width, vscale=over.height / height, kernel="cubic")


def _lut(*bands: Floats) -> VipsImage:
    table = np.ascontiguousarray(np.stack(bands, axis=-1), np.float32)
    return pyvips.Image.new_from_memory(table.data, len(table), 1, len(bands), "float")


def _of_light(light: VipsImage, function: Callable[[Floats, int], Any]) -> VipsImage:
    """A function of linear light in [0, 1] and its band, by table.

    The table is spaced by the square root, dense where the eye is keen, and interpolated.
    """
    nodes = np.linspace(0, 1, CODES) ** 2
    values = [function(nodes, band) for band in range(light.bands)]
    steps = [np.diff(v, append=v[-1]) for v in values]
    place = light**0.5 * (CODES - 1)
    index = place.cast("ushort")
    return index.maplut(_lut(*values)) + index.maplut(_lut(*steps)) * (place - index)
