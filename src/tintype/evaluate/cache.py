"""What was measured before, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tintype.errors import OutputError

_WAIT_S = 60.0  # for another run that writes


class Measured(NamedTuple):
    """One result: its figures, float64, NaN where not defined, and the judge's features."""

    figures: NDArray[np.float64]
    features: NDArray[np.float32]


class Cache:
    """Results by what made them; each is on the disk when `put` returns. Made by `open_cache`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def get(self, key: str) -> Measured | None:
        """What was put under a key."""
        query = "SELECT figures, features FROM results WHERE key = ?"
        row: tuple[bytes, bytes] | None = self._database.execute(query, (key,)).fetchone()
        # a value is of whole numbers unless the file was damaged
        if row is None or len(row[0]) % 8 or len(row[1]) % 4:
            return None
        return Measured(np.frombuffer(row[0], np.float64), np.frombuffer(row[1], np.float32))

    def put(self, entries: dict[str, Measured]) -> None:
        """Keep results, all or none of them."""
        rows = [(key, m.figures.tobytes(), m.features.tobytes()) for key, m in entries.items()]
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", rows)


@contextmanager
def open_cache(path: Path) -> Iterator[Cache]:
    """The cache in a file, made when it is not there. Raises OutputError where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=_WAIT_S)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from None
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        with database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS results "
                "(key TEXT PRIMARY KEY, figures BLOB, features BLOB) WITHOUT ROWID"
            )
        yield Cache(database)
    except sqlite3.Error as error:
        raise _unusable(path, error) from None
    finally:
        database.close()


def key_of(*parts: Any) -> str:
    """One key for the hashes of a model, a picture and a protocol, in this order."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def _unusable(path: Path, error: Exception) -> OutputError:
    return OutputError(
        f"{path}: the cache of results cannot be used: {error}.",
        hint="Delete the file, or name another folder with TINTYPE_CACHE.",
    )
