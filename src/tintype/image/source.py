"""Where a picture comes from. Every pass over it opens it anew, so nothing large is kept."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image as PILImage

from tintype import formats, jpeg, pixels
from tintype.color import Floats
from tintype.errors import PhotoError, UnsupportedFormat
from tintype.image import metadata, tiff
from tintype.image.join import luminance, parts
from tintype.image.vips import VipsImage, pyvips
from tintype.pixels import Pixels


@dataclass(frozen=True, eq=False)
class Source:
    """A picture as it came; `kind` is that of its file, None for arrays."""

    name: str
    content: Path | bytes | Pixels
    kind: str | None

    @classmethod
    def of(cls, given: object, name: str) -> Source:
        """Tell by its first bytes what is given. Raises as `Photo.open` does."""
        if isinstance(given, np.ndarray):
            return cls(name, pixels.from_array(given, name), None)
        if isinstance(given, PILImage.Image):
            return cls(name, pixels.from_pil(given, name), None)
        content: Path | bytes
        if isinstance(given, str | os.PathLike):
            content = Path(given)
            try:
                head = formats.head_of(content)
            except IsADirectoryError:
                raise PhotoError(f"{name}: is a folder, not a picture.") from None
            except OSError as error:
                raise _unreadable(name, error) from None
        elif isinstance(given, bytes | bytearray | memoryview):
            head = content = bytes(given)
        else:
            raise TypeError(f"a photo is a path, bytes, a PIL image or an array, not {type(given)}")
        kind = formats.kind_of(head)
        if kind is None:
            what = "is not a picture of a kind that is read here" if head else "is empty"
            raise UnsupportedFormat(f"{name}: {what}.", public_message="The file is not a picture.")
        return cls(name, content, kind)

    def is_file(self, path: Path) -> bool:
        """Whether the picture comes from this file, by whatever name."""
        try:
            return isinstance(self.content, Path) and path.samefile(self.content)
        except OSError:  # nothing is there
            return False

    def open(self, access: str = "sequential") -> VipsImage:
        """The picture as it lies in the file, not yet upright; pixels are read when they are used.

        Sequential access runs over it once, from the top.
        """
        if self._pixels:
            return _of_pixels(self._pixels)
        with self.reading(), self._vips_source() as file:
            loader = "heif" if self.kind in ("avif", "heic") else self.kind
            load = getattr(pyvips.Image, f"{loader}load_source")
            image = load(file, access=access, fail_on="truncated")
            image._references.append(file)
            if self.kind == "tiff":
                self._complete_tiff(image)
            return image

    def note(self, kind: str) -> str:
        """What a result of a kind of file cannot be that the picture is, in one line, or ""."""
        if self.kind and kind == formats.NEAREST.get(self.kind):
            return f"{self.name}: {self.kind} holds no marked color picture: the result is {kind}."
        return ""

    def upright(self) -> VipsImage:
        """The picture, upright, for one pass."""
        image = self.open()
        if orientation(image) == 1:
            return image
        return self.open("random").autorot()  # it needs the rows in another order

    def light(self, width: int, height: int) -> Floats:
        """Relative luminance Y in [0, 1] of the upright picture made small, (height, width)."""
        if self.planes:
            return self.planes.light(width, height)
        with self.reading():
            image = self.open()
            if orientation(image) >= 5:
                width, height = height, width
            small = image.resize(width / image.width, vscale=height / image.height).autorot()
            return np.asarray(luminance(parts(small, self.name))[1].numpy()).reshape(
                small.height, small.width
            )

    @cached_property
    def _pixels(self) -> Pixels | None:
        """The pixels of what came as an array, or is read by Pillow."""
        if isinstance(self.content, Pixels):
            return self.content
        if self.kind not in formats.BY_PILLOW:
            return None
        with self._stream() as file:
            return pixels.by_pillow(file, self.kind, self.name)

    @cached_property
    def planes(self) -> jpeg.Planes | None:
        """The planes of a JPEG, kept; None for what is no JPEG or whose planes cannot be used."""
        if self.kind != "jpeg":
            return None
        image = self.open()
        with self.reading():
            taken = parts(image, self.name)
        if not taken.is_as_coded:
            return None
        with self._stream() as file:
            return jpeg.decode(file.read(), taken.encoding, orientation(image))

    def _complete_tiff(self, image: VipsImage) -> None:
        """What libvips leaves out: EXIF, and that pixels are missing at the end."""
        with self._stream() as file:
            content = tiff.read(file)
        if content.is_cut_short:
            raise _cut_short(self.name, "its last pixels lie beyond its end")
        if content.exif:
            metadata.add_exif(image, content.exif, with_orientation=False)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn what libvips says of a damaged file into one line."""
        pyvips.vips_lib.vips_error_clear()  # what it kept to itself before
        try:
            yield
        except pyvips.Error as error:
            # the first cause comes first, but for the name of the operation that met it
            lines = [line.strip() for line in str(error.detail).splitlines()] or [error.message]
            causes = [line for line in lines if not line.startswith("unable to ")] or lines
            raise _told(self.name, causes[0]) from None

    @contextmanager
    def _stream(self) -> Iterator[BinaryIO]:
        if isinstance(self.content, bytes):
            yield io.BytesIO(self.content)
            return
        assert isinstance(self.content, Path)
        try:
            file = self.content.open("rb")
        except OSError as error:
            raise _unreadable(self.name, error) from None
        with file:
            yield file

    @contextmanager
    def _vips_source(self) -> Iterator[object]:
        if isinstance(self.content, bytes):
            yield pyvips.Source.new_from_memory(self.content)
            return
        # by descriptor, since libvips reads options out of a name that ends in brackets
        with self._stream() as file:
            yield pyvips.Source.new_from_descriptor(file.fileno())


def orientation(image: VipsImage) -> int:
    """EXIF's orientation, 1 to 8; from 5 on the picture lies on its side."""
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


def _of_pixels(given: Pixels) -> VipsImage:
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
    for field, content in (("icc-profile-data", given.icc), ("xmp-data", given.xmp)):
        if content:
            metadata.set_blob(image, field, content)
    if given.exif:
        metadata.add_exif(image, given.exif, with_orientation=True)
    return image


def _unreadable(name: str, error: OSError) -> PhotoError:
    return PhotoError(f"{name}: cannot be read: {error.strerror or error}.")


def _told(name: str, detail: str) -> PhotoError:
    said = detail.lower()
    if any(word in said for word in ("premature", "truncat", "end of", "read error")):
        return _cut_short(name, detail)
    return PhotoError(
        f"{name}: the picture is damaged ({detail}).", public_message="The picture is damaged."
    )


def _cut_short(name: str, detail: str) -> PhotoError:
    return PhotoError(
        f"{name}: the file ends before the picture does ({detail}).",
        hint="It was cut short: copy or download it again.",
        public_message="The file is cut short.",
    )
