"""Limits and places, from the environment or by default.

=====================  ==============================================  ==================
variable               meaning                                         default
=====================  ==============================================  ==================
`TINTYPE_MAX_PIXELS`   a picture with more pixels is refused           250,000,000
`TINTYPE_CACHE`        folder of downloaded models and of figures      `~/.cache/tintype`
`TINTYPE_THREADS`      threads in all, network and joining             the usable cores
=====================  ==============================================  ==================
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tintype.errors import TintypeError


@dataclass(frozen=True)
class Settings:
    """The values in force; `Settings.from_environment()` reads them anew."""

    max_pixels: int
    cache_dir: Path
    threads: int

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Raises `TintypeError` where a variable holds no whole number above zero."""
        cache_home = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cls(
            max_pixels=_count(environ, "TINTYPE_MAX_PIXELS", 250_000_000),
            cache_dir=Path(environ.get("TINTYPE_CACHE") or cache_home / "tintype"),
            threads=_count(environ, "TINTYPE_THREADS", usable_cores()),
        )


def usable_cores() -> int:
    """Cores that this process may run on; a container's quota counts too."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return cores


def free_memory_bytes() -> int | None:
    """Memory that may still be taken, within a container's limit; None where nobody says."""
    known = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                known.append(int(line.split()[1]) * 1024)
    except OSError:  # no Linux
        return None
    try:
        limit, used = (
            Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current")
        )
        known.append(int(limit) - int(used))
    except (OSError, ValueError):  # no cgroup v2, or "max"
        pass
    return max(0, min(known)) if known else None


def _count(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = int(text.replace("_", ""))
    except ValueError:
        value = 0
    if value < 1:
        raise TintypeError(f"{name}={text!r} is not a whole number above zero.")
    return value
