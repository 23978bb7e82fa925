"""The server: where it listens, and how it ends."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import socket
from collections.abc import Callable, Sequence

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tintype.errors import TintypeError
from tintype.serve.app import create_app
from tintype.serve.guard import Guard
from tintype.serve.limits import Limits
from tintype.serve.pool import Pool
from tintype.serve.schemas import LONGEST_HINTS
from tintype.serve.upload import PATIENCE_S

BACKLOG = 128
SPARE_CONNECTIONS = 256  # beyond those of photographs: each holds a descriptor
LONGEST_HEAD_BYTES = 4 * LONGEST_HINTS  # as query parameters they are percent-encoded


class Patience(H11Protocol):
    """HTTP, where a head that does not come to its end in `PATIENCE_S` closes its connection."""

    _ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()

    def _wait(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._ends is None:
            self._ends = self.loop.call_later(PATIENCE_S, self.transport.close)

    def _stop(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises `TintypeError` where that cannot be."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TintypeError(
            f"{host} port {port}: cannot listen there: {reason}.",
            hint="Choose another --port, or 0 for any that is free.",
        ) from None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url(listening: socket.socket) -> str:
    """The address of the page."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def run(
    listening: socket.socket,
    models: Sequence[str],
    limits: Limits,
    *,
    hosts: Sequence[str] = (),
    token: str | None = None,
    when_ready: Callable[[], None],
) -> None:
    """Serve until SIGTERM or Ctrl-C, and then until what was begun is done.

    `hosts` and `token` are explained at `guard.Guard`; `when_ready` is called when photographs can
    be colored. Raises `TintypeError` where a model cannot be loaded.
    """

    async def serve() -> None:
        pool = Pool(models, limits)
        await pool.start()
        config = uvicorn.Config(
            Guard(create_app(pool, limits, asks_token=bool(token)), hosts=hosts, token=token),
            log_level="error",
            server_header=False,
            http=Patience,
            limit_concurrency=limits.workers + limits.queue + SPARE_CONNECTIONS,
            h11_max_incomplete_event_size=LONGEST_HEAD_BYTES,
            timeout_graceful_shutdown=math.ceil(limits.time_s),
        )
        logging.getLogger("python_multipart").addHandler(logging.NullHandler())  # clients are told
        when_ready()
        await uvicorn.Server(config).serve(sockets=[listening])

    asyncio.run(serve())
