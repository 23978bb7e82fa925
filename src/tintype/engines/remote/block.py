"""One block: fetched, colored by the function that every engine calls, stored, and written down."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from tintype import files, formats
from tintype.batch import Item, Result, colorize_one
from tintype.batch.one import Room, exists
from tintype.batch.plan import result_name
from tintype.colorizer import Colorizer
from tintype.engines import local
from tintype.engines.remote import parts
from tintype.engines.remote.job import Job
from tintype.engines.remote.parts import Outcome, Planned
from tintype.engines.remote.place import Place
from tintype.errors import OutputExists, OutputUnavailable, PhotoError, TintypeError

MOST_DEATHS = 2  # of workers, while they had one photograph alone


def colorize_block(job: Job, part: str) -> list[Outcome]:
    """Work through a part of the plan, and write the part of the manifest that tells of it.

    What is known to be done is not done again, nor what is there without being known. May be called
    again at any time: after a worker that died in the middle, photographs are tried one by one, and
    that with which workers die again and again is named as failed.

    Raises `OutputError` where plan or manifest cannot be read or written, `OutputUnavailable` where
    no result can be, and what `Colorizer` raises.
    """
    block = _Block(job, part)
    with tempfile.TemporaryDirectory(prefix="tintype-") as scratch:
        return block.color(Path(scratch))


class _Block:
    """The photographs of one part; those to be colored are known by where they lie meanwhile."""

    def __init__(self, job: Job, part: str) -> None:
        self._job = job
        self._part = part
        self._source, self._destination = Place(job.source), Place(job.destination)
        self._planned = parts.read_plan(self._destination, part)
        self._is_there = self._destination.presence(line.key for line in self._planned)
        self._known = {} if job.overwrite else parts.read_manifest(self._destination, part)
        self._lines: dict[Path, Planned] = {}
        self._names: dict[Path, str] = {}

    def color(self, scratch: Path) -> list[Outcome]:
        told, to_do = [], []
        for line in self._planned:
            if known := self._settled(line):
                told.append(known)
            else:
                to_do.append(line)
        if not to_do:
            return told
        # its session is the process's own, from block to block
        colorizer = Colorizer(self._job.model, threads=self._job.threads)
        attempt = _Attempt(self._destination, self._part)
        items = self._items(to_do, scratch)
        jobs = 1 if attempt.is_careful else self._job.jobs

        def work(item: Item, *, room: Room) -> Result:
            line = self._lines[item.source]
            self._names[item.source] = line.key
            try:
                item.source.parent.mkdir()
                is_deadly = attempt.is_deadly(line.key)
                with attempt.at(line.key):
                    return self._one(item, line, colorizer, room, is_deadly=is_deadly)
            except OutputUnavailable:
                raise
            except OutputExists as error:
                return Result(item, "skipped", str(error))
            except (TintypeError, OSError) as error:
                return Result(item, "failed", str(error))
            finally:
                shutil.rmtree(item.source.parent, ignore_errors=True)

        new = [self._outcome(*done) for done in local.run(items, work, jobs=jobs)]
        told = sorted([*told, *new], key=lambda outcome: outcome.input)
        recorded = [outcome for outcome in told if outcome.sha256 or outcome.error]
        parts.write_manifest(self._destination, self._part, recorded)
        attempt.end()
        return told

    def _settled(self, line: Planned) -> Outcome | None:
        """What became of it in an earlier run; None where it is to be tried."""
        known = self._known.get(self._source.url_of(line.key))
        if known is None:
            return None
        is_same = (known.bytes, known.version) == (line.bytes, line.version)
        if known.error is not None:
            if not is_same or known.sha256 is None or self._job.retry_failed:
                return None
            reason = f"{known.error} It failed before; --retry-failed tries it again."
            return replace(known, reason=reason, seconds=0.0)
        name = known.output.removeprefix(self._destination.url_of(""))
        if not (self._is_name_of(line.key, name) and self._is_there(name)):
            return None
        reason = exists(known.output, None if is_same else known.input)
        return replace(known, status="skipped", reason=reason)

    def _items(self, to_do: list[Planned], scratch: Path) -> Iterator[Item]:
        """An item for each that is a picture by its content, or claims to be one by its name."""
        for number, line in enumerate(to_do):
            suffix = PurePosixPath(line.key).suffix
            if suffix.lower() not in formats.PICTURE_SUFFIXES:
                try:
                    if self._kind(line.key, line.bytes) is None:
                        continue
                except PhotoError:  # told when it is fetched
                    pass
                suffix = ""
            source = scratch / str(number) / f"photo{suffix}"
            self._lines[source] = line
            yield Item(source, source)

    def _one(
        self, item: Item, line: Planned, colorizer: Colorizer, room: Room, *, is_deadly: bool
    ) -> Result:
        self._source.fetch(line.key, item.source)
        if item.source.stat().st_size != line.bytes:
            raise files.changed(self._source.url_of(line.key))
        if is_deadly:
            reason = f"{self._source.url_of(line.key)}: workers died while they colored it."
            return Result(item, "failed", reason, sha256=files.sha256_of(item.source))
        name = self._named(line.key, formats.format_of(item.source))
        self._names[item.source] = name
        if line.rival and name == self._named(line.rival, self._kind(line.rival)):
            return Result(item, "failed", self._on_rival(line.key, line.rival, name))
        if self._destination.is_local and "" in name.split("/"):
            reason = f"{self._source.url_of(line.key)}: no disk has a folder without a name."
            return Result(item, "failed", reason)
        if twin := self._destination.twin(name):
            return Result(item, "failed", self._on_twin(line.key, twin))
        output = item.source.with_name("result" + PurePosixPath(name).suffix)
        stands = self._is_there(name)
        if stands:
            self._destination.fetch(name, output)
        overwrite = self._job.overwrite
        result = colorize_one(
            replace(item, output=output),
            colorizer,
            strength=self._job.strength,
            keep_tint=self._job.keep_tint,
            overwrite=overwrite,
            room=room,
            **self._job.saving,
        )
        if result.status == "colored":
            self._destination.store(output, name, overwrite=overwrite)
        elif result.status == "skipped" and stands:  # by a worker that could not tell of it
            result = replace(result, sha256=files.sha256_of(item.source))
        reason, note = result.reason, result.note
        for path, url in (
            (output, self._destination.url_of(name)),
            (item.source, self._source.url_of(line.key)),
        ):
            reason, note = reason.replace(str(path), url), note.replace(str(path), url)
        return replace(result, item=item, reason=reason, note=note)

    def _outcome(self, result: Result, seconds: float) -> Outcome:
        line = self._lines[result.item.source]
        assert result.status != "planned"
        return Outcome(
            input=self._source.url_of(line.key),
            bytes=line.bytes,
            version=line.version,
            sha256=result.sha256,
            output=self._destination.url_of(self._names[result.item.source]),
            model=result.model,
            seconds=round(seconds, 3),
            error=result.reason if result.status == "failed" else None,
            status=result.status,
            reason=result.reason,
            note=result.note,
        )

    def _named(self, key: str, kind: str | None) -> str:
        folder, slash, name = key.rpartition("/")
        return folder + slash + result_name(Path(name), kind, self._job.format)

    def _is_name_of(self, key: str, name: str) -> bool:
        """Whether a result made earlier is called as one of this job would be."""
        suffix = PurePosixPath(key).suffix.lower()
        by_name = next((kind for kind, own in formats.EXTENSIONS.items() if suffix in own), None)
        if self._job.format:
            return name == self._named(key, by_name or "png")
        if by_name and name == self._named(key, by_name):
            return True
        try:
            return name == self._named(key, self._kind(key))
        except PhotoError:  # told when it is fetched
            return False

    def _kind(self, key: str, size: int = 1) -> str | None:
        """The kind of a file by its content, of which no more is fetched than that takes."""
        return formats.kind_of(self._source.head(key, formats.HEAD_BYTES)) if size else None

    def _on_rival(self, key: str, rival: str, name: str) -> str:
        its, other = self._source.url_of(key), self._source.url_of(rival)
        return f"{its}: its result would fall on that of {other}, {self._destination.url_of(name)}."

    def _on_twin(self, key: str, twin: str) -> str:
        its = self._source.url_of(key)
        return (
            f"{its}: its result would fall on {twin}: "
            "this disk does not tell upper from lower case."
        )


class _Attempt:
    """Whether others died in this block, and at which photograph: a small file beside the plan."""

    def __init__(self, destination: Place, part: str) -> None:
        self._destination = destination
        self._key = f"{parts.TRYING}/{part}"
        before = destination.read(self._key)
        self.is_careful = before is not None
        self._deaths = Counter(json.loads(before) if before else ())
        self._write()

    def is_deadly(self, key: str) -> bool:
        return self._deaths[key] >= MOST_DEATHS

    @contextmanager
    def at(self, key: str) -> Iterator[None]:
        """A photograph is counted as deadly until this worker has outlived it."""
        if self.is_careful:
            self._deaths[key] += 1
            self._write()
        try:
            yield
        finally:
            if self.is_careful:
                self._deaths[key] -= 1

    def end(self) -> None:
        """The block is done."""
        self._destination.remove(self._key)

    def _write(self) -> None:
        deaths = {key: count for key, count in self._deaths.items() if count}
        self._destination.write(self._key, json.dumps(deaths).encode())
