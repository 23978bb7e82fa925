"""What a source of training pictures is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Form = Literal["rgb", "lab", "pair"]
IndexArray = NDArray[np.int64]
U8 = NDArray[np.uint8]


class Source(Protocol):
    """Pictures by number. Safe to hand to worker processes.

    `form` says what the channels of a view are. `rgb`: R, G, B. `lab`: OpenCV's 8-bit Lab,
    L * 255 / 100, a + 128, b + 128. `pair`: a gray picture, and R, G, B of its color picture.
    """

    @property
    def form(self) -> Form: ...

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """A name for messages and sheets."""

    def short_side(self, index: int) -> int:
        """The short side in px, from the header; 0 where it cannot be read."""

    def view(self, index: int, *, load_px: int, crop_px: int) -> U8:
        """The upright picture, (H, W, C): its short side at `load_px`, or less where it has less,
        at least `crop_px`. Raises DataError for what is no whole picture."""


class Joined:
    """Several sources of one form, one after the other."""

    def __init__(self, parts: Sequence[Source]) -> None:
        self.form: Form = parts[0].form
        self._parts = list(parts)
        self._starts: IndexArray = np.cumsum([0, *(len(p) for p in self._parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def find(self, index: int) -> tuple[Source, int]:
        """The source that a picture comes from, and its number in it."""
        part = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._parts[part], index - int(self._starts[part])

    def name(self, index: int) -> str:
        source, at = self.find(index)
        return source.name(at)

    def short_side(self, index: int) -> int:
        source, at = self.find(index)
        return source.short_side(at)

    def view(self, index: int, *, load_px: int, crop_px: int) -> U8:
        source, at = self.find(index)
        return source.view(at, load_px=load_px, crop_px=crop_px)


def fingerprint(source: Source) -> str:
    """What tells one set of pictures from another: their number and names."""
    names = hashlib.sha256()
    for index in range(len(source)):
        names.update(Path(source.name(index)).name.encode("utf-8", "surrogateescape") + b"\0")
    return f"{len(source)}-{names.hexdigest()[:16]}"
