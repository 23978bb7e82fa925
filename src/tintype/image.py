"""`Photo`: a picture opened lazily, its light, and color joined to it. The only user of pyvips.

The light of the output is the light of the input: color goes in at any small size, is upsampled,
and joined to the file's own full-size luminance strip by strip, so that memory stays flat.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from tintype import files, formats, jpeg, pixels, provenance
from tintype.color import A_PER_F, B_PER_F, D65_WHITE, DELTA, Floats, lab_f, lightness
from tintype.errors import OutputError, PhotoError, PhotoTooLarge, TintypeError, UnsupportedFormat
from tintype.icc import CODES, Encoding, is_gray, rgb_match
from tintype.pixels import Pixels
from tintype.settings import Settings

# libvips reads its number of threads when it is loaded, and never again
os.environ.setdefault("VIPS_CONCURRENCY", str(Settings.from_environment().threads))
import pyvips

# a file that was overwritten meanwhile must not be answered from memory
pyvips.cache_set_max(0)

LONGEST_TO_SHORTEST = 4
LARGEST_ENLARGEMENT = 2

# a pyvips image; the package has no types
VipsImage = Any


def working_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height, in pixels, at which a network looks at a picture.

    The aspect is kept; nothing is enlarged past twice its size; the longest side is at most four
    times the shortest, and squeezed beyond that.

    >>> working_size(4000, 3000, 256)
    (341, 256)
    """
    scale = min(short_side / min(width, height), LARGEST_ENLARGEMENT)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    return min(w, LONGEST_TO_SHORTEST * h), min(h, LONGEST_TO_SHORTEST * w)


@dataclass(frozen=True, eq=False)
class _Chroma:
    ab: NDArray[np.float32]  # (2, h, w), Lab units
    model: str | None


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture, read when it is needed. Made by `Photo.open`; `width` and `height` are upright."""

    name: str
    width: int
    height: int
    _source: Path | bytes | Pixels
    _kind: str | None  # None for arrays
    _planes: _Planes
    _chroma: _Chroma | None = None

    @classmethod
    def open(cls, source: object, *, name: str | None = None) -> Photo:
        """Open a picture; only its header is read.

        `source` is a path, the bytes of a file, a PIL image, or a numpy array of uint8, uint16 or
        floats in [0, 1], (H, W) or (H, W, 1 to 4). `name` stands for it in messages.

        Raises `PhotoError` where it cannot be read, `UnsupportedFormat` where it is not a picture
        of a kind that is read here, `PhotoTooLarge` beyond the limit of pixels in `settings`.
        """
        name = name or (
            os.fspath(source) if isinstance(source, str | os.PathLike) else "the picture"
        )
        content, kind = _content(source, name)
        with _reading(name):
            image = _open(content, kind)
        limit = Settings.from_environment().max_pixels
        if image.width * image.height > limit:
            raise PhotoTooLarge(
                f"{name}: {image.width} x {image.height} is more than the limit of {limit} pixels.",
                hint="TINTYPE_MAX_PIXELS raises it.",
                public_message=f"The picture has more than {limit} pixels.",
            )
        width, height = image.width, image.height
        if _orientation(image) >= 5:  # lies on its side
            width, height = height, width
        return cls(name, width, height, content, kind, _Planes(content, kind))

    @property
    def xmp(self) -> bytes | None:
        """The XMP packet of the file, if it has one."""
        with _reading(self.name):
            return _blob(_open(self._source, self._kind), "xmp-data")

    def luminance(self, short_side: int) -> NDArray[np.float32]:
        """CIELAB L in [0, 100] of the picture made small, (h, w), by `working_size`.

        A JPEG's planes are decoded for it, and kept for `save`.
        """
        width, height = working_size(self.width, self.height, short_side)
        with _reading(self.name):
            if planes := self._planes.decoded:
                light = planes.light(width, height)
            else:
                small = _thumbnail(self._source, self._kind, width, height)
                light = _luminance(_parts(small))[1].numpy().reshape(height, width)
        return np.asarray(lightness(light), np.float32)

    def with_chroma(
        self, ab: NDArray[np.floating[Any]], strength: float = 1.0, *, model: str | None = None
    ) -> Photo:
        """The same picture in color: its own light, with a and b of CIELAB from `ab`.

        `ab` is (2, h, w) in Lab units, of any size; it is stretched over the picture (bicubic).
        `strength` multiplies it: 0 is gray. `model` is named in the metadata of what is saved.
        A color that does not exist at that light is desaturated (`color.fit_gamut`).
        """
        chroma = np.asarray(ab, np.float32) * np.float32(strength)
        if chroma.ndim != 3 or chroma.shape[0] != 2 or chroma.size == 0:
            raise ValueError(f"ab must be (2, h, w), not {chroma.shape}")
        if not np.isfinite(chroma).all():
            raise ValueError("ab and strength must be finite")
        return replace(self, _chroma=_Chroma(chroma, model))

    def save(
        self, path: str | os.PathLike[str], *, overwrite: bool = False, quality: int = 90
    ) -> Path:
        """Write the picture whole or not at all, in the format that the extension asks for.

        `quality` is that of JPEG and WebP, 1 to 100; a WebP of quality 100 is lossless.

        Raises `OutputExists` where something is there already and `overwrite` is not set,
        `OutputError` where it cannot be written, `PhotoError` where the source is damaged.
        """
        path = Path(path)
        kind = formats.written_as(path)
        with files.replacing(path, overwrite=overwrite) as descriptor:
            self._write(kind, descriptor, quality)
        return path

    def to_bytes(self, format: str | None = None, *, quality: int = 90) -> bytes:
        """The bytes of a file: "jpeg", "png", "tiff" or "webp"; by default as the picture came."""
        kinds = set(formats.WRITERS.values())
        if format and format not in kinds:
            raise UnsupportedFormat(f"{format!r} is not written; {', '.join(sorted(kinds))} are.")
        kind = format or (self._kind if self._kind in kinds else None) or "png"
        with tempfile.TemporaryFile() as file:
            self._write(kind, file.fileno(), quality)
            file.seek(0)
            return file.read()

    def to_array(self) -> NDArray[Any]:
        """The pixels, (H, W, C), as deep as they came: uint8, uint16, or float32 in [0, 1].

        C is 3 in color, 1 in gray, and one more with alpha.
        """
        with _reading(self.name):
            image = self._joined()
            array = image.numpy().reshape(image.height, image.width, image.bands)
        was_float = isinstance(self._source, Pixels) and self._source.was_float
        return np.asarray(array / np.float32(65535) if was_float else array)

    def to_pil(self) -> PILImage.Image:
        """The pixels as a PIL image of 8 bits a channel, with its ICC profile and XMP in `info`."""
        with _reading(self.name):
            image = self._joined()
            if image.format == "ushort":
                image = (image * (255 / 65535)).rint().cast("uchar")
            array = image.numpy()
        pil = PILImage.fromarray(array)
        for key, field in (("icc_profile", "icc-profile-data"), ("xmp", "xmp-data")):
            if blob := _blob(image, field):
                pil.info[key] = blob
        return pil

    def _joined(self) -> VipsImage:
        """The whole picture as a pipeline that has not run yet, its metadata with it."""
        image = _open(self._source, self._kind)
        if _orientation(image) > 1:  # a turn needs the rows in another order than the file's
            image = _open(self._source, self._kind, access="random").autorot()
        parts = _parts(image)
        color = parts.color if self._chroma is None else _join(parts, self._chroma.ab)
        joined = color if parts.alpha is None else color.bandjoin(parts.alpha)
        gray_name, rgb_name = ("grey16", "rgb16") if parts.is_deep else ("b-w", "srgb")
        joined = joined.copy(interpretation=rgb_name if color.bands == 3 else gray_name)
        return self._described(joined, parts.profile)

    def _described(self, image: VipsImage, profile: bytes | None) -> VipsImage:
        """The picture with what its file shall say of it; `profile` is that of a colored one."""
        image.remove("jpeg-thumbnail-data")  # it would show the picture as it was
        if self._chroma is None:
            return image
        image.remove("icc-profile-data")
        if profile:
            _set_blob(image, "icc-profile-data", profile)
        xmp = provenance.marked(_blob(image, "xmp-data"), model=self._chroma.model)
        _set_blob(image, "xmp-data", xmp)
        image.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Software", provenance.SOFTWARE)
        return image

    def _write(self, kind: str, descriptor: int, quality: int) -> None:
        planes = self._planes.decoded if kind == "jpeg" and self._chroma else None
        if planes and self._chroma:
            content = jpeg.encode(
                planes,
                self._chroma.ab,
                quality=quality,
                metadata=self._app_segments(),
                threads=Settings.from_environment().threads,
            )
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            return
        options: dict[str, Any] = {}
        if kind == "jpeg":
            options = {"Q": quality, "background": [255]}
        elif kind == "webp":
            options = {"Q": quality, "lossless": quality == 100}
        elif kind == "tiff":
            options = {"compression": "deflate", "predictor": "horizontal", "level": 1}
        with _reading(self.name):
            image = self._joined()
            if kind in ("jpeg", "webp") and image.format == "ushort":
                image = image.colourspace("srgb" if image.bands > 2 else "b-w")
            target = pyvips.Target.new_to_descriptor(descriptor)
            getattr(image, f"{kind}save_target")(target, **options)

    def _app_segments(self) -> bytes:
        """The metadata of the result as a JPEG holds it, from a JPEG of one pixel."""
        with _reading(self.name):
            source = _open(self._source, self._kind)
            pixel = pyvips.Image.black(1, 1, bands=3)
            pixel = pixel.copy(interpretation="srgb", xres=source.xres, yres=source.yres)
            for field in source.get_fields():
                if field.startswith("exif-") or field in ("xmp-data", "iptc-data"):
                    pixel.set_type(source.get_typeof(field), field, source.get(field))
            described = self._described(pixel, _parts(source).profile)
            content = described.jpegsave_buffer()
        return jpeg.app_segments(content, self.width, self.height)


@dataclass(frozen=True, eq=False)
class _Planes:
    """The planes of a JPEG, decoded when first asked for."""

    source: Path | bytes | Pixels
    kind: str | None

    @cached_property
    def decoded(self) -> jpeg.Planes | None:
        """None where the picture is no JPEG, or one whose planes cannot be used as they are."""
        if self.kind != "jpeg" or isinstance(self.source, Pixels):
            return None
        image = _open(self.source, self.kind)
        parts = _parts(image)
        if not parts.is_as_coded:
            return None
        content = self.source if isinstance(self.source, bytes) else self.source.read_bytes()
        return jpeg.decode(content, parts.encoding, _orientation(image))


@dataclass(frozen=True, eq=False)
class _Parts:
    """A picture of 8 or 16 bits taken apart."""

    color: VipsImage  # one band or three
    alpha: VipsImage | None
    encoding: Encoding
    profile: bytes | None  # for a result of three bands
    is_as_coded: bool = True  # not transformed: code values are those of the file

    @property
    def is_deep(self) -> bool:
        return bool(self.color.format == "ushort")


def _content(source: object, name: str) -> tuple[Path | bytes | Pixels, str | None]:
    """What a picture is read from, and the libvips loader for it."""
    if isinstance(source, np.ndarray):
        return pixels.from_array(source, name), None
    if isinstance(source, PILImage.Image):
        return pixels.from_pil(source, name), None
    content: Path | bytes
    if isinstance(source, str | os.PathLike):
        content = Path(source)
        try:
            head = formats.head_of(content)
        except IsADirectoryError:
            raise PhotoError(f"{name}: is a folder, not a picture.") from None
        except OSError as error:
            raise PhotoError(f"{name}: cannot be read: {error.strerror or error}.") from None
    elif isinstance(source, bytes | bytearray | memoryview):
        content = bytes(source)
        head = content
    else:
        raise TypeError(f"a photo is a path, bytes, a PIL image or an array, not {type(source)}")
    kind = formats.kind_of(head)
    if kind is None:
        what = "is empty" if not head else "is not a picture of a kind that is read here"
        raise UnsupportedFormat(f"{name}: {what}.", public_message="The file is not a picture.")
    if kind in formats.BY_PILLOW:
        data = content if isinstance(content, bytes) else content.read_bytes()
        return pixels.by_pillow(data, formats.BY_PILLOW[kind], name), None
    return content, kind


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn what libvips says of a damaged file, or of a full disk, into one line."""
    try:
        yield
    except OSError as error:
        raise PhotoError(f"{name}: cannot be read: {error.strerror or error}.") from None
    except pyvips.Error as error:
        lines = [line.strip() for line in str(error.detail or error).splitlines()]
        detail = next((line for line in lines if line), "unknown reason")
        raise _readable(name, detail) from None


def _readable(name: str, detail: str) -> TintypeError:
    said = detail.lower()
    if "write" in said or "no space" in said:
        return OutputError(f"{name}: the result cannot be written: {detail}.")
    if any(word in said for word in ("premature", "truncat", "end of", "read past", "not enough")):
        return PhotoError(
            f"{name}: the file ends before the picture does ({detail}).",
            hint="It was cut short: copy or download it again.",
            public_message="The file is cut short.",
        )
    return PhotoError(
        f"{name}: the picture is damaged ({detail}).", public_message="The picture is damaged."
    )


@contextmanager
def _vips_source(content: Path | bytes) -> Iterator[Any]:
    # by descriptor, since libvips reads options out of a name that ends in brackets
    if isinstance(content, bytes):
        yield pyvips.Source.new_from_memory(content)
        return
    descriptor = os.open(content, os.O_RDONLY)
    try:
        yield pyvips.Source.new_from_descriptor(descriptor)
    finally:
        os.close(descriptor)


def _open(
    content: Path | bytes | Pixels, kind: str | None, access: str = "sequential"
) -> VipsImage:
    if isinstance(content, Pixels):
        height, width, bands = content.array.shape
        deep = content.array.dtype == np.uint16
        image = pyvips.Image.new_from_memory(
            content.array.data, width, height, bands, "ushort" if deep else "uchar"
        )
        names = ("grey16", "rgb16") if deep else ("b-w", "srgb")
        image = image.copy(interpretation="cmyk" if content.is_cmyk else names[bands > 2])
        for field, blob in (
            ("exif-data", content.exif),
            ("icc-profile-data", content.icc),
            ("xmp-data", content.xmp),
        ):
            if blob:
                _set_blob(image, field, blob)
        return image
    with _vips_source(content) as source:
        load = getattr(pyvips.Image, f"{kind}load_source")
        image = load(source, access=access, fail_on="truncated")
        image._references.append(source)
        return image


def _thumbnail(
    content: Path | bytes | Pixels, kind: str | None, width: int, height: int
) -> VipsImage:
    """The picture at a size, upright."""
    if isinstance(content, Pixels):
        return _open(content, kind).thumbnail_image(width, height=height, size="force")
    with _vips_source(content) as source:
        return pyvips.Image.thumbnail_source(
            source, width, height=height, size="force", fail_on="truncated"
        ).copy_memory()


def _orientation(image: VipsImage) -> int:
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


def _blob(image: VipsImage, field: str) -> bytes | None:
    return bytes(image.get(field)) if image.get_typeof(field) else None


def _set_blob(image: VipsImage, field: str, blob: bytes) -> None:
    image.set_type(pyvips.GValue.blob_type, field, blob)


def _parts(image: VipsImage) -> _Parts:
    if image.interpretation in ("b-w", "grey16", "srgb", "rgb16") and image.format in (
        "uchar",
        "ushort",
    ):
        profile = _blob(image, "icc-profile-data")
    elif image.interpretation == "cmyk":
        image = image.icc_transform("srgb", embedded=True, input_profile="cmyk")
        return _Parts(image, None, Encoding.srgb(), None, is_as_coded=False)
    else:
        raise UnsupportedFormat(
            f"pixels of kind {image.interpretation}, {image.format} are not read here."
        )
    bands = 1 if image.bands < 3 else 3
    color = image.extract_band(0, n=bands)
    alpha = image.extract_band(bands) if image.bands > bands else None
    if profile is None or (is_gray(profile) and bands == 3):
        return _Parts(color, alpha, Encoding.srgb(), None)
    encoding = Encoding.of(profile)
    if encoding:
        keeps = rgb_match(profile) if is_gray(profile) else profile
        return _Parts(color, alpha, encoding, keeps)
    depth = 16 if image.format == "ushort" else 8
    color = color.icc_transform("srgb", embedded=True, depth=depth)
    return _Parts(color, alpha, Encoding.srgb(), None, is_as_coded=False)


def _lut(*bands: Floats) -> VipsImage:
    table = np.ascontiguousarray(np.stack(bands, axis=-1), np.float32)
    return pyvips.Image.new_from_memory(table.data, len(table), 1, len(bands), "float")


def _of_light(light: VipsImage, function: Callable[[Floats, int], Floats]) -> VipsImage:
    """A function of linear light in [0, 1], band by band, by table.

    The table is spaced by the square root, dense where the eye is keen, and interpolated.
    """
    nodes = np.linspace(0, 1, CODES) ** 2
    values = [function(nodes, band) for band in range(light.bands)]
    steps = [np.diff(v, append=v[-1]) for v in values]
    place = light**0.5 * (CODES - 1)
    index = place.cast("ushort")
    return index.maplut(_lut(*values)) + index.maplut(_lut(*steps)) * (place - index)


def _luminance(parts: _Parts) -> VipsImage:
    """Two bands: f of CIELAB, and relative luminance Y in [0, 1]."""
    spacing = 1 if parts.is_deep else 257
    light = parts.encoding.decode[:, ::spacing]
    weights = parts.encoding.to_xyz[1]
    if parts.color.bands == 1:
        y = weights @ light
        return parts.color.maplut(_lut(lab_f(y), y))
    y = parts.color.maplut(_lut(*light)).recomb([list(weights)]).clamp(min=0, max=1)
    return _of_light(y, lambda nodes, _: lab_f(nodes)).bandjoin(y)


def _join(parts: _Parts, ab: NDArray[np.float32]) -> VipsImage:
    """The color bands of the result, at the depth of the input: `color.lab_to_srgb`, in strips."""
    image = parts.color
    light = _luminance(parts)
    f, y = light[0], light[1]
    interleaved = np.ascontiguousarray(np.moveaxis(ab, 0, -1))
    height, width = ab.shape[1:]
    small = pyvips.Image.new_from_memory(interleaved.data, width, height, 2, "float")
    chroma = small.resize(image.width / width, vscale=image.height / height, kernel="cubic")
    fxz = f + chroma * [1 / A_PER_F, -1 / B_PER_F]
    xz = (fxz > DELTA).ifthenelse(fxz * fxz * fxz, (fxz - 4 / 29) * (3 * DELTA**2))
    to_linear = np.linalg.inv(parts.encoding.to_xyz) * D65_WHITE
    off_gray = (xz - y).recomb(to_linear[:, ::2].tolist())
    # how far each channel leaves [0, 1], as a multiple of the room that it has: color.fit_gamut
    excess = (off_gray / (1 - y + 1e-9)).maxpair(off_gray / (-1e-9 - y))
    worst = excess[0].maxpair(excess[1]).maxpair(excess[2]).maxpair(1)
    linear = (y + off_gray / worst).clamp(min=0, max=1)
    top = CODES - 1 if parts.is_deep else 255
    codes = _of_light(linear, parts.encoding.encode) * top
    return codes.rint().cast(image.format)
