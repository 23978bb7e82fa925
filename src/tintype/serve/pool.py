"""Children that color, kept warm, and the line of requests before them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

from tintype.errors import TintypeError
from tintype.serve.limits import Limits
from tintype.serve.problems import Problem
from tintype.serve.upload import Upload

CHUNK_BYTES = 1 << 18
LINE_BYTES = 1 << 20  # of a child's answer; cards are the longest
HEALING_S = 1.0  # between tries to start a child that does not start
SMOOTHING = 0.2  # of the time that a photograph takes: the share of the newest


@dataclass(eq=False)
class Turn:
    """One photograph's way through the pool."""

    progress: float = 0.0
    is_running: bool = False


@dataclass(frozen=True)
class Result:
    """A colored photograph: a file without a name, and what is told beside it."""

    file: BinaryIO
    name: str
    format: str
    width: int
    height: int
    note: str
    model: str

    @property
    def size_bytes(self) -> int:
        """How long the file is."""
        return os.fstat(self.file.fileno()).st_size

    def chunks(self) -> Iterator[bytes]:
        """The file, which may be closed meanwhile."""

        def read() -> Iterator[bytes]:
            with os.fdopen(os.dup(self.file.fileno()), "rb") as twin:
                yield b""  # open from here on, and closed even if nobody reads any further
                place = 0
                while chunk := os.pread(twin.fileno(), CHUNK_BYTES, place):
                    yield chunk
                    place += len(chunk)

        chunks = read()
        next(chunks)
        return chunks


class ChildDied(Exception):
    """A child ended in the middle of its work."""


class ChildWasDead(Exception):
    """A child took no work, since it had ended before; the photograph has no part in that."""


class Child:
    """One process of `tintype.serve.child`."""

    cards: list[dict[str, Any]]

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        channel: socket.socket,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._channel = channel
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, models: Sequence[str], limits: Limits) -> Self:
        """A child that is ready. Raises `TintypeError` where a model cannot be loaded."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tintype.serve.child", str(theirs.fileno())),
                *(str(limits.max_result_bytes), *models),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env=os.environ | {"TINTYPE_MAX_PIXELS": str(limits.max_pixels)},
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LINE_BYTES)
        child = cls(process, ours, reader, writer)
        try:
            hello = await child._line()
            if "error" in hello:
                raise TintypeError(hello["error"], hint=hello["hint"])
            child.cards = hello["cards"]
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def is_alive(self) -> bool:
        """Whether the process is there, as far as is known."""
        return self._process.returncode is None

    async def color(self, request: dict[str, Any], upload: BinaryIO, turn: Turn) -> Result:
        """Color one photograph.

        Raises `Problem`, `ChildDied` where the child ended over it, and `ChildWasDead`.
        """
        try:
            result = tempfile.TemporaryFile()  # noqa: SIM115  # who gets it closes it
        except OSError as error:
            raise Problem.of_failure(error) from None
        try:
            try:
                socket.send_fds(self._channel, [b"\n"], [upload.fileno(), result.fileno()])
                self._writer.write(json.dumps(request).encode() + b"\n")
                await self._writer.drain()
                await self._line()  # it has taken the photograph
            except (OSError, ChildDied):
                raise ChildWasDead from None
            while True:
                told = await self._line()
                if "progress" in told:
                    turn.progress = told["progress"]
                elif "refused" in told:
                    raise Problem(**told["refused"])
                else:
                    return Result(result, **told["done"])
        except BaseException:
            result.truncate(0)  # the child may have it open a little longer
            result.close()
            raise

    async def end(self) -> int:
        """End the child at once; its exit code."""
        if self.is_alive:
            with suppress(ProcessLookupError):  # `self._process.kill` would take the exit code
                os.kill(self._process.pid, signal.SIGKILL)
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
        return await self._process.wait()

    async def _line(self) -> dict[str, Any]:
        try:
            line = await self._reader.readline()
            told: dict[str, Any] = json.loads(line)
        except (ConnectionError, ValueError):  # what it says of itself is not to be trusted
            raise ChildDied from None
        return told


class Pool:
    """As many children as there are workers; `queue` more photographs may wait for them."""

    def __init__(self, models: Sequence[str], limits: Limits) -> None:
        self._models = models
        self._limits = limits
        self._idle: asyncio.Queue[Child | None] = asyncio.Queue()  # None wakes one who waits
        self._children: set[Child] = set()
        self._healing: set[asyncio.Task[None]] = set()
        self._is_failing = False  # to start children
        self._waiting: list[Turn] = []
        self._seconds = 1.0  # that a photograph takes
        self.seconds_spent = 0.0  # by children, on what they colored
        self.colored = 0
        self.admitted = 0
        self.crashes = 0
        self.cards: list[dict[str, Any]] = []

    async def start(self) -> None:
        """Raises `TintypeError` where a model cannot be loaded."""
        starts = (Child.start(self._models, self._limits) for _ in range(self._limits.workers))
        started = await asyncio.gather(*starts, return_exceptions=True)
        for child in started:
            if isinstance(child, Child):
                self._take(child)
        for failure in started:
            if isinstance(failure, BaseException):
                await self.close()
                if isinstance(failure, ChildDied):
                    raise TintypeError("A process that colors ended while it started.") from None
                raise failure
        self.cards = next(iter(self._children)).cards

    async def close(self) -> None:
        """End the children."""
        for task in self._healing:
            task.cancel()
        await asyncio.gather(*(child.end() for child in self._children))

    @property
    def workers(self) -> int:
        """Children that are alive."""
        return sum(child.is_alive for child in self._children)

    @contextmanager
    def admission(self) -> Iterator[None]:
        """A place, in work or in the line. Raises `Problem` where there is none."""
        self._refuse_without_children()
        if self.admitted >= self._limits.workers + self._limits.queue:
            wait_s = max(1, round(self._seconds * self.admitted / self._limits.workers))
            raise Problem(
                429,
                f"{self.admitted} photographs are in work or wait, and no more are taken.",
                hint=f"Try again in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )
        self.admitted += 1
        try:
            yield
        finally:
            self.admitted -= 1

    def position(self, turn: Turn) -> int:
        """How many are before this one and itself, while it waits; else 0."""
        return self._waiting.index(turn) + 1 if turn in self._waiting else 0

    async def color(self, upload: Upload, model: str, turn: Turn) -> Result:
        """Color one photograph when its turn comes. Raises `Problem`."""
        while True:
            child = await self._next(turn)
            try:
                return await self._color(child, upload, model, turn)
            except ChildWasDead:  # while it rested; the next takes the photograph
                await self._replace(child)

    async def _next(self, turn: Turn) -> Child:
        turn.is_running = False
        self._waiting.append(turn)
        try:
            while (child := await self._idle.get()) is None:
                self._refuse_without_children()
        finally:
            self._waiting.remove(turn)
        turn.is_running = True
        return child

    async def _color(self, child: Child, upload: Upload, model: str, turn: Turn) -> Result:
        name = upload.name
        request = upload.options.model_dump() | {"name": name, "model": model}
        clock = asyncio.get_running_loop().time
        start_s = clock()
        try:
            async with asyncio.timeout(self._limits.time_s):
                result = await child.color(request, upload.file, turn)
        except ChildWasDead:
            raise
        except Problem:
            self._idle.put_nowait(child)
            raise
        except TimeoutError:
            await self._replace(child)
            raise Problem(
                422,
                f"{name or 'The photograph'}: takes longer than {self._limits.time_s:g} s.",
                hint="Send it smaller.",
            ) from None
        except ChildDied:
            code = await self._replace(child)
            raise Problem(
                422,
                f"{name or 'The photograph'}: the process that decoded it ended ({_told(code)}).",
                hint="The file is damaged, or larger than memory allows.",
            ) from None
        except BaseException:  # nobody waits for it any more
            await self._replace(child)
            raise
        self._idle.put_nowait(child)
        spent_s = clock() - start_s
        self._seconds += SMOOTHING * (spent_s - self._seconds)
        self.seconds_spent += spent_s
        self.colored += 1
        turn.progress = 1.0
        return result

    def _take(self, child: Child) -> None:
        self._children.add(child)
        self._idle.put_nowait(child)

    async def _replace(self, child: Child) -> int:
        self.crashes += 1
        self._children.discard(child)
        task = asyncio.create_task(self._heal())
        self._healing.add(task)
        task.add_done_callback(self._healing.discard)
        return await child.end()

    async def _heal(self) -> None:
        while True:
            try:
                self._take(await Child.start(self._models, self._limits))
                self._is_failing = False
                return
            except (ChildDied, OSError, TintypeError) as error:
                if not self._is_failing:
                    reason = str(error) or "it ended"
                    logging.getLogger(__name__).error("No process that colors starts: %s", reason)
                self._is_failing = True
                if not self.workers:
                    for _ in self._waiting:
                        self._idle.put_nowait(None)
                await asyncio.sleep(HEALING_S)

    def _refuse_without_children(self) -> None:
        if self._is_failing and not self.workers:
            raise Problem(503, "No process that colors can be started.", hint="Try later.")


def _told(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
