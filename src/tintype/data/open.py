"""From paths to a source: which form is where, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tintype.data.files import FileSource, files_in, listed
from tintype.data.npy import NpySource, arrays_in
from tintype.data.paired import Pair, PairedSource, paired_folders
from tintype.data.shards import ShardSource
from tintype.data.source import Form, Joined, Source
from tintype.errors import DataError, some
from tintype.formats import PICTURE_SUFFIXES
from tintype.recipe.data import DataSpec

ALL = DataSpec()
"""Every picture, in whatever form it is."""


def open_sources(paths: Sequence[Path], spec: DataSpec = ALL) -> Source:
    """One source over every path, all of one form.

    A path is a folder (of pictures and tar shards, of arrays, or of two folders of pairs), a tar
    shard, or a .txt list of pictures. Raises DataError where there is no picture, where the forms
    differ, and for what is wrong with any of them.
    """
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder.")
    forms = [form_of(path) if spec.form == "auto" else spec.form for path in paths]
    for path, form in zip(paths, forms, strict=True):
        if form != forms[0]:
            raise DataError(
                f"{paths[0]} holds {_TOLD[forms[0]]}, {path} {_TOLD[form]}: no one set."
            )
    opened: Sequence[Source]
    if forms[0] == "lab":
        opened = [NpySource(path) for path in paths]
    elif forms[0] == "pair":
        opened = [PairedSource([_pair(path) for path in paths])]
    else:
        opened = pictures_at(paths)
    parts = [part for part in opened if len(part)]
    if not parts:
        raise DataError(f"{some(paths)}: no pictures in it.")
    return parts[0] if len(parts) == 1 else Joined(parts)


def form_of(path: Path) -> Form:
    """The form of what lies at a path. Raises DataError where that is unclear or nothing."""
    if path.is_dir():
        if paired_folders(path):
            return "pair"
        if not arrays_in(path):
            return "rgb"
        if files_in(path, PICTURE_SUFFIXES):
            raise DataError(
                f"{path}: it holds pictures and .npy arrays.",
                hint="Say which are meant: --set data.form=rgb or --set data.form=lab",
            )
        return "lab"
    if path.suffix in (".tar", ".txt"):
        return "rgb"
    raise DataError(
        f"{path}: not a tar file, a list (.txt) or a folder.",
        hint="Give shards, a list of pictures, or a folder of pictures or .npy arrays.",
    )


_TOLD: dict[Form, str] = {"rgb": "pictures", "lab": "arrays", "pair": "pairs of pictures"}


def pictures_at(paths: Sequence[Path]) -> list[ShardSource | FileSource]:
    """The pictures in shards and those in files of their own."""
    shards: list[Path] = []
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            shards += files_in(path, [".tar"])
            files += files_in(path, PICTURE_SUFFIXES)
        elif path.suffix == ".tar":
            shards.append(path)
        else:
            files += listed(path)
    return [ShardSource(shards), FileSource(files)]


def _pair(path: Path) -> Pair:
    folders = paired_folders(path)
    if folders is None:
        raise DataError(
            f"{path}: no pair of folders in it.",
            hint="Color pictures belong in color/, gray ones of the same names in gray/.",
        )
    return folders
