"""Pictures in files of their own: below a folder, or named in a list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tintype.data.decode import content_of, decode, short_side
from tintype.data.source import U8, Form, some
from tintype.errors import DataError
from tintype.formats import EXTENSIONS

SUFFIXES = frozenset(suffix for kind in EXTENSIONS.values() for suffix in kind)


class FileSource:
    """Pictures, each in its file."""

    form: Form = "rgb"

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = list(files)

    def __len__(self) -> int:
        return len(self._files)

    def name(self, index: int) -> str:
        return str(self._files[index])

    def short_side(self, index: int) -> int:
        return short_side(self._files[index])

    def view(self, index: int, *, load_px: int, crop_px: int) -> U8:
        return decode(self.content(index), load_px=load_px, crop_px=crop_px, name=self.name(index))[
            0
        ]

    def content(self, index: int) -> bytes:
        return content_of(self._files[index])


def pictures_in(folder: Path) -> list[Path]:
    """Every picture below a folder, in sorted order; hidden files are passed over."""
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file()
    ]


def listed(path: Path) -> list[Path]:
    """The pictures that a text file names, one a line, relative to the file's folder."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a list of pictures ({error}).") from None
    files = [path.parent / line.strip() for line in lines if line.strip()]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of its {len(files)} pictures are not there: {some(missing)}.",
            hint="Paths are relative to the folder of the list.",
        )
    return files
