"""Batches by position.

The picture at position p is a pure function of (seed, p), p counted in images over the stage:
which picture, which crop, whether it is mirrored. So a resumed run needs no loader state, and the
number of workers and of devices changes nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tintype.data.source import IndexArray, Source
from tintype.errors import DataError

SIGNALS = [
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no last one
    if (number := getattr(signal, name, None)) is not None
]
"""What ends a run; the workers that load pictures leave it to the trainer."""

TRIES = 10
"""Damaged pictures in a row that are passed over before training gives up."""
UNDAMAGED = -1


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
        """(C, crop_px, crop_px) uint8 of the source's form, and the number of a damaged picture
        that was passed over, or UNDAMAGED."""
        damaged = UNDAMAGED
        for attempt in range(TRIES):
            index = self.index(position, attempt)
            try:
                view = self.source.view(index, load_px=self._load_px, crop_px=self._crop_px)
                break
            except DataError as error:
                damaged, problem = index, error
        else:
            raise DataError(
                f"{TRIES} pictures one after the other cannot be read, the last: {problem.message}",
                hint="Is the disk all there? Remove the pictures that are damaged.",
            )
        draw = np.random.Generator(np.random.Philox(key=[self._seed, position]))
        left = int(draw.integers(view.shape[1] - self._crop_px + 1))
        top = int(draw.integers(view.shape[0] - self._crop_px + 1))
        crop = view[top : top + self._crop_px, left : left + self._crop_px]
        if draw.random() < 0.5:
            crop = crop[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))), damaged


def batches(
    crops: Crops,
    *,
    first: int,
    last: int,
    batch_images: int,
    workers: int,
    rank: int = 0,
    world: int = 1,
) -> Generator[tuple[Tensor, Tensor]]:
    """(N, C, H, W) uint8 batches of the positions first..last; a tail that fills none is cut.

    Of each batch of `batch_images` every one of `world` ranks gets its own N rows, its equal share.
    With them come the numbers (N,) of damaged pictures that were passed over, or UNDAMAGED. Close
    it: that ends the workers.
    """
    share = batch_images // world
    starts = range(first, last - batch_images + 1, batch_images)
    loader = DataLoader(
        crops,
        batch_sampler=([*range(s + rank * share, s + (rank + 1) * share)] for s in starts),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_leave_signals_to_the_trainer,
    )
    stream = iter(loader)
    try:
        yield from stream
    except DataError as error:  # a worker's comes with its traceback in front
        said = str(error).splitlines()[-1]
        raise DataError(said.removeprefix(f"{DataError.__module__}.DataError: ")) from None
    finally:
        if workers:  # they leave SIGTERM to the trainer, so they are told to end, whatever happened
            stream._shutdown_workers()  # type: ignore[attr-defined]


def _leave_signals_to_the_trainer(_: int) -> None:
    """A terminal or a job's end tells every process; the trainer ends its step and its workers."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
