"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tintype.errors import OutputError, OutputExists, OutputUnavailable, PhotoError

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)  # Windows has the last
_NAMELESS = os.O_RDWR | getattr(os, "O_TMPFILE", 0)  # Linux has the last
_OPEN_FILES = Path("/proc/self/fd")  # what a file without a name is linked from (open(2))


@contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[int]:
    """A descriptor to write to; what was written gets the name `path` when the block ends well.

    Until then the file has no name, so that not even a process that is killed leaves it behind;
    where the system knows no such files it has a hidden one, in the same folder. It is flushed to
    the disk before it is named. When the block fails nothing is left behind. Without `overwrite` a
    file that is there stays, even one that appeared meanwhile: `OutputExists`. `OutputError` where
    the folder cannot be written to, `OutputUnavailable` where the disk is full.
    """
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    hidden = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        descriptor, is_nameless = _new_file(hidden)
        try:
            yield descriptor
            os.fsync(descriptor)
            if is_nameless:
                _link(descriptor, hidden if overwrite else path)
        finally:
            os.close(descriptor)
        if overwrite or not is_nameless:
            _rename(hidden, path, overwrite=overwrite)
        _flush_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            hidden.unlink()


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write in, which gets the name `path` when the block ends well.

    It lies beside it under a temporary name; when the block fails nothing is left behind. What is
    at `path` already stays: `OutputExists`. `OutputError` where nothing can be written there.
    """
    taken = OutputExists(
        f"{path}: is there already and stays.",
        hint="Give another name, or remove it first.",
        public_message="The output is there already.",
    )
    if os.path.lexists(path):
        raise taken
    temporary = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        try:
            temporary.rename(path)
        except OSError:  # a folder that appeared meanwhile, with something in it
            raise taken from None
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, if it is not there. Raises `OutputError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None


def sha256_of(path: Path) -> str:
    """The hash of a file, hexadecimal. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(status: os.stat_result) -> tuple[int, ...]:
    """What differs when a file was changed or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def changed(path: Path | str) -> PhotoError:
    """What is raised where a picture is no longer the one that was looked at."""
    return PhotoError(
        f"{path}: the file was changed while it was read.",
        hint="Color it again when it is whole.",
        public_message="The file was changed while it was read.",
    )


def folds_case(folder: Path) -> bool:
    """Whether names in a folder that differ only by case are the same. Raises `OutputError`."""
    try:
        with tempfile.NamedTemporaryFile(prefix=".Case-", suffix=".part", dir=folder) as probe:
            path = Path(probe.name)
            return path.with_name(path.name.swapcase()).exists()
    except OSError as error:
        raise unwritable(folder, error) from None


def unreadable(path: Path | str, error: OSError) -> PhotoError:
    """What is raised for a picture that the system refuses to read."""
    return PhotoError(f"{path}: cannot be read: {error.strerror or error}.")


def unwritable(path: Path, error: OSError) -> OutputError:
    """What is raised for a path that the system refuses to write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    return OutputError(f"{path}: cannot be written: {error.strerror or error}.")


def disk_full(path: Path | str) -> OutputUnavailable:
    """What is raised where there is no room left."""
    return OutputUnavailable(
        f"{path}: cannot be written: {os.strerror(errno.ENOSPC)}.",
        hint="Make room, and run again to go on.",
    )


def fault_of(descriptor: int) -> OSError | None:
    """What the system says as a file grows that could not be written to the end, if anything."""
    more = bytes(1 << 16)
    try:
        if os.pwrite(descriptor, more, os.fstat(descriptor).st_size) < len(more):
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        return error
    return None


def _new_file(hidden: Path) -> tuple[int, bool]:
    """A descriptor, and whether its file has no name; else it has the hidden one."""
    if _NAMELESS != os.O_RDWR and _OPEN_FILES.is_dir():
        with contextlib.suppress(OSError):  # not every file system has them
            return os.open(hidden.parent, _NAMELESS, 0o666), True
    return os.open(hidden, _NEW, 0o666), False


def _link(descriptor: int, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)  # with it, `os.link` follows links
    try:
        os.link(_OPEN_FILES / str(descriptor), path.name, dst_dir_fd=folder)
    except FileExistsError:
        raise _exists(path) from None
    finally:
        os.close(folder)


def _rename(hidden: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        hidden.replace(path)
        return
    try:
        path.hardlink_to(hidden)  # unlike a rename, refuses where something is
    except FileExistsError:
        raise _exists(path) from None
    except OSError:  # a file system without hard links: claim the name first
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            raise _exists(path) from None
        hidden.replace(path)


def _flush_folder(path: Path) -> None:
    with contextlib.suppress(OSError):  # not every system lets a folder be flushed
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _exists(path: Path) -> OutputExists:
    return OutputExists(
        f"{path}: is there already and stays.",
        hint="Allow it to be replaced with overwrite (--overwrite), or give another name.",
        public_message="The output is there already.",
    )
