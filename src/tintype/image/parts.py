"""A picture taken apart into color and alpha, and put together again; and its depth."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tintype.errors import UnsupportedFormat
from tintype.icc import CODES, Encoding, has_tables, is_gray, rgb_match
from tintype.image.metadata import blob
from tintype.image.vips import VipsImage


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

    def without_extra(self) -> Parts:
        """The same without bands beyond alpha."""
        return self if self.alpha is None else replace(self, alpha=self.alpha.extract_band(0))

    def whole(self) -> VipsImage:
        """These parts put together again."""
        image = self.color if self.alpha is None else self.color.bandjoin(self.alpha)
        return interpreted(image, self.color.bands)


def interpreted(image: VipsImage, bands: int) -> VipsImage:
    """A picture of 8 or 16 bits that is gray or RGB, by how many bands of it are color."""
    names = ("grey16", "rgb16") if image.format == "ushort" else ("b-w", "srgb")
    return image.copy(interpretation=names[bands == 3])


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
