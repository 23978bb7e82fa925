"""How much the service takes, at most."""

from __future__ import annotations

from dataclasses import dataclass

from tintype.settings import Settings, free_memory_bytes

WORKER_MEMORY_BYTES = 500_000_000  # of a process that colors, with a photograph of 24 megapixels
RESULT_BYTES_PER_PIXEL = 12  # no format takes more; nor do the files between of libvips
MOST_WORKERS = 8  # beyond it, more threads serve a photograph better than more processes


@dataclass(frozen=True)
class Limits:
    """Limits of one server; `/v1/limits` tells them.

    `queue` counts requests that wait beyond those that the `workers` color. `time_s` is what one
    photograph may take, and what an upload may take. Results of jobs are dropped after `keep_s`,
    and the oldest where all are more than `keep_bytes` or `keep_jobs`.
    """

    max_bytes: int
    max_pixels: int
    workers: int
    queue: int
    time_s: float
    keep_s: float
    keep_bytes: int
    keep_jobs: int = 200  # each holds a descriptor

    @property
    def max_result_bytes(self) -> int:
        """Of a result: all its pages, and the metadata that came with the upload."""
        return RESULT_BYTES_PER_PIXEL * self.max_pixels + self.max_bytes


def default_workers() -> int:
    """One for each thread of the settings, as far as memory reaches."""
    threads, free = Settings.from_environment().threads, free_memory_bytes()
    fitting = MOST_WORKERS if free is None else free // WORKER_MEMORY_BYTES
    return max(1, min(threads, MOST_WORKERS, fitting))
