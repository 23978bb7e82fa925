"""What a source of training pictures is, and how one is opened from a path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tintype.errors import DataError


class Source(Protocol):
    """Pictures by number. Safe to hand to worker processes."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> bytes:
        """The encoded picture, as it lies in its file."""

    def name(self, index: int) -> str:
        """A name for messages and sheets."""


def open_sources(paths: Sequence[Path]) -> Source:
    """One source over every path: folders of tar shards, single tar files, folders of pictures."""
    from tintype.data.folder import FolderSource
    from tintype.data.shards import ShardSource

    shards: list[Path] = []
    folders: list[Path] = []
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder.")
        if path.is_file() and path.suffix == ".tar":
            shards.append(path)
        elif path.is_dir():
            tars = sorted(path.glob("*.tar"))
            shards += tars
            if not tars:
                folders.append(path)
        else:
            raise DataError(
                f"{path}: not a tar file or a folder.", hint="Give shards or a folder of pictures."
            )
    parts: list[Source] = []
    if shards:
        parts.append(ShardSource(shards))
    if folders:
        parts.append(FolderSource(folders))
    source = parts[0] if len(parts) == 1 else Joined(parts)
    if not len(source):
        raise DataError(f"{', '.join(map(str, paths))}: no pictures in it.")
    return source


class Joined:
    """Several sources, one after the other."""

    def __init__(self, parts: Sequence[Source]) -> None:
        self._parts = list(parts)
        self._starts: NDArray[np.int64] = np.cumsum([0, *(len(p) for p in self._parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _find(self, index: int) -> tuple[Source, int]:
        part = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._parts[part], index - int(self._starts[part])

    def read(self, index: int) -> bytes:
        source, at = self._find(index)
        return source.read(at)

    def name(self, index: int) -> str:
        source, at = self._find(index)
        return source.name(at)
