"""Pictures in files of their own: below a folder, or named in a list."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from tintype.data.decode import content_of, decode, short_side
from tintype.data.source import U8, Form
from tintype.errors import DataError, some
from tintype.walk import walk


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
        content, name = self.content(index), self.name(index)
        view, _ = decode(content, load_px=load_px, crop_px=crop_px, name=name)
        return view

    def content(self, index: int) -> bytes:
        return content_of(self._files[index])


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Every file below a folder that ends so, sorted; what is hidden or unfinished is passed over.

    Raises DataError where a folder cannot be read.
    """
    unreadable: list[Path] = []
    found = [
        file
        for file in walk(folder, unreadable.append)
        if file.suffix.lower() in suffixes and file.is_file()
    ]
    if unreadable:
        raise DataError(f"{folder}: cannot be read: {some(unreadable)}.")
    return sorted(found)


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
