"""Ctrl-C, SIGTERM and a closed terminal: the step is ended, the run saved, and then it stops."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, NoReturn

from tintype.data.loader import SIGNALS


class Interrupt:
    """Remembers the first signal for the loop to see; the second one acts at once."""

    def __init__(self) -> None:
        self.came = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():  # others get no signals
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._remember)
        return self

    def _remember(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.came = number
        self._restore()

    def act(self) -> NoReturn:
        """Do what the signal would have done at once."""
        self._restore()
        signal.raise_signal(self.came or signal.SIGINT)
        raise KeyboardInterrupt

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()
