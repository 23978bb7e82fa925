"""This machine's cores: one photograph decodes while another is colored and a third is written."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Condition, Lock
from typing import NamedTuple, Protocol

from tintype import batch, files
from tintype.batch import Item, Manifest, Result
from tintype.batch.one import Room
from tintype.errors import OutputUnavailable

PIXELS_PER_JOB = 25_000_000  # on average; what is larger takes the room of others


class Work(Protocol):
    """`colorize_one` with everything but the item settled."""

    def __call__(self, item: Item, *, room: Room) -> Result: ...


class Done(NamedTuple):
    """What became of an item, and in how many seconds."""

    result: Result
    seconds: float


def run(
    items: Iterable[Item], work: Work, *, jobs: int, manifest: Manifest | None = None
) -> Generator[Done]:
    """Do the work on every item, `jobs` at a time; results come as they are done.

    Items are taken as they are needed, and all who work share a room of pixels, so that memory
    does not grow with the number of photographs or their size. What `manifest` holds is not done
    again, and what was done is added to it at once.

    Left in the middle, by an exception or `close`, it begins nothing more and waits for what it
    has begun. Raises `OutputUnavailable` after that, where no more results can be written, and
    `OutputError` where the folder for all results cannot be made.
    """
    room = _SharedRoom(jobs * PIXELS_PER_JOB)

    def one(item: Item) -> Done:
        start_s = time.monotonic()
        if manifest and (known := manifest.settled(item)):
            return Done(known, 0.0)
        result = work(item, room=room)
        done = Done(result, time.monotonic() - start_s)
        if manifest:
            manifest.add(*done)
        return done

    stopped: OutputUnavailable | None = None
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="colorize")
    begun: set[Future[Done]] = set()
    remaining = _with_roots(items)
    try:
        while True:
            while len(begun) < 2 * jobs and (item := next(remaining, None)):
                begun.add(pool.submit(one, item))
            if not begun:
                break
            ended, begun = wait(begun, return_when=FIRST_COMPLETED)
            for future in ended:
                try:
                    yield future.result()
                except CancelledError:
                    pass
                except OutputUnavailable as error:
                    stopped = stopped or error
                    remaining = iter(())
                    for waiting in begun:
                        waiting.cancel()
    finally:
        pool.shutdown(cancel_futures=True)
    if stopped:
        raise stopped


def foresee(
    items: Iterable[Item], manifest: Manifest | None = None, *, overwrite: bool = False
) -> Generator[Done]:
    """What `run` would do, as far as the heads of the photographs' files tell."""
    for item in items:
        result = manifest.settled(item) if manifest else None
        result = result or batch.foresee(item, overwrite=overwrite)
        yield Done(batch.glance(item) if result.status == "planned" else result, 0.0)


def _with_roots(items: Iterable[Item]) -> Iterator[Item]:
    """The items, the folder for all results being made before the first that needs it."""
    made = set()
    for item in items:
        if item.root and item.root not in made:
            files.make_folder(item.root)
            made.add(item.root)
        yield item


class _SharedRoom:
    """Room for so many pixels at a time, given in the order of asking.

    A photograph that is larger than all of it has it alone.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._used = 0
        self._turn = Lock()
        self._freed = Condition()

    @contextmanager
    def __call__(self, pixels: int) -> Iterator[None]:
        with self._turn, self._freed:  # while one waits for its room, the next waits for its turn
            self._freed.wait_for(lambda: not self._used or self._used + pixels <= self._pixels)
            self._used += pixels
        try:
            yield
        finally:
            with self._freed:
                self._used -= pixels
                self._freed.notify_all()
