"""A folder known by its URL: its files as a stream, read and written whole."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from tintype import files
from tintype.errors import OutputError, OutputUnavailable, PhotoError, TintypeError
from tintype.walk import UNFINISHED, walk

OWN = "_tintype"  # the folder of plan and manifest, in a place for results
# schemes: of disks, and of stores that take an object whole or not at all
WRITTEN_WHOLE = ("", "file", "memory", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az")
AT_SIGN_IS_A_CONTAINER = ("abfs", "abfss", "az")


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
        scheme = url.partition("://")[0] if "://" in url else ""
        is_on_disk = scheme in ("", "file")
        if not is_on_disk and scheme not in AT_SIGN_IS_A_CONTAINER and re.search("://[^/]*@", url):
            raise TintypeError(
                f"{scheme}://...: holds a user's name, or a password, which would stand in all "
                "that is told.",
                hint="Give credentials where fsspec looks for them.",
            )
        self.url = url.rstrip("/") if url.strip("/") != f"{scheme}:" else f"{scheme}://"
        self.is_written_whole = scheme in WRITTEN_WHOLE
        try:
            if is_on_disk:  # elsewhere `::` chains file systems, here it is a name's
                self._fs = LocalFileSystem()
                root = self._fs._strip_protocol(url)
            else:
                # a listing that is kept would grow with the archive
                self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, OSError) as error:  # not installed; some connect at once
            raise TintypeError(f"{url}: {_first_line(error)}.") from None
        except ValueError as error:
            raise TintypeError(
                f"{url}: {_first_line(error)}.", hint="Use s3:// or file://."
            ) from None
        self._root: str = root.rstrip("/")
        self._folds_case: dict[Path, bool] = {}
        self.is_local = isinstance(self._fs, LocalFileSystem)
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
        own, its = (
            (os.path.realpath(p._at("")) if p.is_local else p._root).rstrip("/") + "/"
            for p in (self, other)
        )
        return own.startswith(its) or its.startswith(own)

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

    def twin(self, key: str) -> str | None:
        """The name of a file that is this one too: on a disk that does not tell `A` from `a`.

        Only of disks, and where the name of `key` is not that of a file. Raises `OutputError`.
        """
        path = Path(self._at(key))
        with _writing(self.url_of(key)):
            if not self.is_local or not os.path.lexists(path):
                return None
            folder = path.parent
            if folder not in self._folds_case:
                self._folds_case[folder] = files.folds_case(folder)
            if not self._folds_case[folder]:
                return None
            names = {other.name.casefold(): other.name for other in folder.iterdir()}
            other = names.get(path.name.casefold())
            return None if other == path.name else other

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
        """Copy a file from this machine, whole or not at all, where plan and manifest are.

        Raises `OutputError`, and `OutputUnavailable` where the disk is gone on which they lay.
        """
        with _writing(self.url_of(key)):
            if self.is_local:
                if not Path(self._at(OWN)).is_dir():
                    raise OutputUnavailable(
                        f"{self.url}: the folder for the results is gone.",
                        hint="Bring it back, and run again to go on.",
                    )
                with path.open("rb") as source:
                    self._replace(key, source, overwrite=overwrite)
            else:
                self._fs.put_file(str(path), self._at(key))

    def write(self, key: str, content: bytes) -> None:
        """Write a file of ours, whole or not at all. Raises `OutputError`."""
        with _writing(self.url_of(key)):
            if self.is_local:
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
        if self.is_local:
            root = Path(self._at(""))
            if not root.is_dir():
                raise NotADirectoryError(None, "there is no such folder")
            for path in walk(root, _unreadable):
                try:
                    if not path.is_file():
                        continue
                    status = path.stat()
                except FileNotFoundError:  # it went away meanwhile
                    continue
                key = path.relative_to(root).as_posix()
                yield Found(key, status.st_size, str(status.st_mtime_ns))
            return
        folders = [self._root]
        while folders:
            folder, below = folders.pop(), []
            for entry in sorted(self._fs.ls(folder, detail=True), key=itemgetter("name")):
                name = entry["name"].rstrip("/")
                if name == folder:
                    continue
                if entry["type"] == "directory":
                    below.append(name)
                elif entry["size"] is None:  # by which a change is known
                    raise PhotoError(f"{self.url}: this place does not tell how large files are.")
                else:
                    yield Found(
                        name.removeprefix(self._root).lstrip("/"), entry["size"], _version(entry)
                    )
            folders += reversed(below)


def _version(entry: dict[str, Any]) -> str:
    """What a file system says of a file that changes with its content."""
    for name in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "updated", "created"):
        if entry.get(name):
            return str(entry[name])
    return ""


def _unreadable(folder: Path) -> None:
    raise PhotoError(f"file://{folder}: this folder cannot be read.")


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
