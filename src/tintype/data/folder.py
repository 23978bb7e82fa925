"""A folder of pictures, read in place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tintype.formats import EXTENSIONS

SUFFIXES = frozenset(suffix for kind in EXTENSIONS.values() for suffix in kind)


class FolderSource:
    """Every picture below the given folders, in sorted order; hidden files are passed over."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._files = [
            file
            for folder in folders
            for file in sorted(folder.rglob("*"))
            if file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file()
        ]

    def __len__(self) -> int:
        return len(self._files)

    def read(self, index: int) -> bytes:
        return self._files[index].read_bytes()

    def name(self, index: int) -> str:
        return str(self._files[index])
