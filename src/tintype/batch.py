"""Many photographs: plan what goes where, color each, tell what became of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Unpack

from tintype.colorizer import Colorizer, save_result
from tintype.errors import OutputError, OutputExists, PhotoError, TintypeError
from tintype.formats import EXTENSIONS, WRITERS, Saving, format_of, written_as, written_for
from tintype.image import Photo
from tintype.provenance import is_our_result
from tintype.walk import walk

RESULT_MARK = ".color"  # photo.jpg -> photo.color.jpg
PICTURE_SUFFIXES = frozenset(suffix for kind in EXTENSIONS.values() for suffix in kind)

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Item:
    """One photograph and where its result goes; `problem` says why it must not be colored."""

    source: Path
    output: Path
    problem: str = ""


@dataclass(frozen=True)
class Result:
    """What became of one item; `reason` says why it was skipped or failed.

    `note` says what the result could not be that its input is.
    """

    item: Item
    status: Literal["colored", "skipped", "failed"]
    reason: str = ""
    note: str = ""


def colorize_one(
    item: Item,
    colorizer: Colorizer,
    *,
    strength: float = 1.0,
    overwrite: bool = False,
    **saving: Unpack[Saving],
) -> Result:
    """Color one item. Whatever fails is told in the result, so that the others go on.

    `overwrite` makes an earlier result anew; a file that is not one is never replaced. `saving` is
    explained at `formats.Saving`.
    """
    try:
        if item.problem:
            raise OutputError(item.problem)
        if item.output.exists() and not overwrite:
            return Result(item, "skipped", f"{item.output} exists")
        photo = Photo.open(item.source)
        if is_our_result(photo):
            return Result(item, "skipped", f"{item.source} was colored by tintype before")
        item.output.parent.mkdir(parents=True, exist_ok=True)
        colored = colorizer(photo, strength=strength)
        save_result(colored, item.output, overwrite=overwrite, **saving)
    except OutputExists:  # another process was faster
        return Result(item, "skipped", f"{item.output} exists")
    except TintypeError as error:
        return Result(item, "failed", str(error))
    except OSError as error:
        where = error.filename or item.output
        return Result(item, "failed", f"{where}: {error.strerror or error}")
    except Exception as error:
        return Result(item, "failed", f"{item.source}: {type(error).__name__}: {error}")
    return Result(item, "colored", note=photo.note(written_as(item.output)))


def plan(
    inputs: Sequence[AnyPath], output: AnyPath | None = None, *, format: str | None = None
) -> Iterator[Item]:
    """What to color and where to, in a fixed order.

    `inputs` are files and folders. A file named here is always in the plan. Of a folder it holds
    what is a picture by its content, or claims to be one by its name; hidden and unfinished files
    and results of tintype are passed over, and links to folders are not followed.

    Without `output` a result lies beside its input, as `photo.color.jpg`. With it, the inputs' tree
    is mirrored there from their common folder; for a single file it may name the file itself.
    `format` is the kind that all results have, by default each its input's, or the nearest.
    Items that would harm an input or fall on another's output carry a `problem`.
    Raises PhotoError for an input without a name, and OutputError for such an output or when
    `output` is a file and a folder is needed.
    """
    if "" in inputs:
        raise PhotoError("an input has no name.", hint="Name a file or a folder.")
    named = [Path(path) for path in inputs]
    sources: dict[str, Path] = {}
    for path in named:
        for source in _files(path):
            sources.setdefault(_place(source), source)
    named_places = {_place(path) for path in named}
    originals = {identity for source in sources.values() if (identity := _identity(source))}
    targets = _Targets(named, output, format)
    taken: dict[Path, Path] = {}
    for place, source in sources.items():
        if place not in named_places and _is_passed_over(source):
            continue
        target = targets.of(source)
        problem = _problem(source, target, originals, taken)
        yield Item(source, target, problem)
        taken.setdefault(target, source)


class _Targets:
    """Where results go."""

    def __init__(self, named: Sequence[Path], output: AnyPath | None, format: str | None) -> None:
        self._format = format
        roots = [_absolute(path if _is_folder(path) else path.parent) for path in named]
        self._common = Path(os.path.commonpath(roots))
        self._folder: Path | None = None
        self._file: Path | None = None
        if output is None:
            return
        if output == "":
            raise OutputError("the output has no name.", hint="Name a file or a folder.")
        path = Path(output)
        says_folder = str(output).endswith(("/", os.sep)) or _is_folder(path)
        if path.suffix and not says_folder and len(named) == 1 and not _is_folder(named[0]):
            if format and WRITERS.get(path.suffix.lower(), format) != format:
                raise OutputError(f"{path}: goes by the name of another format than {format}.")
            self._file = path
        elif stat.S_ISREG(_mode(path)) or (
            path.suffix.lower() in PICTURE_SUFFIXES and not says_folder
        ):
            raise OutputError(
                f"{path}: this names a file, but there may be several results.",
                hint="Name a folder.",
            )
        # in the inputs' own folder they would fall on the inputs: there they lie beside
        elif _identity(path) != _identity(self._common):
            self._folder = path

    def of(self, source: Path) -> Path:
        if self._file:
            return self._file
        if self._folder is None:
            return source.with_name(_result_name(source, self._format, RESULT_MARK))
        branch = _absolute(source).parent.relative_to(self._common)
        return self._folder / branch / _result_name(source, self._format)


def _result_name(source: Path, format: str | None, mark: str = "") -> str:
    """The input's name, its suffix kept where it tells what the result is, else added to."""
    kind = _kind(source)
    written = format or written_for(kind)
    if kind is None or WRITERS.get(source.suffix.lower()) == written:
        return f"{source.stem}{mark}{source.suffix}"
    return f"{source.name}{mark}{EXTENSIONS[written][0]}"


def _kind(source: Path) -> str | None:
    # opening a pipe would wait for who writes to it
    return format_of(source) if stat.S_ISREG(_mode(source)) else None


def _files(path: Path) -> Iterator[Path]:
    """The path itself, or what is in the folder and below; then the folders that cannot be read."""
    if not _is_folder(path):
        yield path
        return
    unreadable: list[Path] = []
    yield from walk(path, unreadable.append)
    yield from unreadable


def _is_passed_over(source: Path) -> bool:
    mode = _mode(source)
    if not stat.S_ISREG(mode):
        return not stat.S_ISDIR(mode)  # pipes, dead links; folders are those that cannot be read
    if _kind(source) is None:  # or it cannot be read
        return source.suffix.lower() not in PICTURE_SUFFIXES
    return is_our_result(source)


def _problem(
    source: Path, target: Path, originals: set[tuple[int, int]], taken: dict[Path, Path]
) -> str:
    try:
        mode = source.stat().st_mode
    except OSError as error:
        return f"{source}: cannot be read: {error.strerror}."
    if stat.S_ISDIR(mode):
        return f"{source}: this folder cannot be read."
    if not stat.S_ISREG(mode):
        return f"{source}: not a file."
    if target in taken:
        return f"{source}: its result would fall on that of {taken[target]}, {target}."
    standing = _identity(target)
    if standing == _identity(source):
        return f"{source}: the output is the input itself; originals are never replaced."
    if standing in originals and not is_our_result(target):
        return f"{source}: the output {target} is one of the inputs, which are never replaced."
    return ""


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _mode(path: Path) -> int:
    """Kind and permissions of a file, as `stat` has them; 0 if it is not there."""
    status = _status(path)
    return status.st_mode if status else 0


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(_mode(path))


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode: the same by every path to the same file. None if it is not there."""
    status = _status(path)
    return (status.st_dev, status.st_ino) if status else None


def _place(path: Path) -> str:
    """The same for every way to name an entry of a folder; a link is an entry of its own."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links
