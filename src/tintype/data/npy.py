"""Lightness and chroma in .npy arrays, read picture by picture, never loaded whole."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tintype.data.decode import resized
from tintype.data.files import files_in
from tintype.data.offsets import Parts
from tintype.data.source import U8, Form
from tintype.errors import DataError


class _Stack:
    """Arrays of (N, H, W) or (N, H, W, C) bytes, one behind the other."""

    def __init__(
        self,
        files: Sequence[Path],
        arrays: Sequence[np.memmap[tuple[int, ...], np.dtype[np.uint8]]],
    ) -> None:
        self.files = list(files)
        self.shape = arrays[0].shape[1:]
        self._offsets = [int(array.offset) for array in arrays]
        self._starts = np.cumsum([0, *(len(array) for array in arrays)])
        self._parts = Parts(files)
        for file, array in zip(files, arrays, strict=True):
            if array.shape[1:] != self.shape:
                raise DataError(
                    f"{file}: its pictures are {_told(array.shape[1:])}, those of {files[0].name} "
                    f"{_told(self.shape)}."
                )

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> U8:
        number, at = self.find(index)
        size = math.prod(self.shape)
        content = self._parts.read(number, self._offsets[number] + at * size, size)
        return np.frombuffer(content, np.uint8).reshape(*self.shape[:2], -1)

    def find(self, index: int) -> tuple[int, int]:
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        return number, index - int(self._starts[number])


class NpySource:
    """OpenCV's 8-bit Lab in arrays: L * 255 / 100 (N, H, W), a + 128 and b + 128 (N, H, W, 2).

    Every array below the folder is taken, lightness and chroma each in the order of their names
    (2 before 10), one behind the other, as in `l/gray_scale.npy` and `ab/ab/ab1.npy` to `ab3.npy`.
    """

    form: Form = "lab"

    def __init__(self, folder: Path) -> None:
        grays, chromas = {}, {}
        for file in arrays_in(folder):
            array = _opened(file)
            if array.ndim == 4 and array.shape[3] == 2:
                chromas[file] = array
            elif array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 1):
                grays[file] = array
            else:
                raise DataError(
                    f"{file}: its shape is {_told(array.shape)}.",
                    hint="Lightness is (N, H, W), chroma (N, H, W, 2).",
                )
        if not grays and not chromas:
            raise DataError(f"{folder}: no .npy arrays in it.")
        if not grays or not chromas:
            lacks = "lightness, (N, H, W)" if not grays else "chroma, (N, H, W, 2)"
            raise DataError(f"{folder}: no array of {lacks} in it.")
        self._l = _Stack(list(grays), list(grays.values()))
        self._ab = _Stack(list(chromas), list(chromas.values()))
        if len(self._l) != len(self._ab):
            raise DataError(
                f"{folder}: lightness of {len(self._l)} pictures, chroma of {len(self._ab)}.",
                hint="The arrays are of different sets, or one is missing.",
            )
        if self._l.shape[:2] != self._ab.shape[:2]:
            raise DataError(
                f"{folder}: lightness of {_told(self._l.shape[:2])} px, chroma of "
                f"{_told(self._ab.shape[:2])}."
            )

    def __len__(self) -> int:
        return len(self._l)

    def name(self, index: int) -> str:
        number, at = self._l.find(index)
        return f"{self._l.files[number]}[{at}]"

    def short_side(self, index: int) -> int:  # noqa: ARG002
        return min(self._l.shape[:2])

    def view(self, index: int, *, load_px: int, crop_px: int) -> U8:
        lab = np.dstack([self._l[index], self._ab[index]])
        return resized(lab, load_px=load_px, crop_px=crop_px)


def arrays_in(folder: Path) -> list[Path]:
    """Every .npy below a folder, 2 before 10."""
    return sorted(
        files_in(folder, [".npy"]), key=lambda file: [_natural(part) for part in file.parts]
    )


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", text)]


def _opened(file: Path) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]]:
    """The array as its header has it; mapped and not read."""
    try:
        array = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file}: not a whole .npy array ({error}).") from None
    if array.dtype != np.uint8:
        raise DataError(
            f"{file}: its values are {array.dtype}, not uint8.",
            hint="Arrays hold OpenCV's 8-bit Lab: L * 255 / 100, a + 128, b + 128.",
        )
    if not array.flags.c_contiguous or 0 in array.shape:
        raise DataError(
            f"{file}: its pictures do not lie one behind the other (Fortran order or empty)."
        )
    assert isinstance(array, np.memmap)
    return array


def _told(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
