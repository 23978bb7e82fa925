"""What is colored and where its result goes: a stream of items, the same on every machine."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tintype.errors import OutputError, PhotoError
from tintype.formats import (
    EXTENSIONS,
    PICTURE_SUFFIXES,
    WRITERS,
    check_name,
    format_of,
    written_for,
)
from tintype.provenance import is_our_result
from tintype.walk import walk

RESULT_MARK = ".color"  # photo.jpg -> photo.color.jpg
COMPARE_MARK = ".compare.jpg"  # photo.jpg -> photo.jpg.compare.jpg
CONFIDENCE_MARK = ".confidence.jpg"

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Item:
    """One photograph and where its result goes; `problem` says why it must not be colored.

    `root` is the folder that holds all results and is never made anew, where there is one;
    `compare` is where a before/after picture goes, and `confidence` one of how sure the model is,
    if they are wanted; `twin` is another item's output whose path differs in nothing but case.
    `variant` is 0 for the model's own coloring, and counts the others from 1.
    """

    source: Path
    output: Path
    problem: str = ""
    root: Path | None = None
    compare: Path | None = None
    confidence: Path | None = None
    twin: Path | None = None
    variant: int = 0

    @property
    def beside(self) -> list[Path]:
        """What is made beside the output."""
        return [path for path in (self.compare, self.confidence) if path]


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of a plan, from 1: together they are the whole, and none overlap."""

    index: int = 1
    count: int = 1

    def holds(self, source: Path) -> bool:
        """Whether a photograph is in this part, by its path below the inputs' common folder.

        Whatever could fall on the same output is in the same part: the name counts up to its first
        dot, and case does not.
        """
        if self.count == 1:
            return True
        stem = source.name.partition(".")[0] or source.name
        key = os.fsencode(_folded(source.parent / stem))
        return int.from_bytes(hashlib.sha256(key).digest()[:8]) % self.count == self.index - 1


WHOLE = Shard()


def plan(
    inputs: Sequence[AnyPath],
    output: AnyPath | None = None,
    *,
    format: str | None = None,
    shard: Shard = WHOLE,
    compare: bool = False,
    confidence: bool = False,
    variants: int = 1,
) -> Iterator[Item]:
    """What to color and where to, in a fixed order.

    `inputs` are files and folders. A file named here is always in the plan. Of a folder it holds
    what is a picture by its content, or claims to be one by its name; hidden and unfinished files
    and results of tintype are passed over, and links to folders are not followed.

    Without `output` a result lies beside its input, as `photo.color.jpg`. With it, the inputs' tree
    is mirrored there from their common folder; for a single file it may name the file itself.
    `format` is the kind that all results have, by default each its input's, or the nearest. Of the
    whole plan only `shard` is given, and each item has a place to `compare` and one for the
    `confidence` if they are wanted. Of each photograph there are so many `variants`, all but the
    first with their number in the name, as `photo.color-2.jpg`.
    Items that would harm an input or fall on another's output carry a `problem`.
    Raises PhotoError for an input without a name, and OutputError for such an output or when
    `output` is a file and a folder is needed.
    """
    targets = _Targets(inputs, output, format)
    closed: list[Path] = []
    found: dict[str, _Seen] = {}
    place_of = _Places()
    for path in targets.named:
        for source in walk(path, closed.append) if _is_folder(path) else (path,):
            place = place_of(source)
            if place not in found:
                found[place] = _Seen.at(source)
    named_places = {place_of(path) for path in targets.named}
    originals = {seen.identity for seen in found.values() if seen.identity}
    taken: dict[Path, Path] = {}
    folded: dict[str, Path] = {}
    for place, seen in found.items():
        source = seen.source
        if not shard.holds(targets.branch(source)):
            continue
        kind = seen.kind()
        if place not in named_places and _is_passed_over(seen, kind):
            continue
        first = targets.of(source, kind)
        for variant in range(variants):
            target = _numbered(first, variant) if variant else first
            beside = partial(targets.beside_of, source, target, variant)
            item = Item(
                source,
                target,
                root=targets.folder,
                compare=beside(COMPARE_MARK) if compare else None,
                confidence=beside(CONFIDENCE_MARK) if confidence and not variant else None,
                variant=variant,
            )
            places = [target, *item.beside]
            problems = (_problem(seen, path, originals, taken) for path in places)
            twin = folded.setdefault(_folded(target), target)
            yield replace(
                item,
                problem=next(filter(None, problems), ""),
                twin=twin if twin != target else None,
            )
            for path in places:
                taken.setdefault(path, source)
    for folder in closed:
        if shard.holds(targets.branch(folder)):
            problem = f"{folder}: this folder cannot be read."
            yield Item(folder, targets.beside(folder), problem, targets.folder)


def destination(inputs: Sequence[AnyPath], output: AnyPath | None) -> Path | None:
    """The folder of their own that the results go to; None where they lie beside their inputs.

    Raises as `plan` does.
    """
    return _Targets(inputs, output).folder


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the system said of a source when it was found; `mode` is 0 where it said `error`."""

    source: Path
    mode: int = 0
    identity: tuple[int, int] | None = None
    error: str = ""

    @classmethod
    def at(cls, source: Path) -> _Seen:
        try:
            status = source.stat()
        except OSError as error:
            return cls(source, error=error.strerror or str(error))
        return cls(source, status.st_mode, (status.st_dev, status.st_ino))

    def kind(self) -> str | None:
        """The kind of file by its content; opening a pipe would wait for who writes to it."""
        return format_of(self.source) if stat.S_ISREG(self.mode) else None


class _Places:
    """The same for every way to name an entry of a folder; a link is an entry of its own."""

    def __init__(self) -> None:
        self._real: dict[Path, str] = {}

    def __call__(self, path: Path) -> str:
        folder = path.parent
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        return os.path.join(self._real[folder], path.name)  # noqa: PTH118


class _Targets:
    """Where results go."""

    def __init__(
        self, inputs: Sequence[AnyPath], output: AnyPath | None, format: str | None = None
    ) -> None:
        if "" in inputs:
            raise PhotoError("an input has no name.", hint="Name a file or a folder.")
        self.named = named = [Path(path) for path in inputs]
        self.folder: Path | None = None
        self._file: Path | None = None
        self._format = format
        self._mirrored: dict[Path, Path] = {}
        roots = [_absolute(path if _is_folder(path) else path.parent) for path in named]
        self._common = Path(os.path.commonpath(roots))
        if output is None:
            return
        if output == "":
            raise OutputError("the output has no name.", hint="Name a file or a folder.")
        path = Path(output)
        says_folder = str(output).endswith(("/", os.sep)) or _is_folder(path)
        if path.suffix and not says_folder and len(named) == 1 and not _is_folder(named[0]):
            check_name(path, format)
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
            self.folder = path

    def of(self, source: Path, kind: str | None) -> Path:
        if self._file:
            return self._file
        if self.folder is None:
            return source.with_name(result_name(source, kind, self._format, RESULT_MARK))
        parent = source.parent
        if parent not in self._mirrored:
            self._mirrored[parent] = self.folder / self.branch(parent)
        return self._mirrored[parent] / result_name(source, kind, self._format)

    def beside(self, source: Path) -> Path:
        """The mirrored path of what is no picture."""
        return self.folder / self.branch(source) if self.folder else source

    def beside_of(self, source: Path, target: Path, variant: int, mark: str) -> Path:
        name = target.name if self._file or self.folder or variant else source.name
        return target.with_name(name + mark)

    def branch(self, source: Path) -> Path:
        """The path below the common folder of the inputs."""
        return _absolute(source).relative_to(self._common)


def result_name(source: Path, kind: str | None, format: str | None, mark: str = "") -> str:
    """The input's name, its suffix kept where it tells what the result is, else added to.

    `kind` is that of the input, `format` that of the result, by default the nearest to `kind`.
    """
    written = format or written_for(kind)
    if kind is None or WRITERS.get(source.suffix.lower()) == written:
        return f"{source.stem}{mark}{source.suffix}"
    return f"{source.name}{mark}{EXTENSIONS[written][0]}"


def _numbered(path: Path, variant: int) -> Path:
    """photo.jpg and photo.color.jpg -> photo.color-2.jpg: never what another photograph gets."""
    return path.with_stem(f"{path.stem.removesuffix(RESULT_MARK)}{RESULT_MARK}-{variant + 1}")


def _is_passed_over(seen: _Seen, kind: str | None) -> bool:
    if seen.mode and not stat.S_ISREG(seen.mode):
        return True
    if kind is None:  # no picture, or it leads nowhere, is gone, cannot be read
        return seen.source.suffix.lower() not in PICTURE_SUFFIXES
    return is_our_result(seen.source)


def _problem(
    seen: _Seen, target: Path, originals: set[tuple[int, int]], taken: dict[Path, Path]
) -> str:
    source = seen.source
    if seen.error:
        return f"{source}: cannot be read: {seen.error}."
    if not stat.S_ISREG(seen.mode):
        return f"{source}: not a file."
    if target in taken:
        return f"{source}: its result would fall on that of {taken[target]}, {target}."
    standing = _identity(target)
    if standing == seen.identity:
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


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links


def _folded(path: Path) -> str:
    """A path as a disk sees it that does not tell upper from lower case."""
    return unicodedata.normalize("NFC", str(path)).casefold()
