"""Uncompressed tar shards: thousands of pictures in a few files, each read by offset."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tintype.data.folder import SUFFIXES
from tintype.errors import DataError


class ShardSource:
    """The pictures of some tar files, in the order of the files. Nothing is unpacked."""

    def __init__(self, shards: Sequence[Path]) -> None:
        self._shards = list(shards)
        rows: list[tuple[int, int, int]] = []
        self._names: list[str] = []
        for number, shard in enumerate(self._shards):
            try:
                with tarfile.open(shard, "r:") as tar:
                    for member in tar:
                        if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                            rows.append((number, member.offset_data, member.size))
                            self._names.append(member.name)
            except tarfile.TarError as error:
                raise DataError(
                    f"{shard}: not an uncompressed tar file ({error}).",
                    hint="Write shards without compression; pictures are compressed already.",
                ) from None
        self._where = np.array(rows, np.int64).reshape(-1, 3)
        self._open: dict[int, int] = {}
        self._pid = os.getpid()

    def __len__(self) -> int:
        return len(self._where)

    def read(self, index: int) -> bytes:
        number, offset, size = (int(v) for v in self._where[index])
        if self._pid != os.getpid():  # a worker opens its own
            self._open, self._pid = {}, os.getpid()
        if number not in self._open:
            self._open[number] = os.open(self._shards[number], os.O_RDONLY)
        return os.pread(self._open[number], size, offset)

    def name(self, index: int) -> str:
        return f"{self._shards[int(self._where[index, 0])].name}/{self._names[index]}"
