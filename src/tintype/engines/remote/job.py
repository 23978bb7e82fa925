"""What every worker of a cluster is told: the places, and how to color."""

from __future__ import annotations

from dataclasses import dataclass, field

from tintype.formats import Saving


@dataclass(frozen=True)
class Job:
    """The same for all blocks. `source` and `destination` are URLs of folders.

    `model` is the content of an .onnx, so that all machines have the same one. `threads` are those
    of one worker, `jobs` the photographs that it has at a time: while one is colored, others are
    fetched and stored. `max_pixels` is the most that a photograph may have, by default what each
    worker's environment says. The rest is as `batch.colorize_one` has it, and `format` as
    `batch.plan`.
    """

    source: str
    destination: str
    model: bytes = field(repr=False)
    strength: float = 1.0
    keep_tint: bool = False
    format: str | None = None
    overwrite: bool = False
    retry_failed: bool = False
    threads: int = 1
    jobs: int = 2
    max_pixels: int | None = None
    saving: Saving = field(default_factory=Saving)
