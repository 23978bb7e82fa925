"""Where a picture comes from. Every pass over it opens it anew, so nothing large is kept."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from tintype import files, formats, jpeg, pixels, tiff, tifftags
from tintype.color import Floats
from tintype.errors import PhotoError, UnsupportedFormat
from tintype.image import extras, metadata
from tintype.image.given import of_pixels
from tintype.image.join import luminance
from tintype.image.parts import of_floats, parts
from tintype.image.vips import VipsImage, pyvips
from tintype.pixels import Pixels, check_size

# libvips maps these files into memory: that one shrinks meanwhile would end the process
_MAPPED = ("webp", "gif", "avif", "heic")
_NO_DECODER = ("nsupported", "has not been built in")
"""What libheif says of pictures in HEVC where it cannot decode that."""
_BECOME_RGB = {"cmyk": "CMYK", "lab": "Lab", "labs": "Lab"}
_MOST_BITS = 32
_LONG_PIECE_BYTES = 8_000_000  # of a strip or tile as it lies in the file
_MOST_READINGS = 40  # of a damaged file, to tell what is wrong with it
_OF_A_STREAM = f"scanline {2**32 - 1};"  # what `stream` lacks when its source is damaged
_one_at_a_time = Lock()
FLOAT_SLACK = 1e-3  # how far floats may lie outside [0, 1], where they are clipped


@dataclass(frozen=True, eq=False)
class Source:
    """A picture as it came; `kind` is that of its file, None for arrays."""

    name: str
    content: Path | bytes | Pixels
    kind: str | None
    page: int = 0
    status: os.stat_result | None = None  # of the file when it was opened

    @classmethod
    def of(cls, given: object, name: str) -> Source:
        """Tell by its first bytes what is given. Raises as `Photo.open` does."""
        if isinstance(given, np.ndarray):
            return cls(name, pixels.from_array(given, name), None)
        if isinstance(given, PILImage.Image):
            return cls(name, pixels.from_pil(given, name), None)
        content: Path | bytes
        status = None
        if isinstance(given, str | os.PathLike):
            content = Path(given)
            try:
                status = content.stat()
                head = formats.head_of(content)
            except IsADirectoryError:
                raise PhotoError(f"{name}: is a folder, not a picture.") from None
            except OSError as error:
                raise files.unreadable(name, error) from None
        elif isinstance(given, bytes | bytearray | memoryview):
            head = content = bytes(given)
        else:
            raise TypeError(f"a photo is a path, bytes, a PIL image or an array, not {type(given)}")
        kind = formats.kind_of(head)
        if kind is None:
            what = "is not a picture of a kind that is read here" if head else "is empty"
            raise UnsupportedFormat(f"{name}: {what}.", public_message="The file is not a picture.")
        return cls(name, content, kind, status=status)

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
            return of_pixels(self._pixels)
        image = self._loaded(access)
        return of_floats(image) if self.facts.is_float else image

    def _loaded(self, access: str = "sequential") -> VipsImage:
        if self.facts.bits > _MOST_BITS:
            raise UnsupportedFormat(f"{self.name}: {self.facts.bits} bits a channel are not read.")
        if self.facts.is_cut_short:
            raise _cut_short(self.name, "its last pixels lie beyond its end")
        with self.reading():
            image = self._by_libvips(access)
            if self.kind == "tiff":
                self._complete_tiff(image)
            else:
                with self._stream() as stream:
                    extras.take(image, self.kind, stream)
            return metadata.take_resolution(image)

    def _by_libvips(self, access: str = "sequential") -> VipsImage:
        with self._vips_source() as file:
            load = getattr(pyvips.Image, f"{self._loader}load_source")
            options: dict[str, Any] = {"fail_on": "truncated"}
            if self.kind == "tiff":
                # pixels that cannot be decoded would be black; one long strip needs more memory
                long = self.facts.longest_piece_bytes > _LONG_PIECE_BYTES
                options = {"fail_on": "error", "page": self.page, "unlimited": long}
            image = load(file, access=access, **options)
            image._references.append(file)
            return image

    def note(self, kind: str) -> str:
        """What a result of a kind of file cannot be that the picture is, in one line, or ""."""
        told = []
        if self.kind and kind == formats.NEAREST.get(self.kind):
            told.append(f"{formats.WHY_NEAREST[self.kind]}: the result is {kind}")
        if self.page_count > 1 and kind != "tiff":
            told.append(f"{kind} holds one page: of {self.page_count} the first is colored")
        image = self.open()
        if self.kind != "tiff" and image.get_typeof("n-pages") and image.get("n-pages") > 1:
            told.append(f"of {image.get('n-pages')} frames the first is colored")
        mode = "lab" if self.facts.is_lab8 else image.interpretation
        if mode in _BECOME_RGB:
            told.append(f"{_BECOME_RGB[mode]} becomes RGB")
        if self._is_bilevel:
            told.append("of 1 bit, black and white, which hold no color: the result has 8 bits")
        return f"{self.name}: {'; '.join(told)}." if told else ""

    @property
    def _is_bilevel(self) -> bool:
        if self._pixels:
            return self._pixels.is_bilevel
        image = self.open()
        return bool(image.get_typeof("bits-per-sample")) and image.get("bits-per-sample") == 1

    def upright(self) -> VipsImage:
        """The picture, upright, for one pass."""
        self._check_floats()
        image = self.open()
        if orientation(image) == 1:
            return image
        return self.open("random").autorot()  # it needs the rows in another order

    def light(self, width: int, height: int) -> Floats:
        """Relative luminance Y in [0, 1] of the upright picture made small, (height, width)."""
        if self.planes:
            return self.planes.light(width, height)
        self._check_floats()
        with self.reading():
            image = self.open()
            if orientation(image) >= 5:
                width, height = height, width
            small = image.resize(width / image.width, vscale=height / image.height).autorot()
            return luminance(parts(small, self.name))

    def thumbnail(self, longest_px: int) -> NDArray[np.uint8]:
        """The upright picture made small, in sRGB and on white: (h, w, 3) uint8."""
        if self.kind != "jpeg":
            with self.reading():
                return thumbnail(self.upright(), longest_px)
        with self.reading(), self._vips_source() as file:
            small = pyvips.Image.thumbnail_source(
                file, longest_px, height=longest_px, size="down", fail_on="truncated"
            )
            return thumbnail(small, longest_px)

    @cached_property
    def _pixels(self) -> Pixels | None:
        """The pixels of what came as an array, or is read by Pillow."""
        if isinstance(self.content, Pixels):
            return self.content
        if self.kind in formats.BY_PILLOW:
            with self._stream() as file:
                return pixels.by_pillow(file, self.kind, self.name)
        if self.facts.is_lab8:  # libvips takes it for another kind of Lab
            with self._stream() as file:
                return pixels.lab_tiff(file, self.page, self.name)
        return None

    @cached_property
    def facts(self) -> tiff.Facts:
        """What a TIFF's page says beside its pixels."""
        if self.kind != "tiff":
            return tiff.Facts()
        with self._stream() as file:
            return tiff.facts(file, self.page)

    @cached_property
    def page_count(self) -> int:
        """Pages of a TIFF; of other files one."""
        if self.kind != "tiff":
            return 1
        with self._stream() as file:
            try:
                return tiff.page_count(file)
            except tiff.BROKEN:
                raise _cut_short(self.name, "the directory of a page is missing") from None

    @property
    def was_float(self) -> bool:
        """Whether the picture came as floats in [0, 1]."""
        if isinstance(self.content, Pixels):
            return self.content.was_float
        return self.facts.is_float

    def file_bytes(self) -> bytes:
        """The whole file."""
        with self._stream() as file:
            return file.read()

    @property
    def times_ns(self) -> tuple[int, int] | None:
        """When the file was last read and changed, as `os.utime` has it."""
        return (self.status.st_atime_ns, self.status.st_mtime_ns) if self.status else None

    def check_unchanged(self) -> None:
        """Raise `PhotoError` where the file is no longer the one that was opened."""
        if isinstance(self.content, Path):
            with self._stream():
                pass

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
        return jpeg.decode(self.file_bytes(), taken.encoding, orientation(image))

    @contextmanager
    def tags(self) -> Iterator[BinaryIO]:
        """A TIFF whose tags are those of the picture: its own file, or its EXIF."""
        if self.kind == "tiff":
            with self._stream() as file:
                yield file
            return
        exif = metadata.blob(self.open(), "exif-data") or b""
        yield io.BytesIO(exif.removeprefix(b"Exif\0\0"))

    def _complete_tiff(self, image: VipsImage) -> None:
        """With what libvips leaves out: EXIF and Photoshop's blocks."""
        with self._stream() as file:
            exif = tifftags.exif_of(file, self.page)
            blocks = tifftags.photoshop_of(file, self.page)
        if blocks:  # as a JPEG has them
            metadata.set_blob(image, "iptc-data", metadata.APP13_HEADING + blocks)
        if exif:
            metadata.add_exif(image, exif, with_orientation=False)

    @cached_property
    def _float_range(self) -> tuple[float, float]:
        with self.reading():
            low, high, total = self._loaded().stats().numpy()[0, :3]
        return (low, high) if np.isfinite(total) else (np.nan, np.nan)

    def _check_floats(self) -> None:
        """Raise `PhotoError` where floats of a file do not lie in [0, 1], as those of arrays do."""
        if not self.facts.is_float:
            return
        low, high = self._float_range
        if not (low >= -FLOAT_SLACK and high <= 1 + FLOAT_SLACK):
            raise PhotoError(
                f"{self.name}: floats must lie in [0, 1], not in [{low:g}, {high:g}].",
                public_message="The picture's numbers lie outside [0, 1].",
            )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn what libvips says of a damaged file into one line."""
        try:
            yield
        except pyvips.Error as error:
            said = self._said_again() or error.message
            if self.kind == "heic" and any(word in said for word in _NO_DECODER):
                raise UnsupportedFormat(
                    f"{self.name}: this libvips has no decoder for HEVC.",
                    hint="Convert it to AVIF, or install a libvips that has one.",
                ) from None
            raise _told(self.name, said) from None

    def _said_again(self) -> str:
        """What libvips says first as it reads the file again; nothing where it can, or is unsure.

        All threads share one place for what it says, so that a line may be of another file, or be
        missing: two readings must agree, and only lines of the file's own loader count.
        """
        if isinstance(self.content, Pixels) or self.kind in formats.BY_PILLOW:
            return ""
        before = ""
        for _ in range(_MOST_READINGS):
            try:
                with _one_at_a_time:
                    pyvips.vips_lib.vips_error_clear()
                    image = self._by_libvips()
                    check_size(image.width, image.height, self.name)
                    image.avg()
                return ""
            except pyvips.Error as error:
                lines = [line.strip() for line in str(error.detail).splitlines()]
            own = [line for line in lines if self._is_own(line)]
            if own and own[0] == before:
                return before
            before = own[0] if own else ""
        return ""

    def _is_own(self, line: str) -> bool:
        return self._loader in line.partition(":")[0].lower() and _OF_A_STREAM not in line

    @property
    def _loader(self) -> str:
        """As libvips calls what reads files of this kind."""
        return "heif" if self.kind in ("avif", "heic") else str(self.kind)

    @contextmanager
    def _stream(self) -> Iterator[BinaryIO]:
        if isinstance(self.content, bytes):
            yield io.BytesIO(self.content)
            return
        assert isinstance(self.content, Path)
        try:
            file = self.content.open("rb")
        except OSError as error:
            raise files.unreadable(self.name, error) from None
        with file:
            now = os.fstat(file.fileno())
            if self.status and files.stamp(now) != files.stamp(self.status):
                raise files.changed(self.name)
            yield file

    @contextmanager
    def _vips_source(self) -> Iterator[object]:
        if isinstance(self.content, bytes):
            yield pyvips.Source.new_from_memory(self.content)
            return
        with self._stream() as file:
            if self.kind in _MAPPED:
                yield pyvips.Source.new_from_memory(file.read())
            else:  # not by name, since libvips reads options out of one that ends in brackets
                yield pyvips.Source.new_from_descriptor(file.fileno())


def thumbnail(image: VipsImage, longest_px: int) -> NDArray[np.uint8]:
    """A picture made small, in sRGB and on white: (h, w, 3) uint8."""
    small = image.thumbnail_image(
        longest_px, height=longest_px, size="down", export_profile="srgb", no_rotate=True
    ).colourspace("srgb")
    if small.hasalpha():
        small = small.flatten(background=255)
    return np.asarray(small.cast("uchar").numpy(), np.uint8)


def orientation(image: VipsImage) -> int:
    """EXIF's orientation, 1 to 8; from 5 on the picture lies on its side."""
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


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
