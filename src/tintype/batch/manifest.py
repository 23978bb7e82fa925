"""`manifest.jsonl`: what became of each photograph, a line each, as a folder is worked through.

Every process writes to a file of its own; together those of a folder are read as one. Lines are
only ever added, and one that a power cut tore is passed over. Paths are relative to the manifest's
folder, so that they hold on every machine that mounts the disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from threading import Lock

from tintype import files
from tintype.batch.one import Result, exists
from tintype.batch.plan import WHOLE, Item, Shard
from tintype.errors import OutputError

NAME = "manifest.jsonl"
_SHARDS = "manifest.*-of-*.jsonl"


@dataclass(frozen=True)
class Entry:
    """One line. `bytes` and `modified_ns` are the input's, by which it is known unchanged.

    `error` is null for what was colored. A failure with a `sha256` is the photograph's own.
    """

    input: str
    bytes: int
    modified_ns: int
    sha256: str | None
    output: str
    model: str | None
    seconds: float
    error: str | None


def read(path: Path) -> Iterator[Entry]:
    """The entries of one manifest, line by line, oldest first. Raises `OSError`."""
    with path.open("rb") as file:
        for line in file:
            if entry := _parsed(line):
                yield entry


def manifests(folder: Path) -> list[Path]:
    """The manifests of all shards, in a fixed order."""
    return [p for p in (folder / NAME, *sorted(folder.glob(_SHARDS))) if p.is_file()]


class Manifest:
    """What is known of the results in a folder, and what is being added. For use by threads.

    With `overwrite` nothing counts as done; with `retry_failed` what failed counts as not tried.
    Raises `OutputError` where the manifest cannot be read or written, or is somebody else's file.
    """

    def __init__(
        self,
        folder: Path,
        shard: Shard = WHOLE,
        *,
        overwrite: bool = False,
        retry_failed: bool = False,
        read_only: bool = False,
    ) -> None:
        self._folder = folder
        self._retry_failed = retry_failed
        self._lock = Lock()
        name = NAME if shard == WHOLE else f"manifest.{shard.index}-of-{shard.count}.jsonl"
        self._path = folder / name
        self._known: dict[str, Entry] = {}
        try:
            if not overwrite:
                self._read_all()
            if not read_only:
                files.make_folder(folder)
            self._descriptor = None if read_only else self._opened()
        except OSError as error:
            raise files.unwritable(self._path, error) from None

    def close(self) -> None:
        """Close the file; nothing can be added any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)

    def settled(self, item: Item) -> Result | None:
        """What became of an item in an earlier run; None where it is to be tried."""
        entry = self._known.get(self._relative(item.output))
        if entry is None or item.problem or entry.input != self._relative(item.source):
            return None
        try:
            is_same = _is_unchanged(item.source, entry)
        except OSError:
            return None
        if entry.error is not None:
            if not is_same or entry.sha256 is None or self._retry_failed:
                return None
            reason = f"{entry.error} It failed before; --retry-failed tries it again."
            return Result(item, "failed", reason, sha256=entry.sha256)
        if not all(os.path.lexists(path) for path in (item.output, *item.beside)):
            return None
        reason = exists(item.output, None if is_same else item.source)
        return Result(item, "skipped", reason, "", entry.sha256, entry.model)

    def add(self, result: Result, seconds: float) -> None:
        """Note what became of an item; what was skipped is no news. Raises `OutputUnavailable`."""
        if result.status not in ("colored", "failed"):
            return
        assert self._descriptor is not None, "it was opened to be read only"
        try:
            status = result.item.source.stat()
            size, modified_ns = status.st_size, status.st_mtime_ns
        except OSError:
            size = modified_ns = 0
        entry = Entry(
            input=self._relative(result.item.source),
            bytes=size,
            modified_ns=modified_ns,
            sha256=result.sha256,
            output=self._relative(result.item.output),
            model=result.model,
            seconds=round(seconds, 3),
            error=result.reason if result.status == "failed" else None,
        )
        line = json.dumps(asdict(entry)).encode() + b"\n"
        try:
            with self._lock:
                written = os.write(self._descriptor, line)
        except OSError as error:
            raise files.unwritable(self._path, error) from None
        if written < len(line):
            raise files.disk_full(self._path)

    def _read_all(self) -> None:
        for path in manifests(self._folder):
            before = self._known
            own: dict[str, Entry] = {}
            for entry in read(path):
                own[entry.output] = entry
            for output, entry in own.items():  # of another shard: what was colored outweighs
                if output not in before or entry.error is None:
                    before[output] = entry

    def _opened(self) -> int:
        if os.path.lexists(self._path) and not self._is_ours():
            raise OutputError(
                f"{self._path}: is no manifest of tintype.", hint="Name another output."
            )
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        with open(descriptor, "rb", closefd=False) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            if size and file.read(1) != b"\n":  # a line that a power cut tore
                os.write(descriptor, b"\n")
        return descriptor

    def _is_ours(self) -> bool:
        if not self._path.is_file():
            return False
        with self._path.open("rb") as file:
            first = file.readline()  # a single line may be torn
            return not first.endswith(b"\n") or _parsed(first) is not None

    def _relative(self, path: Path) -> str:
        return os.path.relpath(path, self._folder)


def _is_unchanged(source: Path, entry: Entry) -> bool:
    status = source.stat()
    if (status.st_size, status.st_mtime_ns) == (entry.bytes, entry.modified_ns):
        return True
    return status.st_size == entry.bytes and files.sha256_of(source) == entry.sha256


def _parsed(line: bytes) -> Entry | None:
    try:
        found = json.loads(line)
        entry = Entry(**{field.name: found[field.name] for field in fields(Entry)})
    except (ValueError, TypeError, KeyError):  # torn, or not ours
        return None
    return entry if isinstance(entry.output, str) else None
