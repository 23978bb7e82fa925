"""ICC profiles: honored, kept byte for byte, and a gray one replaced by its match in RGB."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from tintype import Photo, color
from tintype.icc import Encoding
from tintype.image import join

D50 = (0.9642, 1.0, 0.8249)
LCMS_OFF = 2  # of L, at 8 bits: it works with what it has rounded
LCMS_COARSE = 6  # of L in the dark of a space so wide that 8 bits are coarse
FORMATS = ["jpeg", "png", "tiff", "webp"]


def curv(*values):
    return struct.pack(f">4sxxxxI{len(values)}H", b"curv", len(values), *values)


def para(kind, *values):
    fixed = [round(v * 65536) for v in values]
    return struct.pack(f">4sxxxxHxx{len(fixed)}i", b"para", kind, *fixed)


def xyz(values):
    return struct.pack(">4sxxxx3i", b"XYZ ", *(round(v * 65536) for v in values))


def profile(space, tags, *, pcs=b"XYZ ", version=0x02400000):
    """An ICC profile, written by the standard for these tests."""
    tags = {b"cprt": b"text\0\0\0\0none\0\0\0\0", b"wtpt": xyz(D50), **tags}
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", 2) + b"t\0" + bytes(78)
    place, table, body = 132 + 12 * len(tags), b"", b""
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, place + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x", place + len(body), version, b"mntr", space, pcs, b"acsp"
    )
    header += xyz(D50)[8:] + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + body


def gray_profile(curve, **options):
    return profile(b"GRAY", {b"kTRC": curve}, **options)


def rgb_profile(curve, primaries):
    columns = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, primaries), strict=True))
    return profile(b"RGB ", columns | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


# under D50, as the published profile has them
ADOBE_RGB = rgb_profile(
    curv(563),
    [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)],
)
# the widest there are: blue weighs less than nothing in the light, as in ACES's
WIDEST = rgb_profile(
    curv(563), [(0.9908, 0.3619, -0.0027), (-0.0277, 0.7222, 0.0156), (0.0011, -0.0841, 0.812)]
)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

GRAY_CURVES = {
    "linear": gray_profile(curv()),
    "gamma 2.2": gray_profile(curv(563)),
    "gamma 1.8, version 4": gray_profile(para(0, 1.8), version=0x04200000),
    "dot gain": gray_profile(curv(*(round(65535 * (i / 63) ** 1.6) for i in range(64)))),
    "sRGB's": gray_profile(para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)),
}


def through_lcms(array, icc):
    """L of CIELAB by lcms, (H, W)."""
    image = Image.fromarray(array)
    to_lab = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.createProfile("LAB"),
        image.mode,
        "LAB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    return np.asarray(ImageCms.applyTransform(image, to_lab))[..., 0] / 2.55


def icc_of(content):
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return image.info.get("icc_profile")


@pytest.mark.parametrize("given", FORMATS)
@pytest.mark.parametrize("written", FORMATS)
def test_the_profile_of_rgb_is_kept(given, written, tinted_scan, strong_ab, file_of):
    photo = Photo.open(file_of(tinted_scan, given, icc_profile=ADOBE_RGB))
    assert icc_of(photo.with_chroma(strong_ab).to_bytes(written)) == ADOBE_RGB


def test_no_profile_comes_of_none(gray_scan, strong_ab, file_of):
    for format in FORMATS:
        assert (
            icc_of(Photo.open(file_of(gray_scan, "png")).with_chroma(strong_ab).to_bytes(format))
            is None
        )


@pytest.mark.parametrize("icc", [ADOBE_RGB, SRGB], ids=["Adobe RGB", "sRGB"])
@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_light_is_that_of_the_profile(icc, format, tinted_scan, strong_ab, file_of, pixels_of):
    content = file_of(tinted_scan, format, icc_profile=icc, quality=95)
    photo = Photo.open(content)
    before = through_lcms(pixels_of(content), icc)
    small = np.asarray(Image.fromarray(before.astype(np.float32)).resize((64, 64), 3))
    assert np.abs(photo.luminance(64) - small).mean() < 1.5
    after = through_lcms(pixels_of(photo.with_chroma(strong_ab).to_bytes()), icc)
    off = np.abs(after - before)
    assert off.mean() < (0.5 if format == "png" else 1)
    assert np.percentile(off, 99) < LCMS_OFF + (0 if format == "png" else 5)


def test_light_where_blue_weighs_less_than_nothing(tinted_scan, strong_ab, file_of, pixels_of):
    content = file_of(tinted_scan, "png", icc_profile=WIDEST)
    after = pixels_of(Photo.open(content).with_chroma(strong_ab).to_bytes())
    off = np.abs(through_lcms(after, WIDEST) - through_lcms(pixels_of(content), WIDEST))
    assert off.max() < LCMS_COARSE


@pytest.mark.parametrize("format", ["png", "jpeg", "tiff"])
@pytest.mark.parametrize("name", GRAY_CURVES)
def test_a_gray_profile_gets_its_match(name, format, gray_scan, strong_ab, file_of, pixels_of):
    icc = GRAY_CURVES[name]
    content = file_of(gray_scan, format, icc_profile=icc)
    colored = Photo.open(content).with_chroma(strong_ab).to_bytes()
    match = icc_of(colored)
    assert match[16:20] == b"RGB "
    assert match[8] == icc[8]
    ramp = np.arange(256, dtype=np.uint8)[None]
    neutral = np.repeat(ramp[..., None], 3, axis=2)
    assert np.abs(through_lcms(neutral, match) - through_lcms(ramp, icc)).max() < 0.8
    none = Photo.open(file_of(gray_scan, "png", icc_profile=icc)).with_chroma(strong_ab, 0)
    assert (none.to_array()[..., 1] == gray_scan).all()  # neutral codes keep their place
    off = np.abs(through_lcms(pixels_of(colored), match) - through_lcms(pixels_of(content), icc))
    assert off.mean() < (1 if format == "jpeg" else 0.5)
    if format != "jpeg":
        assert np.percentile(off, 99) < LCMS_OFF


def test_a_gray_profile_connected_by_lab(gray_scan, strong_ab, file_of):
    icc = gray_profile(curv(), pcs=b"Lab ")  # code values are L
    photo = Photo.open(file_of(gray_scan, "png", icc_profile=icc))
    assert np.abs(photo.luminance(256) - gray_scan / 2.55).max() < 0.1
    match = icc_of(photo.with_chroma(strong_ab).to_bytes())
    neutral = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert through_lcms(neutral, match)[0] == pytest.approx(np.arange(256) / 2.55, abs=0.8)


@pytest.mark.parametrize("icc", [b"nonsense", ADOBE_RGB[:200], ADOBE_RGB[:127], bytes(4000)])
@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_broken_profiles_are_survived(icc, format, tinted_scan, strong_ab, file_of):
    photo = Photo.open(file_of(tinted_scan, format, icc_profile=icc)).with_chroma(strong_ab)
    assert Photo.open(photo.to_bytes()).to_array().shape == tinted_scan.shape


def test_profiles_of_the_other_kind(gray_scan, tinted_scan, strong_ab, file_of):
    gray = Photo.open(file_of(gray_scan, "tiff", icc_profile=ADOBE_RGB)).with_chroma(strong_ab)
    assert icc_of(gray.to_bytes("png")) == ADOBE_RGB
    tinted = Photo.open(file_of(tinted_scan, "tiff", icc_profile=GRAY_CURVES["linear"]))
    assert icc_of(tinted.with_chroma(strong_ab).to_bytes("png")) is None


def test_color_is_lab_in_a_wide_space(strong_ab):
    """The same Lab is asked for, so lcms finds the same color whatever the profile."""
    gray = np.full((24, 32), 128, np.uint8)
    mild = strong_ab * 0.3
    wide = Photo.open(Image.fromarray(gray))
    in_srgb = wide.with_chroma(mild).to_pil()
    tagged = Image.fromarray(gray)
    tagged.info["icc_profile"] = rgb_profile(
        para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
        [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)],
    )
    pil = Photo.open(tagged).with_chroma(mild).to_pil()
    seen = ImageCms.profileToProfile(
        pil,
        ImageCms.ImageCmsProfile(io.BytesIO(pil.info["icc_profile"])),
        ImageCms.createProfile("sRGB"),
    )
    apart = color.srgb_to_lab(np.asarray(seen) / 255) - color.srgb_to_lab(np.asarray(in_srgb) / 255)
    assert np.abs(apart).mean() < 0.5
    assert np.abs(apart).max() < 2.5


def test_black_is_black_however_steep_the_curve():
    decode = np.stack([np.linspace(0, 1, 1 << 16) ** 3.0] * 3)
    tables = join._code_tables(Encoding(color.SRGB_TO_XYZ, decode), is_deep=True)
    assert {int(table[0]) for table in tables} == {0}


PRIMARIES = [(0.436, 0.222, 0.014), (0.385, 0.717, 0.097), (0.143, 0.061, 0.714)]


@pytest.mark.parametrize(
    "unusable",
    [
        rgb_profile(para(1, 2.2, 0, 0.1), PRIMARIES),  # divides by zero
        rgb_profile(para(0, -1), PRIMARIES),
        rgb_profile(curv(0, 0, 0, 0), PRIMARIES),
        rgb_profile(para(0, 2.2), [(0, 0, 0)] * 3),
        rgb_profile(para(0, 2.2), PRIMARIES[:1] * 3),
        gray_profile(curv(9, 9)),
        bytes(300),
        b"short",
    ],
    ids=["a=0", "falling", "black", "no matrix", "singular", "gray", "zeros", "short"],
)
@pytest.mark.parametrize("written", ["jpeg", "png"])
def test_a_profile_that_describes_no_light_is_none(
    unusable, written, gray_scan, strong_ab, file_of, pixels_of
):
    space = gray_scan if unusable[16:20] == b"GRAY" else np.dstack([gray_scan] * 3)
    plain = Photo.open(file_of(space, "jpeg")).with_chroma(strong_ab)
    photo = Photo.open(file_of(space, "jpeg", icc_profile=unusable)).with_chroma(strong_ab)
    result = photo.to_bytes(written)
    assert (pixels_of(result) == pixels_of(plain.to_bytes(written))).all()
    assert "icc_profile" not in Image.open(io.BytesIO(result)).info
