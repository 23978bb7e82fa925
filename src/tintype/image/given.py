"""Pixels that came as an array, or were read by Pillow, as libvips has a picture."""

from __future__ import annotations

import numpy as np

from tintype.image import extras, metadata
from tintype.image.vips import VipsImage, pyvips
from tintype.pixels import Pixels


def of_pixels(given: Pixels) -> VipsImage:
    """The picture, with what came beside its pixels."""
    height, width, bands = given.array.shape
    deep = given.array.dtype == np.uint16
    image = pyvips.Image.new_from_memory(
        given.array.data, width, height, bands, "ushort" if deep else "uchar"
    )
    names = ("grey16", "rgb16") if deep else ("b-w", "srgb")
    image = image.copy(interpretation="cmyk" if given.is_cmyk else names[bands > 2])
    if given.dpi:
        across, down = given.dpi
        image = image.copy(xres=across / metadata.MM_PER_INCH, yres=down / metadata.MM_PER_INCH)
    blobs = {"icc-profile-data": given.icc, "xmp-data": given.xmp, "iptc-data": given.iptc}
    for field, content in blobs.items():
        if content:
            metadata.set_blob(image, field, content)
    if given.comment:
        extras.take_comment(image, given.comment)
    if given.exif:
        metadata.add_exif(image, given.exif, with_orientation=True)
    return image
