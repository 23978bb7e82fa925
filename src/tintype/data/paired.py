"""Paired folders: gray pictures beside the color pictures of the same names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tintype.data.decode import content_of, decode, short_side
from tintype.data.files import files_in
from tintype.data.source import U8, Form
from tintype.errors import DataError, some
from tintype.formats import PICTURE_SUFFIXES

COLOR_NAMES = ("color", "colour", "rgb")
GRAY_NAMES = ("gray", "grey", "grayscale", "greyscale", "black", "bw")


class Pair(NamedTuple):
    """A gray picture and its color picture, or the folders of such."""

    gray: Path
    color: Path


class PairedSource:
    """Gray pictures and the color pictures that they shall become, matched by file name."""

    form: Form = "pair"

    def __init__(self, folders: Sequence[Pair]) -> None:
        self._pairs = [pair for both in folders for pair in _matched(both)]

    def __len__(self) -> int:
        return len(self._pairs)

    def name(self, index: int) -> str:
        return str(self._pairs[index].color)

    def short_side(self, index: int) -> int:
        return min(short_side(file) for file in self._pairs[index])

    def view(self, index: int, *, load_px: int, crop_px: int) -> U8:
        pair = self._pairs[index]
        color, color_size = decode(
            content_of(pair.color), load_px=load_px, crop_px=crop_px, name=str(pair.color)
        )
        gray, gray_size = decode(
            content_of(pair.gray), load_px=load_px, crop_px=crop_px, name=str(pair.gray), mode="L"
        )
        if gray_size != color_size:
            raise DataError(
                f"{pair.gray} is {gray_size[0]}x{gray_size[1]} px, {pair.color} is "
                f"{color_size[0]}x{color_size[1]}: no pair."
            )
        return np.dstack([gray, color])


def paired_folders(folder: Path) -> Pair | None:
    """The two folders of pairs in a folder, or in the only folder in it; None where there are none.

    Raises DataError where there is more than one such pair of folders.
    """
    places = [folder]
    for _ in range(2):  # public sets come with one more folder around
        found = [pair for place in places for pair in _pairs_of_names(place)]
        if len(found) > 1:
            raise DataError(
                f"{folder}: more than one pair of folders: {some(str(p.color) for p in found)}.",
                hint="Give a folder with one of them; or, if they are no pairs, say data.form=rgb.",
            )
        if found:
            return found[0]
        places = [below for place in places for below in _folders(place)]
    return None


def _folders(place: Path) -> list[Path]:
    try:
        return sorted(p for p in place.iterdir() if p.is_dir() and p.name[0] != ".")
    except OSError as error:
        raise DataError(f"{place}: cannot be read: {error.strerror}.") from None


def _pairs_of_names(place: Path) -> list[Pair]:
    """`color` and `gray`, and also `train_color` and `train_black`: the same word in front."""
    colors: dict[str, Path] = {}
    grays: dict[str, Path] = {}
    for folder in _folders(place):
        front, mark, kind = folder.name.lower().rpartition("_")
        for names, found in ((COLOR_NAMES, colors), (GRAY_NAMES, grays)):
            if kind in names:
                found[front + mark] = folder
    return [Pair(grays[front], colors[front]) for front in colors if front in grays]


def _matched(folders: Pair) -> list[Pair]:
    grays, colors = (_by_name(folder) for folder in folders)
    for folder, lacking in (
        (folders.gray, colors.keys() - grays),
        (folders.color, grays.keys() - colors),
    ):
        if lacking:
            raise DataError(
                f"{folder}: {len(lacking)} of {len(grays.keys() | colors)} pictures are missing in "
                f"it: {some(sorted(lacking))}.",
                hint="Each must be in both; or, if they are no pairs, say data.form=rgb.",
            )
    return [Pair(grays[name], colors[name]) for name in colors]


def _by_name(folder: Path) -> dict[str, Path]:
    """Pictures by their path in the folder without the ending: a gray PNG may match a JPEG."""
    found: dict[str, Path] = {}
    for file in files_in(folder, PICTURE_SUFFIXES):
        name = file.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise DataError(f"{found[name]} and {file.name}: two pictures of one name.")
        found[name] = file
    return found
