"""What a file says of itself, carried from the input to the result."""

from __future__ import annotations

import io
from fractions import Fraction

from PIL import Image as PILImage

from tintype import jpeg, provenance
from tintype.image.vips import VipsImage, pyvips
from tintype.tifftags import EXIF_BYTES

APP13_HEADING = b"Photoshop 3.0\0"
_CARRIED = ("xmp-data", "iptc-data")
_SAID = ("exif-", "xmp-", "iptc-", "photoshop-", "image-description", "tintype-")
_JPEG_XMP_BYTES = 60_000  # libvips writes no longer packet into a JPEG

MM_PER_INCH = 25.4  # libvips counts pixels per mm


def blob(image: VipsImage, field: str) -> bytes | None:
    """A field of bytes, if the picture has it."""
    return bytes(image.get(field)) if image.get_typeof(field) else None


def set_blob(image: VipsImage, field: str, content: bytes) -> None:
    """Set a field of bytes."""
    image.set_type(pyvips.GValue.blob_type, field, content)


def add_exif(image: VipsImage, exif: bytes, *, with_orientation: bool) -> None:
    """Give a picture an EXIF block, if it is not too long for a JPEG.

    libvips parses one as it reads a JPEG, so a JPEG brings it.
    """
    if len(exif) > EXIF_BYTES:
        return
    file = io.BytesIO()
    PILImage.new("L", (1, 1)).save(file, "jpeg", exif=exif)
    bearer = pyvips.Image.jpegload_buffer(file.getvalue())
    for field in bearer.get_fields():
        if field.startswith("exif-") or (field == "orientation" and with_orientation):
            image.set_type(bearer.get_typeof(field), field, bearer.get(field))


def bear(image: VipsImage, source: VipsImage) -> VipsImage:
    """A picture that says of itself what another does, and nothing else."""
    image = image.copy(xres=source.xres, yres=source.yres)
    of_pixels, said = set(_blank().get_fields()), source.get_fields()
    # EXIF's block goes first, which libvips takes apart as it is set
    for field in sorted(set(said) - of_pixels, key=lambda field: (field != "exif-data", field)):
        image.set_type(source.get_typeof(field), field, source.get(field))
    for field in set(image.get_fields()) - of_pixels - set(said):
        image.remove(field)
    return image


def strip(image: VipsImage) -> None:
    """Remove what a picture says of itself, but for its profile, which its pixels need."""
    for field in image.get_fields():
        if field.startswith(_SAID):
            image.remove(field)
    if image.get_typeof("resolution-unit"):
        image.remove("resolution-unit")
    image.set("xres", 1.0)
    image.set("yres", 1.0)


def mark(image: VipsImage, profile: bytes | None, model: str | None, *, kind: str) -> None:
    """Make the metadata that of a colored result of a kind of file: its profile, and our mark.

    Where the picture's XMP leaves no room for the mark in a JPEG, the mark goes alone.
    """
    image.remove("jpeg-thumbnail-data")  # it shows the picture as it was
    image.remove("icc-profile-data")
    if profile:
        set_blob(image, "icc-profile-data", profile)
    else:
        image.set_type(pyvips.GValue.gstr_type, "exif-ifd2-ColorSpace", "1")  # sRGB
    packet = provenance.marked(blob(image, "xmp-data"), model=model)
    if kind == "jpeg" and len(packet) > _JPEG_XMP_BYTES:
        packet = provenance.marked(None, model=model)
    set_blob(image, "xmp-data", packet)
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Software", provenance.SOFTWARE)


def app_segments(
    source: VipsImage,
    size: tuple[int, int],
    profile: bytes | None,
    model: str | None,
    *,
    strip: bool = False,
    turned: int = 1,
) -> bytes:
    """The metadata of the result as a JPEG holds it: taken from a JPEG of one pixel.

    `turned` is EXIF's orientation of the result.
    """
    pixel = _blank() if strip else _pixel(source)
    pixel.set_type(pyvips.GValue.gint_type, "orientation", turned)
    mark(pixel, profile, model, kind="jpeg")
    return b"".join(jpeg.app_segments(pixel.jpegsave_buffer(), *size))


def exif(source: VipsImage, width: int, height: int) -> bytes | None:
    """EXIF of an upright picture as a JPEG holds it; None where it had none."""
    if not source.get_typeof("exif-data"):
        return None
    kept = jpeg.app_segments(_pixel(source).jpegsave_buffer(), width, height)
    return next((whole[4:] for whole in kept if whole[4:].startswith(b"Exif")), None)


def dpi(source: VipsImage) -> tuple[float, float] | None:
    """Pixels per inch; None where the picture does not say."""
    if (source.xres, source.yres) == (1, 1):  # what libvips has then
        return None
    return source.xres * MM_PER_INCH, source.yres * MM_PER_INCH


def _blank() -> VipsImage:
    return pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")


def _pixel(source: VipsImage) -> VipsImage:
    """One pixel, upright, that bears a picture's metadata."""
    pixel = _blank().copy(xres=source.xres, yres=source.yres)
    for field in source.get_fields():
        if field.startswith("exif-") or field in _CARRIED:
            pixel.set_type(source.get_typeof(field), field, source.get(field))
    if source.get_typeof("resolution-unit"):
        pixel.set_type(pyvips.GValue.gstr_type, "resolution-unit", source.get("resolution-unit"))
    pixel.set_type(pyvips.GValue.gint_type, "orientation", 1)
    return pixel


def take_resolution(image: VipsImage) -> VipsImage:
    """The picture with the resolution that its EXIF tells, where libvips did not look for it."""
    if (image.xres, image.yres) != (1, 1) or not image.get_typeof("exif-ifd0-XResolution"):
        return image
    unit = str(image.get("exif-ifd0-ResolutionUnit")) if _has_unit(image) else "2"
    mm = {"3": 10.0}.get(unit[:1], MM_PER_INCH)  # centimeters, or inches
    sides = (str(image.get(f"exif-ifd0-{axis}Resolution")).split(" ")[0] for axis in "XY")
    try:
        across, down = (float(Fraction(side)) / mm for side in sides)
    except (ValueError, ZeroDivisionError, pyvips.Error):
        return image
    return image.copy(xres=across, yres=down) if across > 0 and down > 0 else image


def _has_unit(image: VipsImage) -> bool:
    return bool(image.get_typeof("exif-ifd0-ResolutionUnit"))


def photoshop_blocks(image: VipsImage) -> None:
    """Give a TIFF the IPTC of a JPEG, which there comes under a heading."""
    iptc = blob(image, "iptc-data")
    if iptc and iptc.startswith(APP13_HEADING):
        image.remove("iptc-data")
        set_blob(image, "photoshop-data", iptc.removeprefix(APP13_HEADING))


def png_text(xmp: bytes) -> bytes:
    """What the chunk iTXt holds of XMP; libvips writes another, which few read.

    PNG specification, third edition, 11.3.3.4: keyword, no compression, no language.
    """
    return b"XML:com.adobe.xmp" + bytes(5) + xmp
