"""Batches by position.

The picture at position p is a pure function of (seed, p), p counted in images over the stage:
which picture, which crop, whether it is mirrored. So a resumed run needs no loader state, and the
number of workers changes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from tintype.data.source import Source
from tintype.errors import DataError

IndexArray = NDArray[np.int64]

TRIES = 10
"""Damaged pictures in a row that are passed over before training gives up."""
UNDAMAGED = -1

_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def decode(data: bytes, *, load_px: int, crop_px: int, name: str) -> Image.Image:
    """The upright RGB picture, its short side at `load_px`, or less where it has less, at least
    `crop_px`. Raises DataError for what is no whole picture of 8 bits a channel."""
    try:
        file = Image.open(io.BytesIO(data))
        if file.mode[0] in "IF":
            raise ValueError("gray of more than 8 bits")
        file.draft("RGB", (load_px, load_px))
        image = ImageOps.exif_transpose(file).convert("RGB")
    except _UNREADABLE as error:
        raise DataError(f"{name}: not a whole picture ({error}).") from None
    side = max(min(load_px, min(image.size)), crop_px)
    scale = side / min(image.size)
    size = (max(side, round(image.width * scale)), max(side, round(image.height * scale)))
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


class Crops(Dataset[tuple[Tensor, int]]):
    """Random crops of a source's pictures, by position."""

    def __init__(
        self, source: Source, keep: IndexArray, *, seed: int, load_px: int, crop_px: int
    ) -> None:
        self.source, self.keep, self._seed = source, keep, seed
        self._load_px, self._crop_px = load_px, crop_px
        self._epoch = -1
        self._order: IndexArray = keep

    def index(self, position: int, attempt: int = 0) -> int:
        """Which picture of the source stands at a position: a fresh seeded order every epoch.

        A later attempt gives the pictures that follow in that order.
        """
        epoch, at = divmod(position, len(self.keep))
        if epoch != self._epoch:
            self._order = np.random.default_rng((self._seed, 0, epoch)).permutation(self.keep)
            self._epoch = epoch
        return int(self._order[(at + attempt) % len(self._order)])

    def __getitem__(self, position: int) -> tuple[Tensor, int]:
        """(3, crop_px, crop_px) uint8 RGB, and the number of a damaged picture passed over."""
        damaged = UNDAMAGED
        for attempt in range(TRIES):
            index = self.index(position, attempt)
            name = self.source.name(index)
            try:
                image = decode(
                    self.source.read(index),
                    load_px=self._load_px,
                    crop_px=self._crop_px,
                    name=name,
                )
                break
            except (DataError, OSError):
                damaged = index
        else:
            raise DataError(
                f"{name} and the {TRIES - 1} pictures before it cannot be read.",
                hint="Is the disk all there? Remove the pictures that are damaged.",
            )
        draw = np.random.Generator(np.random.Philox(key=[self._seed, position]))
        left = int(draw.integers(image.width - self._crop_px + 1))
        top = int(draw.integers(image.height - self._crop_px + 1))
        crop = image.crop((left, top, left + self._crop_px, top + self._crop_px))
        rgb = np.asarray(crop)
        if draw.random() < 0.5:
            rgb = rgb[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))), damaged


def batches(
    crops: Crops, *, first: int, last: int, batch_images: int, workers: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """(N, 3, H, W) uint8 batches of the positions first..last; a tail that fills none is cut.

    With each come the numbers (N,) of damaged pictures that were passed over, or UNDAMAGED.
    """
    loader = DataLoader(
        crops,
        batch_size=batch_images,
        sampler=range(first, last),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        drop_last=True,
    )
    try:
        yield from loader
    except DataError as error:  # a worker's comes with its traceback in front
        said = str(error).splitlines()[-1]
        raise DataError(said.removeprefix(f"{DataError.__module__}.DataError: ")) from None


def short_sides(source: Source) -> IndexArray:
    """The short side of every picture in px, from its header; 0 where it cannot be read."""
    sides = np.zeros(len(source), np.int64)
    for i in tqdm(range(len(source)), unit="img", desc="sizes", disable=None):
        try:
            sides[i] = min(Image.open(io.BytesIO(source.read(i))).size)
        except _UNREADABLE:
            continue
    return sides


def split_holdout(count: int, holdout: int, seed: int) -> tuple[IndexArray, IndexArray]:
    """Numbers to train on, sorted, and numbers held out: a seeded draw."""
    if holdout >= count:
        raise DataError(
            f"{count} pictures are too few: {holdout} are held out for the sheets.",
            hint=f"Add pictures, or hold out fewer: --set holdout_images={max(count // 4, 1)}",
        )
    order = np.random.default_rng((seed, 1)).permutation(count)
    return np.sort(order[holdout:]), np.sort(order[:holdout])
