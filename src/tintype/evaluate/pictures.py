"""True pictures, and the results that belong to them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tintype import files, formats, pixels
from tintype.batch.plan import RESULT_MARK
from tintype.errors import DataError, PhotoError, some
from tintype.evaluate.metrics.lab import Floats, RgbU8
from tintype.provenance import is_our_result
from tintype.walk import walk

GRAY_CHROMA = 5.0  # Lab units: what JPEG and scanners leave in a gray picture stays below
GRAY_SHARE = 0.999


class Results(NamedTuple):
    """A folder of results: name of the true picture to file, and what belongs to none."""

    files: dict[str, Path]
    extra: list[Path]


def true_pictures(
    folder: Path, passed_over: Callable[[Path], object] = lambda _: None
) -> dict[str, Path]:
    """The pictures of a folder and all below it, in the order of file names, then of paths.

    Results of tintype, whose colors are inferred, are told to `passed_over`.
    A name is the file's without its extension, or its path from `folder` where two would be alike.
    Raises DataError when there is no such folder, no true picture, or two go by one name.
    """
    pictures = list(_walk(folder))
    if not pictures:
        raise DataError(f"{folder}: holds no pictures.")
    found = []
    for file in pictures:
        if is_our_result(file):
            passed_over(file)
        else:
            found.append(file)
    if not found:
        raise DataError(
            f"{folder}: holds no true pictures, only results of tintype.",
            hint="Name the folder of color photographs.",
        )
    stems = {file.stem for file in found}
    named: dict[str, Path] = {}
    for file in found:
        name = file.stem
        if len(stems) < len(found):
            name = file.relative_to(folder).with_suffix("").as_posix()
        if name in named:
            raise DataError(f"{folder}: {named[name].name} and {file.name} go by the same name.")
        named[name] = file
    return named


def results_for(every: Mapping[str, Path], wanted: Iterable[str], folder: Path) -> Results:
    """Pair the pictures of `folder` with true ones, by name, in whatever format they are.

    NAME.color.png is a result for NAME.jpg, and goes before NAME.png; so is NAME.jpg.png. Where a
    true picture is itself called NAME.color, NAME.color.png is its result.
    Raises DataError when a true picture that is wanted has no result, or any has two.
    """
    by_path = any("/" in name for name in every)
    names = {name + file.suffix: name for name, file in every.items()} | {n: n for n in every}
    found: dict[str, Path] = {}
    marked: set[str] = set()
    extra = []
    for file in _walk(folder):
        label = file.relative_to(folder).with_name(file.stem).as_posix() if by_path else file.stem
        name = names.get(label)
        is_marked = name is None
        if is_marked:
            name = names.get(label.removesuffix(RESULT_MARK))
        if name is None:
            extra.append(file)
            continue
        if name in found and is_marked == (name in marked):
            raise DataError(
                f"{folder}: two results for {name}: {found[name].name} and {file.name}."
            )
        if name not in found or is_marked:
            found[name] = file
        if is_marked:
            marked.add(name)
    if missing := [name for name in wanted if name not in found]:
        raise DataError(f"{folder}: no result for {some(missing)}.")
    return Results(found, extra)


def read_rgb(path: Path, sha256: str = "") -> RgbU8:
    """A picture's code values, (H, W, 3) uint8, upright; taken as sRGB, whatever its profile.

    Raises PhotoError when the file is truncated, damaged, no picture, or no longer of the hash
    that is given; PhotoTooLarge beyond the settings' limit.
    """
    try:
        content = path.read_bytes()
        if sha256 and hashlib.sha256(content).hexdigest() != sha256:
            raise PhotoError(f"{path}: has changed since the run began.")
        with _no_limit_of_pillow(), Image.open(io.BytesIO(content)) as image:
            pixels.check_size(*image.size, str(path))
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # 16 bits, which Pillow would clip to 8
                gray = pixels.from_pil(upright, str(path)).array
                return np.repeat(np.rint(gray / 257).astype(np.uint8), 3, axis=2)
            return np.asarray(upright.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        reason = "is not a picture" if isinstance(error, UnidentifiedImageError) else error
        raise PhotoError(f"{path}: cannot be read: {reason}.") from None


@contextmanager
def _no_limit_of_pillow() -> Iterator[None]:
    """The limit of pixels is that of the settings; Pillow's own is lower."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def is_gray(lab: Floats) -> bool:
    """Whether a picture has no color to compare with: 999 of 1,000 pixels have a chroma under 5."""
    return float((np.hypot(lab[..., 1], lab[..., 2]) < GRAY_CHROMA).mean()) >= GRAY_SHARE


def content_hash(path: Path) -> str:
    """SHA-256 of a file. Raises PhotoError when it cannot be read."""
    try:
        return files.sha256_of(path)
    except OSError as error:
        raise files.unreadable(path, error) from None


def group_of(name: str) -> str | None:
    """What stands before the first _ of a picture's name: `scene_017` is of the group `scene`."""
    head, underscore, _ = Path(name).name.partition("_")
    return head if underscore else None


def _walk(folder: Path) -> Iterator[Path]:
    """Files that are pictures by their content, or claim to be by their name, in a fixed order."""
    if not folder.is_dir():
        told = "a file, and no folder" if folder.exists() else "no such folder"
        raise DataError(f"{folder}: {told}.", hint="Name a folder of pictures.")
    unreadable: list[Path] = []
    # to open a pipe would wait forever
    found = [file for file in walk(folder, unreadable.append) if file.is_file()]
    if unreadable:
        raise DataError(f"{folder}: cannot be read: {some(unreadable)}.")
    for file in sorted(found, key=lambda file: (file.name, file)):
        if file.suffix.lower() in formats.PICTURE_SUFFIXES or formats.is_picture(file):
            yield file
