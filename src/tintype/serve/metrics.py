"""What Prometheus is told."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tintype.serve.jobs import Jobs
from tintype.serve.pool import Pool

BUCKETS_S = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
UNKNOWN = "other"  # routes that there are not must not become labels


class PoolCollector(Collector):
    """The pool and the jobs as they are when they are asked for."""

    def __init__(self, pool: Pool, jobs: Jobs) -> None:
        self._pool = pool
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        """Gauges and counters."""
        pool = self._pool
        for name, told, value in (
            ("admitted", "Photographs in work or waiting.", pool.admitted),
            ("workers", "Processes that color, alive.", pool.workers),
            ("kept_bytes", "Of results of jobs.", self._jobs.kept_bytes),
        ):
            yield GaugeMetricFamily(f"tintype_{name}", told, value)
        for name, told, count in (
            ("colored", "Photographs colored.", pool.colored),
            ("coloring_seconds", "Time spent on those.", pool.seconds_spent),
            (
                "crashes",
                "Processes that ended, took too long, or whose job was deleted.",
                pool.crashes,
            ),
        ):
            yield CounterMetricFamily(f"tintype_{name}", told, count)


class Measured:
    """Counts requests and times them, by route."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "tintype_requests", "Requests.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "tintype_request_seconds", "From request to the end of the answer.", ["route"],
            buckets=BUCKETS_S, registry=registry,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start_s, status = time.monotonic(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", UNKNOWN)
            method = scope["method"] if route != UNKNOWN else UNKNOWN
            self._requests.labels(method, route, status).inc()
            self._seconds.labels(route).observe(time.monotonic() - start_s)


def registry_of(pool: Pool, jobs: Jobs) -> CollectorRegistry:
    """All that is told, but for requests."""
    registry = CollectorRegistry()
    registry.register(PoolCollector(pool, jobs))
    ProcessCollector(registry=registry)
    return registry
