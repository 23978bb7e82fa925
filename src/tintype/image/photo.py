"""`Photo`, the picture as everyone else sees it."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from tintype import files, formats, jpeg, lossless, provenance
from tintype.color import lightness
from tintype.errors import OutputError
from tintype.formats import Saving
from tintype.image import extras, metadata, write
from tintype.image.join import rows_of_strip, strips
from tintype.image.parts import Parts, eight_bits, floats, interpreted, parts
from tintype.image.source import Source, orientation, thumbnail
from tintype.image.stream import streamed
from tintype.image.vips import Progress, VipsImage, watch
from tintype.pixels import check_size
from tintype.settings import Settings

LONGEST_TO_SHORTEST = 4
LARGEST_ENLARGEMENT = 2


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
    _source: Source = field(repr=False)
    _chroma: _Chroma | None = field(default=None, repr=False)
    _color_page: Callable[[Photo], Photo] | None = field(default=None, repr=False)

    @classmethod
    def open(cls, source: object, *, name: str | None = None) -> Photo:
        """Open a picture; only its header is read, but for kinds that only Pillow reads.

        `source` is a path, the bytes of a file, a PIL image, or a numpy array of uint8, uint16 or
        floats in [0, 1], (H, W) or (H, W, 1 to 4). `name` stands for it in messages.

        Raises `PhotoError` where it cannot be read, `UnsupportedFormat` where it is not a picture
        of a kind that is read here, `PhotoTooLarge` beyond the limit of pixels in `settings`.
        """
        if name is None:
            name = str(source) if isinstance(source, str | os.PathLike) else "the picture"
        return cls._of(Source.of(source, name))

    @classmethod
    def _of(cls, source: Source) -> Photo:
        image = source.open()
        width, height = image.width, image.height
        check_size(width, height, source.name)
        if orientation(image) >= 5:
            width, height = height, width
        return cls(source.name, width, height, source)

    @property
    def pages(self) -> list[Photo]:
        """The pages of a TIFF, each a photo of its own; of other files one, the photo itself."""
        following = [self._page(number) for number in range(1, self._source.page_count)]
        return [self, *following]

    @property
    def xmp(self) -> bytes | None:
        """The XMP packet of the file, if it has one."""
        return metadata.blob(self._source.open(), "xmp-data")

    def luminance(self, short_side: int) -> NDArray[np.float32]:
        """CIELAB L in [0, 100] of the picture made small, (h, w), by `working_size`.

        The planes of a JPEG are decoded for it, and kept for `save`.
        """
        width, height = working_size(self.width, self.height, short_side)
        return np.asarray(lightness(self._source.light(width, height)), np.float32)

    def thumbnail(self, longest_px: int) -> NDArray[np.uint8]:
        """The picture made small, in sRGB and on white: (h, w, 3) uint8. It is never enlarged.

        Of a JPEG only as much is decoded as that takes.
        """
        if self._chroma is None:
            return self._source.thumbnail(longest_px)
        with self._source.reading(), self._whole() as image:
            return thumbnail(image, longest_px)

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

    def with_pages(self, color: Callable[[Photo], Photo]) -> Photo:
        """This page as it is, and every other as `color` gives it back when it is written.

        Only one is in memory then, however many a file has.
        """
        return replace(self, _color_page=color)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        format: str | None = None,
        **saving: Unpack[Saving],
    ) -> Path:
        """Write the picture whole or not at all, in the format that the extension asks for.

        `format` is asked for instead where it is given, and `saving` is explained at
        `formats.Saving`.

        Raises `OutputExists` where something is there already and `overwrite` is not set,
        `OutputError` where it cannot be written or is the file that the picture came from,
        `PhotoError` where the source is damaged.
        """
        path = Path(path)
        kind = formats.written_as(path, format)
        if self._source.is_file(path):
            raise OutputError(
                f"{path}: the output is the input itself.", hint="Originals are never replaced."
            )
        with files.replacing(path, overwrite=overwrite) as descriptor:
            self._write(kind, descriptor, saving, str(path))
            if saving.get("keep_times") and (times := self._source.times_ns):
                os.utime(descriptor, ns=times)
        return path

    def to_bytes(self, format: str | None = None, **saving: Unpack[Saving]) -> bytes:
        """The bytes of a file, of a kind in `formats.WRITTEN`; by default as the picture came."""
        with tempfile.TemporaryFile() as file:
            self.write_to(file.fileno(), format, **saving)
            file.seek(0)
            return file.read()

    def write_to(
        self,
        descriptor: int,
        format: str | None = None,
        *,
        progress: Progress | None = None,
        **saving: Unpack[Saving],
    ) -> None:
        """Write what `to_bytes` gives to an empty file that is open for reading and writing.

        `progress` is called with the share that is written, from 0 to 1, now and then.
        """
        kind = formats.written_as(Path(), format or formats.written_for(self._source.kind))
        self._write(kind, descriptor, saving, self.name, progress)

    def to_array(self) -> NDArray[Any]:
        """The pixels, (H, W, C), as deep as they came: uint8, uint16, or float32 in [0, 1].

        C is 3 in color, 1 in gray, and one more with alpha. Of many pages it is the first.
        """
        with self._source.reading(), self._whole() as image:
            array = image.numpy().reshape(image.height, image.width, image.bands)
        return np.asarray(array / np.float32(65535) if self._source.was_float else array)

    def to_pil(self) -> PILImage.Image:
        """The pixels as a PIL image of 8 bits a channel.

        EXIF, ICC profile, XMP and resolution lie in its `info`, as PIL has them.
        """
        with self._source.reading(), self._whole() as image:
            pil = PILImage.fromarray(eight_bits(image).numpy())
            for key, name in (("icc_profile", "icc-profile-data"), ("xmp", "xmp-data")):
                if content := metadata.blob(image, name):
                    pil.info[key] = content
            if exif := metadata.exif(image, self.width, self.height):
                pil.info["exif"] = exif
            if dpi := metadata.dpi(image):
                pil.info["dpi"] = dpi
        return pil

    def note(self, kind: str | None = None) -> str:
        """What a result of a kind of file cannot be that the picture is, in one line, or "".

        The kind is by default that of `to_bytes`.
        """
        return self._source.note(kind or formats.written_for(self._source.kind))

    def _page(self, number: int) -> Photo:
        return Photo._of(replace(self._source, page=number))

    @contextmanager
    def _whole(
        self, kind: str = "", depth: int | None = None, *, strip: bool = False
    ) -> Iterator[VipsImage]:
        """The whole picture as a pipeline that has not run yet, its metadata with it."""
        taken = parts(self._source.upright(), self.name)
        if depth in (16, 32):
            taken = taken.deepened()
        if kind != "tiff":
            taken = taken.without_extra()
        with self._joined(taken) as image:
            if strip:
                metadata.strip(image)
            if self._chroma:
                metadata.mark(image, taken.profile, self._chroma.model, kind=kind)
            if depth == 32:
                yield floats(image)
            else:
                yield eight_bits(image) if depth == 8 else image

    @contextmanager
    def _joined(self, taken: Parts) -> Iterator[VipsImage]:
        """What was taken apart as a whole, in color if there is any."""
        if self._chroma is None:
            yield taken.whole()
            return
        color = taken.color
        bands = 3 + (taken.alpha.bands if taken.alpha is not None else 0)
        with streamed(
            strips(taken, self._chroma.ab),
            (color.height, color.width, bands),
            rows=rows_of_strip(color.width),
            is_deep=taken.is_deep,
        ) as image:
            yield metadata.bear(interpreted(image, 3), color)

    def _write(
        self,
        kind: str,
        descriptor: int,
        saving: Saving,
        output: str,
        progress: Progress | None = None,
    ) -> None:
        formats.check(saving, kind, self.width, self.height, output)
        if saving.get("lossless_luma") and self._chroma and self._source.kind == "jpeg":
            content = self._with_its_luma(self._chroma, kind, saving, output)
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
        elif kind == "jpeg" and self._chroma and (planes := self._source.planes):
            content = jpeg.encode(
                planes,
                self._chroma.ab,
                quality=saving.get("quality", formats.DEFAULT_QUALITY),
                metadata=self._app_segments(self._chroma, strip=saving.get("strip", False)),
                threads=Settings.from_environment().threads,
                progress=progress,
            )
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
        else:
            with self._source.reading(), write.writing(output, descriptor):
                if kind == "tiff":
                    numbers = range(self._source.page_count)
                    pages = (self._tiff_page(number, saving, progress) for number in numbers)
                    write.tiffs(pages, descriptor, is_big=self._is_big(saving))
                else:
                    depth, strip = saving.get("depth"), saving.get("strip", False)
                    with self._whole(kind, depth, strip=strip) as image:
                        watch(image, progress)
                        getattr(write, kind)(image, descriptor, saving)
        self._source.check_unchanged()

    def _with_its_luma(self, chroma: _Chroma, kind: str, saving: Saving, output: str) -> bytes:
        planes = self._source.planes
        if kind != "jpeg" or planes is None:
            what = f"the result is {kind}" if planes else "it has no luma, or is not sound"
            raise OutputError(
                f"{output}: the luma of {self.name} cannot be kept: {what}.",
                hint="It can from a gray or YCbCr JPEG to a JPEG.",
            )
        content, turned = self._source.file_bytes(), orientation(self._source.open())
        return lossless.encode(
            content,
            chroma.ab,
            planes.encoding,
            turned,
            quality=saving.get("quality", formats.DEFAULT_QUALITY),
            metadata=self._app_segments(chroma, strip=saving.get("strip", False), turned=turned),
        )

    @contextmanager
    def _tiff_page(
        self, number: int, saving: Saving, progress: Progress | None
    ) -> Iterator[write.TiffPage]:
        strip = saving.get("strip", False)
        page = self._page(number) if number else self
        if number and self._color_page:
            page = self._color_page(page)
        source = page._source
        depth = saving.get("depth") or (32 if source.was_float else None)
        software = provenance.SOFTWARE if page._chroma else None
        with page._whole("tiff", depth, strip=strip) as image, source.tags() as origin:
            if strip:
                origin = io.BytesIO()
            watch(image, progress, number, self._source.page_count)
            yield write.TiffPage(
                image, origin, source.page, source.facts, source.kind == "tiff", software
            )

    def _is_big(self, saving: Saving) -> bool:
        """Whether the result is a BigTIFF, as the input is, or since its pixels need it."""
        depth = 4 if saving.get("depth") == 32 or self._source.was_float else 2
        raw_bytes = sum(4 * depth * page.width * page.height for page in self.pages)
        return self._source.facts.is_big or write.is_big(raw_bytes)

    def _app_segments(self, chroma: _Chroma, *, strip: bool, turned: int = 1) -> bytes:
        with self._source.reading():
            image = self._source.open()
            profile = parts(image, self.name).profile
            own = metadata.app_segments(
                image,
                (self.width, self.height) if turned < 5 else (self.height, self.width),
                profile,
                chroma.model,
                strip=strip,
                turned=turned,
            )
            return own if strip else own + extras.as_segments(image)
