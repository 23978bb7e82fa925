"""The files of a folder and of all folders in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

UNFINISHED = ("~", ".tmp", ".part", ".crdownload")


def walk(folder: Path, unreadable: Callable[[Path], object]) -> Iterator[Path]:
    """Every entry that is no folder, folder by folder, each in the order of names.

    What is hidden is passed over, files and folders, and so are unfinished files; links to folders
    are not followed. `unreadable` is told of each folder that cannot be read.
    """

    def tell(error: OSError) -> None:
        unreadable(Path(error.filename))

    for place, below, names in os.walk(folder, onerror=tell):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and not name.lower().endswith(UNFINISHED):
                yield Path(place, name)
