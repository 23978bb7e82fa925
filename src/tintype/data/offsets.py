"""Parts of large files, read where they lie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tintype.errors import DataError


class Parts:
    """Reads bytes of some files by offset. Each process opens its own descriptors.

    Unlike mapped memory, what was read does not stay with the process, and a file that is shorter
    than it was, or a disk that fails, is an error instead of a signal that kills.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = list(files)
        self._open: dict[int, int] = {}
        self._pid = os.getpid()

    def read(self, number: int, offset: int, size: int) -> bytes:
        """`size` bytes of file `number`. Raises DataError where there are fewer."""
        if self._pid != os.getpid():
            self._open, self._pid = {}, os.getpid()
        try:
            if number not in self._open:
                self._open[number] = os.open(self._files[number], os.O_RDONLY)
            content = os.pread(self._open[number], size, offset)
        except OSError as error:
            raise DataError(f"{self._files[number]}: cannot be read: {error.strerror}.") from None
        if len(content) < size:
            raise DataError(f"{self._files[number]}: it ends before byte {offset + size}.")
        return content
