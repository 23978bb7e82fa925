"""How much the service takes, at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of one server; `/v1/limits` tells them.

    `queue` counts requests that wait beyond those that the `workers` color. `time_s` is what one
    photograph may take, and what an upload may take. Results of jobs are dropped after `keep_s`,
    and the oldest where all are more than `keep_bytes`.
    """

    max_bytes: int = 200_000_000
    max_pixels: int = 100_000_000
    workers: int = 2
    queue: int = 32
    time_s: float = 120.0
    keep_s: float = 600.0
    keep_bytes: int = 1_000_000_000
