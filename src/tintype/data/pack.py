"""Tar shards out of folders: one large file reads faster than a thousand small ones."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from PIL import Image
from tqdm import tqdm

from tintype.data.files import FileSource
from tintype.data.open import form_of, pictures_at
from tintype.data.shards import ShardSource
from tintype.errors import DataError
from tintype.files import new_folder
from tintype.settings import Settings

JPEG_QUALITY = 95
_AHEAD = 64
"""Pictures that are worked on at once; what is done waits in memory to be written in order."""


@dataclass
class Packed:
    """What was written: shards, pictures, and the damaged ones that were left out."""

    shards: int = 0
    pictures: int = 0
    damaged: list[str] = field(default_factory=list)


def pack(source: Path, out: Path, *, short_px: int | None, per_shard: int) -> Packed:
    """Write the pictures at `source` into shards in the new folder `out`.

    As they are; or, with `short_px`, as upright JPEG with the short side at most that, at quality
    95 and full chroma, damaged ones left out. The same pictures give the same bytes. The folder
    appears whole or not at all. Raises DataError, OutputExists, OutputError.
    """
    if not source.exists():
        raise DataError(f"{source}: no such file or folder.")
    if form_of(source) != "rgb":
        raise DataError(
            f"{source}: only pictures are packed.",
            hint="Pairs of folders and arrays are trained on where they lie.",
        )
    parts = pictures_at([source])
    count = sum(len(part) for part in parts)
    if not count:
        raise DataError(f"{source}: no pictures in it.")
    packed = Packed()
    bar = tqdm(total=count, unit="img", desc="packing", disable=None, leave=False)
    with new_folder(out) as folder, bar:
        tar: tarfile.TarFile | None = None
        try:
            for name, content in _contents(parts, short_px):
                bar.update()
                if isinstance(content, DataError):
                    packed.damaged.append(content.message)
                    continue
                if packed.pictures % per_shard == 0:
                    if tar is not None:
                        tar.close()
                    tar = tarfile.open(folder / f"{packed.shards:05d}.tar", "w")  # noqa: SIM115
                    packed.shards += 1
                assert tar is not None
                info = tarfile.TarInfo(f"{packed.pictures:08d}/{name}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
                packed.pictures += 1
        finally:
            if tar is not None:
                tar.close()
        if not packed.pictures:
            raise DataError(f"{source}: none of its {count} pictures can be read.")
    return packed


def _contents(
    parts: list[ShardSource | FileSource], short_px: int | None
) -> Iterator[tuple[str, bytes | DataError]]:
    """Names and contents of all pictures, in order."""

    def one(where: tuple[ShardSource | FileSource, int]) -> tuple[str, bytes | DataError]:
        part, index = where
        name = PurePath(part.name(index))
        try:
            if short_px is None:
                return name.name, part.content(index)
            view = part.view(index, load_px=short_px, crop_px=1)
        except DataError as error:
            return name.name, error
        buffer = io.BytesIO()
        Image.fromarray(view).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        return f"{name.stem}.jpg", buffer.getvalue()

    places = [(part, index) for part in parts for index in range(len(part))]
    with ThreadPoolExecutor(Settings.from_environment().threads) as pool:
        for first in range(0, len(places), _AHEAD):
            yield from pool.map(one, places[first : first + _AHEAD])
