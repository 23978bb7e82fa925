"""Plan and manifest at the destination: JSON lines in parts, one part a block, each written whole.

A block begins after a name whose hash says so, and its part is called after that name. So the same
listing gives the same blocks, and a file that is new changes the block it lies in, seldom more:
nobody needs to hold the whole plan to find again what is done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar

from tintype.engines.remote.place import OWN, Found, Place
from tintype.errors import OutputError, PhotoError

LEAST, MOST = 32, 128  # photographs a block: about 64 on average
ONE_IN = 32  # names end a block

PLAN, MANIFEST, TRYING = f"{OWN}/plan", f"{OWN}/manifest", f"{OWN}/trying"


@dataclass(frozen=True, slots=True)
class Planned:
    """One line of the plan. `rival` is another input whose result may be called as this one's."""

    key: str
    bytes: int
    version: str
    rival: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the manifest: what became of a photograph.

    `input` and `output` are URLs. `bytes` and `version` are the input's, by which it is known
    unchanged. `error` is null for what was colored. A failure with a `sha256` is the photograph's
    own. `status`, `reason` and `note` are those of `batch.Result` in this run.
    """

    input: str
    bytes: int
    version: str
    sha256: str | None
    output: str
    model: str | None
    seconds: float
    error: str | None
    status: Literal["colored", "skipped", "failed"]
    reason: str = ""
    note: str = ""


Line = TypeVar("Line", Planned, Outcome)
_OF_THIS_RUN = ("status", "reason", "note")


def blocks(found: Iterable[Found]) -> Iterator[tuple[str, list[Planned]]]:
    """The name before each block, "" before the first, and the block."""
    before, block = "", list[Planned]()
    beginnings: list[str] = []  # names, each the beginning of the next and of the one at hand
    for one in found:
        while beginnings and not one.key.startswith(beginnings[-1]):
            beginnings.pop()
        whole = one.key.rpartition(".")[0]  # scan.bmp of scan.bmp.png
        rival = whole if whole in beginnings else None
        beginnings.append(one.key)
        block.append(Planned(one.key, one.bytes, one.version, rival))
        if len(block) == MOST or (len(block) >= LEAST and _hash(one.key)[0] % ONE_IN == 0):
            yield before, block
            before, block = one.key, []
    if block:
        yield before, block


def write_plan(source: Place, destination: Place) -> Iterator[str]:
    """List the source and write the plan: the name of each part, once it is there.

    One block is in memory at a time, and the name of each. When all are written, parts that an
    earlier listing of this source left are removed, with their manifest. Raises `PhotoError` and
    `OutputError`.
    """
    folder = _hash(source.url).hex()[:16]
    written = set[str]()
    for before, block in blocks(source.list()):
        part = _hash(before).hex()[:16] + ".jsonl"
        destination.write(f"{PLAN}/{folder}/{part}", _lines(block))
        written.add(part)
        yield f"{folder}/{part}"
    for kept in (PLAN, MANIFEST, TRYING):
        _remove_others(destination, f"{kept}/{folder}", written)


def read_plan(destination: Place, part: str) -> list[Planned]:
    """A part of the plan. Raises `OutputError`."""
    content = destination.read(f"{PLAN}/{part}")
    if content is None:
        where = destination.url_of(f"{PLAN}/{part}")
        raise OutputError(f"{where}: this part of the plan is gone.", hint="Run again to go on.")
    return list(_parsed(content, Planned))


def read_manifest(destination: Place, part: str) -> dict[str, Outcome]:
    """What is known of a block, by input. Raises `OutputError`."""
    lines = _parsed(destination.read(f"{MANIFEST}/{part}"), Outcome)
    return {line.input: line for line in lines}


def write_manifest(destination: Place, part: str, done: Iterable[Outcome]) -> None:
    """Replace what is known of a block. Raises `OutputError`."""
    destination.write(f"{MANIFEST}/{part}", _lines(done))


def outcomes(destination: Place) -> Iterator[Outcome]:
    """The whole manifest, part by part."""
    below = Place(destination.url_of(MANIFEST))
    for found in below.list():
        yield from _parsed(below.read(found.key), Outcome)


def failures(destination: Place) -> Iterator[Outcome]:
    """What failed, with the reason in `error`."""
    return (outcome for outcome in outcomes(destination) if outcome.error is not None)


def _remove_others(destination: Place, folder: str, written: set[str]) -> None:
    with suppress(PhotoError):  # there is no such folder yet
        for found in Place(destination.url_of(folder)).list():
            if found.key not in written:
                destination.remove(f"{folder}/{found.key}")


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _lines(lines: Iterable[Planned | Outcome]) -> bytes:
    told = []
    for line in lines:
        entry = {key: value for key, value in asdict(line).items() if key not in _OF_THIS_RUN}
        told.append(json.dumps(entry) + "\n")
    return "".join(told).encode()


def _parsed(content: bytes | None, kind: type[Line]) -> Iterator[Line]:
    for line in (content or b"").splitlines():
        try:
            found: dict[str, Any] = json.loads(line)
            if kind is Outcome:
                found["status"] = "colored" if found["error"] is None else "failed"
            known = kind(**{f.name: found[f.name] for f in fields(kind) if f.name in found})
        except (ValueError, TypeError, KeyError):  # not ours
            continue
        yield known
