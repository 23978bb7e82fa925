"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tintype.errors import OutputError, OutputExists

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)  # Windows has the last


@contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[int]:
    """A descriptor to write to; what was written gets the name `path` when the block ends well.

    It is written under a temporary name in the same folder, flushed to the disk and renamed. When
    the block fails nothing is left behind. Without `overwrite` a file that is there stays, even one
    that appeared meanwhile: `OutputExists`. `OutputError` where the folder cannot be written to.
    """
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    temporary = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        descriptor = os.open(temporary, _NEW, 0o666)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        try:
            yield descriptor
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _give_name(temporary, path, overwrite=overwrite)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


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
        raise _unwritable(path, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _give_name(temporary: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(path)
    else:
        try:
            path.hardlink_to(temporary)  # unlike a rename, refuses where something is
        except FileExistsError:
            raise _exists(path) from None
        except OSError:  # a file system without hard links: claim the name first
            try:
                path.touch(exist_ok=False)
            except FileExistsError:
                raise _exists(path) from None
            temporary.replace(path)
    with contextlib.suppress(OSError):  # not every system lets a folder be flushed
        folder = os.open(path.parent, os.O_RDONLY)
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


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written: {error.strerror or error}.")
