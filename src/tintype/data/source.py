"""What a source of training pictures is, and how one is opened from a path."""

from __future__ import annotations

import hashlib
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
    """One source over every path: tar shards, and folders of pictures and shards."""
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
            shards += sorted(path.rglob("*.tar"))
            folders.append(path)
        else:
            raise DataError(
                f"{path}: not a tar file or a folder.", hint="Give shards or a folder of pictures."
            )
    source = Joined([ShardSource(shards), FolderSource(folders)])
    if not len(source):
        raise DataError(f"{', '.join(map(str, paths))}: no pictures in it.")
    return source


def fingerprint(source: Source) -> str:
    """What tells one set of pictures from another: their number and names."""
    names = hashlib.sha256()
    for index in range(len(source)):
        names.update(Path(source.name(index)).name.encode() + b"\0")
    return f"{len(source)}-{names.hexdigest()[:16]}"


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
