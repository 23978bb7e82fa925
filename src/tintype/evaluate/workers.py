"""The same work on many things, by as many processes as there are cores to use."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from tintype.errors import TintypeError
from tintype.settings import Settings

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def side_by_side(work: Callable[[T], R], tasks: Sequence[T]) -> Iterator[Iterator[R]]:
    """Results in the tasks' order, by as many processes as the settings have threads."""
    processes = min(Settings.from_environment().threads, len(tasks))
    if processes < 2:
        yield map(work, tasks)
        return
    spawn = multiprocessing.get_context("spawn")  # a fork would carry the threads' locks along
    with (
        _one_thread_each(),
        ProcessPoolExecutor(processes, mp_context=spawn, initializer=_follow_parent) as pool,
    ):
        try:
            yield pool.map(work, tasks)
        except BrokenProcessPool:
            raise TintypeError(
                "A process that measured was killed, perhaps for lack of memory.",
                hint="Run again to go on, with TINTYPE_THREADS=1 to need less.",
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start now use one thread each: they are as many as there are cores."""
    names = ("TINTYPE_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _follow_parent() -> None:
    """A run that is interrupted ends its processes itself; one that is killed leaves none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
