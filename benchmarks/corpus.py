"""Files of every format, mode, depth and oddity that archives have, written for the tests."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageCms
from skimage import data

from tintype import color
from tintype.image.vips import pyvips

Array = np.ndarray[Any, Any]
WIDTH, HEIGHT = 96, 80


@dataclass(frozen=True)
class Case:
    """A file, and the gray of its light in [0, 1], upright; None where the file itself is lossy."""

    name: str
    content: bytes
    gray: Array | None = None
    pages: int = 1


# results of these are compressed with loss
LOSSY = {
    *("gray.jpg", "gray-progressive.jpg", "gray-restarts.jpg", "gray-odd.jpg", "turned-3.jpg"),
    *("turned-6.jpg", "color-444.jpg", "color-422.jpg", "color-420.jpg", "rgb.jpg", "cmyk.jpg"),
    *("gray.webp", "lossless.webp", "rgba.webp", "gray.avif", "rgba.avif", "12.avif"),
}
CMYK_AND_LAB = {"cmyk.jpg", "cmyk.tif", "lab-8.tif", "lab-16.tif", "lab-float.tif"}
ONE_BIT = {  # black and white are no color at their light
    *("bits.png", "bits.bmp", "bits.pbm", "bits.tif", "bits-white.tif"),
    *("group3.tif", "group4.tif", "tiff_ccitt.tif"),
}
UNREADABLE = {"float-64.tif": "64 bits a channel are not read"}


def picture() -> Array:
    """A real photograph in color, (80, 96, 3) uint8."""
    return np.asarray(Image.fromarray(data.astronaut()).resize((WIDTH, HEIGHT)))


RGB = picture()
GRAY = np.asarray(Image.fromarray(RGB).convert("L"))
ALPHA = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
DEEP = (GRAY.astype(np.uint16) * 257) ^ np.random.default_rng(0).integers(
    0, 256, GRAY.shape, np.uint16
)
DEEP_RGB = RGB.astype(np.uint16) * 257 // 2 + 9000
BITS = (GRAY > 110).astype(np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def gray_of(array: Array) -> Array:
    """The gray of an array's luminance in [0, 1]."""
    array = array.astype(float) / (np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1)
    return array if array.ndim == 2 else color.gray_of(array[..., :3])


def pil(image: Array | Image.Image, format: str, **options: Any) -> bytes:
    """A file by Pillow."""
    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(file, format, **options)
    return file.getvalue()


def tif(*pages: Array, **options: Any) -> bytes:
    """A TIFF by tifffile."""
    file = io.BytesIO()
    kinds = {name: options.pop(name) for name in ("bigtiff", "byteorder") if name in options}
    with tifffile.TiffWriter(file, **kinds) as writer:
        for page in pages:
            photometric = "rgb" if page.ndim == 3 and "photometric" not in options else None
            extra = {"photometric": photometric} if photometric else {}
            writer.write(page, metadata=None, **extra, **options)
    return file.getvalue()


def vips(array: Array, **options: Any) -> bytes:
    """A TIFF by libvips."""
    return bytes(pyvips.Image.new_from_array(array).tiffsave_buffer(**options))


def jpegs() -> Iterator[Case]:
    ycc = Image.fromarray(RGB)
    yield Case("gray.jpg", pil(GRAY, "jpeg", quality=92))
    yield Case("gray-progressive.jpg", pil(GRAY, "jpeg", quality=92, progressive=True))
    yield Case("gray-restarts.jpg", pil(GRAY, "jpeg", quality=92, restart_marker_rows=1))
    yield Case("gray-odd.jpg", pil(GRAY[:67, :83], "jpeg", quality=92))
    for sampling in ("4:4:4", "4:2:2", "4:2:0"):
        name = f"color-{sampling.replace(':', '')}.jpg"
        yield Case(name, pil(ycc, "jpeg", quality=92, subsampling=sampling))
    yield Case("rgb.jpg", pil(ycc, "jpeg", quality=92, keep_rgb=True))
    yield Case("cmyk.jpg", pil(ycc.convert("CMYK"), "jpeg", quality=92))
    for orientation in (3, 6):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield Case(f"turned-{orientation}.jpg", pil(GRAY, "jpeg", quality=92, exif=exif))


def pngs() -> Iterator[Case]:
    yield Case("gray.png", pil(GRAY, "png"), gray_of(GRAY))
    yield Case("bits.png", pil(Image.fromarray(BITS * 255).convert("1"), "png"), BITS.astype(float))
    for bits in (2, 4):
        small = GRAY >> (8 - bits)
        gray = pyvips.Image.new_from_array((small * (255 // (2**bits - 1))).astype(np.uint8))
        content = bytes(gray.pngsave_buffer(bitdepth=bits))
        yield Case(f"gray-{bits}.png", content, gray_of(gray.numpy()))
    yield Case("gray-16.png", pil(Image.fromarray(DEEP), "png"), gray_of(DEEP))
    yield Case("gray-alpha.png", pil(np.dstack([GRAY, ALPHA]), "png"), gray_of(GRAY))
    deep_alpha = np.dstack([DEEP, ALPHA.astype(np.uint16) * 257])
    image = pyvips.Image.new_from_array(deep_alpha).copy(interpretation="grey16")
    yield Case("gray-alpha-16.png", bytes(image.pngsave_buffer()), gray_of(DEEP))
    palette = Image.fromarray(RGB).quantize(32)
    yield Case("palette.png", pil(palette, "png"), gray_of(np.asarray(palette.convert("RGB"))))
    clear = palette.copy()
    clear.info["transparency"] = 3
    yield Case("palette-clear.png", pil(clear, "png"), gray_of(np.asarray(palette.convert("RGB"))))
    yield Case("rgb.png", pil(RGB, "png"), gray_of(RGB))
    rgb16 = pyvips.Image.new_from_array(DEEP_RGB).copy(interpretation="rgb16")
    yield Case("rgb-16.png", bytes(rgb16.pngsave_buffer()), gray_of(DEEP_RGB))
    yield Case("rgba.png", pil(np.dstack([RGB, ALPHA]), "png"), gray_of(RGB))
    yield Case("interlaced.png", bytes(rgb16.pngsave_buffer(interlace=True)), gray_of(DEEP_RGB))
    yield Case("srgb-profile.png", pil(RGB, "png", icc_profile=SRGB), gray_of(RGB))


def tiffs() -> Iterator[Case]:
    gray, deep, rgb = gray_of(GRAY), gray_of(DEEP), gray_of(RGB)
    yield Case("strips.tif", tif(GRAY, rowsperstrip=16), gray)
    yield Case("one-strip.tif", tif(DEEP, rowsperstrip=HEIGHT, compression="zlib"), deep)
    yield Case("tiles.tif", tif(DEEP, tile=(32, 32)), deep)
    yield Case("big.tif", tif(DEEP, bigtiff=True), deep)
    yield Case("big-endian.tif", tif(DEEP, byteorder=">"), deep)
    yield Case("big-big-endian.tif", tif(DEEP, bigtiff=True, byteorder=">"), deep)
    yield Case("deflate.tif", tif(DEEP, compression="zlib"), deep)
    for compression in ("lzw", "packbits", "deflate"):
        yield Case(f"{compression}-8.tif", vips(GRAY, compression=compression), gray)
    yield Case("jpeg-gray.tif", vips(GRAY, compression="jpeg", Q=90))
    yield Case("jpeg-color.tif", vips(RGB, compression="jpeg", Q=90))
    yield Case(
        "jpeg-tiles.tif",
        vips(RGB, compression="jpeg", Q=90, tile=True, tile_width=32, tile_height=32),
    )
    bilevel = Image.fromarray(BITS * 255).convert("1")
    bits = BITS.astype(float)
    yield Case("bits.tif", pil(bilevel, "tiff"), bits)
    for name in ("group3", "group4", "tiff_ccitt"):
        yield Case(f"{name}.tif", pil(bilevel, "tiff", compression=name), bits)
    yield Case(
        "bits-white.tif",
        vips(BITS * 255, bitdepth=1, miniswhite=True, compression="ccittfax4"),
        bits,
    )
    yield Case(
        "gray-4.tif", vips(GRAY & 0xF0 | GRAY >> 4, bitdepth=4), gray_of(GRAY & 0xF0 | GRAY >> 4)
    )
    palette = Image.fromarray(RGB).quantize(32)
    yield Case("palette.tif", pil(palette, "tiff"), gray_of(np.asarray(palette.convert("RGB"))))
    yield Case("gray-16.tif", tif(DEEP), deep)
    yield Case("white-8.tif", tif(255 - GRAY, photometric="miniswhite"), gray)
    yield Case("white-16.tif", tif(65535 - DEEP, photometric="miniswhite"), deep)
    for name, kind in (("16", np.float16), ("32", np.float32), ("64", np.float64)):
        floats = (GRAY / 255).astype(kind)
        yield Case(f"float-{name}.tif", tif(floats), floats.astype(float))
    yield Case("float-rgb.tif", tif((RGB / 255).astype(np.float32)), rgb)
    yield Case("rgb.tif", tif(RGB), rgb)
    yield Case("rgb-16.tif", tif(DEEP_RGB), gray_of(DEEP_RGB))
    yield Case(
        "planes.tif", tif(np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate"), rgb
    )
    yield Case(
        "gray-alpha.tif",
        tif(np.dstack([GRAY, ALPHA]), photometric="minisblack", extrasamples=[2]),
        gray,
    )
    yield Case("rgba.tif", tif(np.dstack([RGB, ALPHA]), extrasamples=[2]), rgb)
    yield Case("five-bands.tif", tif(np.dstack([RGB, ALPHA, GRAY]), extrasamples=[2, 0]), rgb)
    yield Case("cmyk.tif", pil(Image.fromarray(RGB).convert("CMYK"), "tiff"))
    lab = Image.fromarray(RGB).convert("LAB")
    yield Case("lab-8.tif", pil(lab, "tiff"))
    yield Case(
        "lab-16.tif", bytes(pyvips.Image.new_from_array(RGB).colourspace("labs").tiffsave_buffer())
    )
    yield Case(
        "lab-float.tif",
        bytes(pyvips.Image.new_from_array(RGB).colourspace("lab").tiffsave_buffer()),
    )
    yield Case("pages.tif", tif(GRAY, GRAY[::-1], GRAY[:, ::-1]), gray, pages=3)
    yield Case("pages-mixed.tif", mixed_pages(), gray, pages=4)
    yield Case("pages-big.tif", tif(DEEP, DEEP[:40], bigtiff=True, byteorder=">"), deep, pages=2)


def mixed_pages() -> bytes:
    """Pages of several sizes, depths and modes, as a scanner's software puts together."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(GRAY, metadata=None)
        writer.write(DEEP[:50, :70], metadata=None, compression="zlib")
        writer.write(RGB[:33], metadata=None, photometric="rgb", tile=(16, 16))
        writer.write((GRAY / 255).astype(np.float32), metadata=None)
    return file.getvalue()


def others() -> Iterator[Case]:
    gray, rgb = gray_of(GRAY), gray_of(RGB)
    yield Case("gray.webp", pil(GRAY, "webp", quality=90))
    yield Case("lossless.webp", pil(RGB, "webp", lossless=True))
    yield Case("rgba.webp", pil(np.dstack([RGB, ALPHA]), "webp", quality=90))
    yield Case("gray.avif", pil(GRAY, "avif", quality=90))
    yield Case("rgba.avif", pil(np.dstack([RGB, ALPHA]), "avif", quality=90))
    deep = pyvips.Image.new_from_array(DEEP_RGB).copy(interpretation="rgb16")
    yield Case("12.avif", bytes(deep.heifsave_buffer(compression="av1", bitdepth=12, Q=95)))
    yield Case("gray.gif", pil(GRAY, "gif"), gray)
    palette = Image.fromarray(RGB).quantize(64)
    yield Case(
        "clear.gif",
        pil(palette, "gif", transparency=5),
        gray_of(np.asarray(palette.convert("RGB"))),
    )
    frames = [Image.fromarray(frame) for frame in (GRAY[::-1], GRAY[:, ::-1])]
    yield Case("moving.gif", pil(GRAY, "gif", save_all=True, append_images=frames), gray)
    bilevel = Image.fromarray(BITS * 255).convert("1")
    yield Case("gray.bmp", pil(GRAY, "bmp"), gray)
    yield Case("rgb.bmp", pil(RGB, "bmp"), rgb)
    yield Case("bits.bmp", pil(bilevel, "bmp"), BITS.astype(float))
    yield Case("rgba.bmp", pil(np.dstack([RGB, ALPHA]), "bmp"), rgb)
    yield Case("gray.pgm", pil(GRAY, "ppm"), gray)
    yield Case("bits.pbm", pil(bilevel, "ppm"), BITS.astype(float))
    yield Case("rgb.ppm", pil(RGB, "ppm"), rgb)
    head = b"P5\n# box 7\n%d %d\n65535\n" % (WIDTH, HEIGHT)
    yield Case("gray-16.pgm", head + DEEP.astype(">u2").tobytes(), gray_of(DEEP))
    yield Case("text.pgm", b"P2\n2 2\n255\n0 100 200 255\n", np.array([[0, 100], [200, 255]]) / 255)
    yield Case("gray.jp2", pil(GRAY, "jpeg2000"), gray)
    yield Case("rgb.jp2", pil(RGB, "jpeg2000"), rgb)
    yield Case("rgba.jp2", pil(np.dstack([RGB, ALPHA]), "jpeg2000"), rgb)
    yield Case("gray-16.jp2", pil(Image.fromarray(DEEP), "jpeg2000"), gray_of(DEEP))
    yield Case("stream.j2k", pil(RGB, "jpeg2000", no_jp2=True), rgb)


def corpus() -> list[Case]:
    """All files."""
    return [*jpegs(), *pngs(), *tiffs(), *others()]
