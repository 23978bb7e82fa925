"""The run folder: one process at a time, a recipe that says what is run, a log without gaps."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tintype import files
from tintype.errors import OutputError
from tintype.recipe import Recipe


@contextmanager
def run_folder(out: Path, recipe: Recipe, images: int) -> Iterator[TextIO]:
    """Open a run's log to go on after `images` (-1: from the start); what a crash left behind them
    is dropped.

    Writes the recipe. Raises OutputError where the folder cannot be written to or another process
    is training in it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (out / ".lock").open("w") as lock:
            _claim(lock, out)
            _replace(out / "recipe.yaml", recipe.to_yaml())
            path = out / "log.jsonl"
            rows = path.read_text("utf-8").splitlines() if path.exists() else []
            kept = [row for row in rows if _images(row) <= images]
            _replace(path, "".join(f"{row}\n" for row in kept))
            with path.open("a", encoding="utf-8") as log:
                yield log
    except PermissionError as error:
        raise OutputError(f"{out}: cannot be written to ({error.strerror}).") from None


def check_free(out: Path) -> None:
    """Raises OutputError where another process is training in the folder."""
    if (out / ".lock").exists():
        with (out / ".lock").open("r+") as lock:
            _claim(lock, out)


def _replace(path: Path, text: str) -> None:
    with (
        files.replacing(path, overwrite=True) as descriptor,
        os.fdopen(descriptor, "w", encoding="utf-8", closefd=False) as file,
    ):
        file.write(text)


def _claim(lock: TextIO, out: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows has none; there two processes are not told apart
        return
    try:
        # not flock, which the processes that decode pictures inherit and may outlive us with
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise OutputError(
            f"{out}: another process is training in this folder.", hint="Give another --out."
        ) from None


def _images(row: str) -> int:
    try:
        return int(json.loads(row)["images"])
    except (ValueError, KeyError, TypeError):  # cut short by a crash
        return 1 << 62
