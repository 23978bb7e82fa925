"""Uncompressed tar shards: thousands of pictures in a few files, each read by offset."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tintype.data.decode import decode, short_side
from tintype.data.offsets import Parts
from tintype.data.source import U8, Form
from tintype.errors import DataError
from tintype.formats import PICTURE_SUFFIXES


class ShardSource:
    """The pictures of some tar files, in the order of the files. Nothing is unpacked."""

    form: Form = "rgb"

    def __init__(self, shards: Sequence[Path]) -> None:
        self._shards = list(shards)
        rows: list[tuple[int, int, int]] = []
        self._names: list[str] = []
        for number, shard in enumerate(self._shards):
            try:
                with tarfile.open(shard, "r:") as tar:
                    for member in tar:
                        if member.isfile() and Path(member.name).suffix.lower() in PICTURE_SUFFIXES:
                            rows.append((number, member.offset_data, member.size))
                            self._names.append(member.name)
            except (tarfile.TarError, OSError) as error:
                raise DataError(
                    f"{shard}: not an uncompressed tar file ({error}).",
                    hint="Write shards without compression; pictures are compressed already.",
                ) from None
        self._where = np.array(rows, np.int64).reshape(-1, 3)
        self._parts = Parts(self._shards)

    def __len__(self) -> int:
        return len(self._where)

    def name(self, index: int) -> str:
        return f"{self._shards[int(self._where[index, 0])].name}/{self._names[index]}"

    def short_side(self, index: int) -> int:
        try:
            return short_side(self.content(index))
        except DataError:
            return 0

    def view(self, index: int, *, load_px: int, crop_px: int) -> U8:
        content, name = self.content(index), self.name(index)
        view, _ = decode(content, load_px=load_px, crop_px=crop_px, name=name)
        return view

    def content(self, index: int) -> bytes:
        number, offset, size = (int(v) for v in self._where[index])
        return self._parts.read(number, offset, size)
