"""A folder known by its URL: its files as a stream, read and written whole."""

from __future__ import annotations

import io
import os
import posixpath
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from tintype import files
from tintype.errors import OutputError, PhotoError, TintypeError
from tintype.walk import UNFINISHED, walk

OWN = "_tintype"  # the folder of plan and manifest, in a place for results


@dataclass(frozen=True, slots=True)
class Found:
    """A file below a place: `key` is its path from there, `version` changes with its content."""

    key: str
    bytes: int
    version: str


class Place:
    """What lies below a URL of any file system that fsspec knows; a plain path is one too.

    Credentials and endpoints are looked for where fsspec looks for them. Raises `TintypeError`
    where no file system is known by that name, or its package is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") or url
        try:
            # a listing that is kept would grow with the archive
            self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            raise TintypeError(f"{url}: {_first_line(error)}.") from None
        except ValueError as error:
            raise TintypeError(
                f"{url}: {_first_line(error)}.", hint="Use s3:// or file://."
            ) from None
        self._root: str = root.rstrip("/")
        self._is_local = isinstance(self._fs, LocalFileSystem)
        protocol = self._fs.protocol
        self._is_s3 = "s3" in ((protocol,) if isinstance(protocol, str) else protocol)

    @property
    def is_memory(self) -> bool:
        """Whether no other process sees it."""
        return bool(self._fs.protocol == "memory")

    def url_of(self, key: str) -> str:
        """The URL of a file here."""
        return f"{self.url}/{key}"

    def overlaps(self, other: Place) -> bool:
        """Whether one lies in the other, or both are the same."""
        if self._fs.protocol != other._fs.protocol:
            return False
        own, its = (os.path.realpath(p._root) if p._is_local else p._root for p in (self, other))
        return own == its or own.startswith(its + "/") or its.startswith(own + "/")

    def list(self) -> Iterator[Found]:
        """Every file, but for what is hidden or unfinished, so that prefixes of a name precede it.

        Of S3 a page is held at a time, of others a folder. Raises `PhotoError`.
        """
        with _reading(self.url):
            found = self._pages() if self._is_s3 else self._folders()
            for one in found:
                parts = one.key.split("/")
                if not parts[-1].lower().endswith(UNFINISHED) and not any(
                    part.startswith(".") or part == OWN for part in parts
                ):
                    yield one

    def presence(self, keys: Iterable[str]) -> Callable[[str], bool]:
        """Tells whether there is a file at a key, for one request where S3 is asked for `keys`.

        Raises `OutputError`, and so does what it gives.
        """

        def is_there(key: str) -> bool:
            with _writing(self.url_of(key)):
                return bool(self._fs.exists(self._at(key)))

        first = min(keys, default="")
        if not self._is_s3 or not first:
            return is_there
        bucket, prefix, _ = self._fs.split_path(self._root + "/")
        with _writing(self.url):
            page = self._fs.call_s3(
                "list_objects_v2", Bucket=bucket, Prefix=prefix, StartAfter=prefix + first[:-1]
            )
        listed = [entry["Key"].removeprefix(prefix) for entry in page.get("Contents", ())]
        known = set(listed)
        last = listed[-1].encode() if page.get("IsTruncated") else None
        return lambda key: key in known if last is None or key.encode() <= last else is_there(key)

    def head(self, key: str, count: int) -> bytes:
        """The first bytes of a file. Raises `PhotoError`."""
        with _reading(self.url_of(key)):
            return bytes(self._fs.cat_file(self._at(key), start=0, end=count))

    def fetch(self, key: str, path: Path) -> None:
        """Copy a file to this machine. Raises `PhotoError`."""
        with _reading(self.url_of(key)):
            self._fs.get_file(self._at(key), str(path))

    def read(self, key: str) -> bytes | None:
        """The content of a file of ours; None where there is none. Raises `OutputError`."""
        with _writing(self.url_of(key)):
            try:
                return bytes(self._fs.cat_file(self._at(key)))
            except FileNotFoundError:
                return None

    def store(self, path: Path, key: str, *, overwrite: bool) -> None:
        """Copy a file from this machine, whole or not at all. Raises `OutputError`."""
        with _writing(self.url_of(key)):
            if self._is_local:
                with path.open("rb") as source:
                    self._replace(key, source, overwrite=overwrite)
            else:
                self._fs.put_file(str(path), self._at(key))

    def write(self, key: str, content: bytes) -> None:
        """Write a file of ours, whole or not at all. Raises `OutputError`."""
        with _writing(self.url_of(key)):
            if self._is_local:
                self._replace(key, io.BytesIO(content), overwrite=True)
            else:
                self._fs.pipe_file(self._at(key), content)

    def remove(self, key: str) -> None:
        """Remove a file of ours. Raises `OutputError`."""
        with _writing(self.url_of(key)), suppress(FileNotFoundError):
            self._fs.rm_file(self._at(key))

    def _at(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _replace(self, key: str, source: Any, *, overwrite: bool) -> None:
        path = Path(self._at(key))
        files.make_folder(path.parent)
        with (
            files.replacing(path, overwrite=overwrite) as descriptor,
            open(descriptor, "wb", closefd=False) as file,
        ):
            shutil.copyfileobj(source, file)

    def _pages(self) -> Iterator[Found]:
        bucket, prefix, _ = self._fs.split_path(self._root + "/")
        after: dict[str, str] = {}
        while True:
            page = self._fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, **after)
            for entry in page.get("Contents", ()):
                key = entry["Key"].removeprefix(prefix)
                if key and not key.endswith("/"):  # what some programs leave for a folder
                    yield Found(key, entry["Size"], entry["ETag"].strip('"'))
            if not page.get("IsTruncated"):
                return
            after = {"ContinuationToken": page["NextContinuationToken"]}

    def _folders(self) -> Iterator[Found]:
        if self._is_local:
            root = Path(self._root)
            if not root.is_dir():
                raise NotADirectoryError(None, "there is no such folder")
            for path in walk(root, _unreadable):
                if path.is_file():
                    status = path.stat()
                    key = path.relative_to(root).as_posix()
                    yield Found(key, status.st_size, str(status.st_mtime_ns))
            return
        for folder, _, names in self._fs.walk(self._root, detail=True, on_error="raise"):
            for name, entry in sorted(names.items()):
                key = posixpath.relpath(posixpath.join(folder, name), self._root)
                yield Found(key, entry["size"], _version(entry))


def _version(entry: dict[str, Any]) -> str:
    """What a file system says of a file that changes with its content."""
    for name in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "updated", "created"):
        if entry.get(name):
            return str(entry[name])
    return ""


def _unreadable(folder: Path) -> None:
    raise PermissionError(None, "this folder cannot be read", str(folder))


@contextmanager
def _reading(url: str) -> Iterator[None]:
    try:
        yield
    except (TintypeError, GeneratorExit):
        raise
    except Exception as error:  # each file system has its own
        raise PhotoError(f"{url}: cannot be read: {_first_line(error)}.") from None


@contextmanager
def _writing(url: str) -> Iterator[None]:
    try:
        yield
    except TintypeError:
        raise
    except Exception as error:
        raise OutputError(f"{url}: cannot be written: {_first_line(error)}.") from None


def _first_line(error: Exception) -> str:
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(told).strip().partition("\n")[0].rstrip(".")
