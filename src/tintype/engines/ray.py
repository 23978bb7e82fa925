"""Ray Data calls `colorize_block` over the plan, on as many machines as there are.

The listing is a stream of names of parts, drawn as workers are free; results come back as they are
done. A task does a block, and the process that runs it holds one session, block after block. Tasks
and not actors: what was begun on a machine that goes away begins anew on any other, while an
actor would wait, its blocks with it, for a machine to take the place of the first.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from tintype.errors import MissingExtra, OutputError, PhotoError, TintypeError
from tintype.formats import WRITTEN, Saving
from tintype.models import store
from tintype.settings import Settings

if TYPE_CHECKING:
    from tintype.engines.remote.job import Job
    from tintype.engines.remote.parts import Outcome

CONNECTING_S = 20

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is imported or started


def colorize_dataset(
    source: str,
    destination: str,
    *,
    model: str | os.PathLike[str] = "tintype-small",
    address: str | None = None,
    strength: float = 1.0,
    keep_tint: bool = False,
    format: str | None = None,
    overwrite: bool = False,
    retry_failed: bool = False,
    threads: int = 1,
    jobs: int = 2,
    **saving: Unpack[Saving],
) -> Generator[Outcome]:
    """Color what lies below a URL into the tree below another; outcomes come as blocks are done.

    URLs are those of any file system that fsspec knows, with credentials where it looks for them.
    `address` is that of a Ray cluster; without it that of `RAY_ADDRESS`, or else one is started on
    this machine and stopped at the end. A worker takes `threads` cores, and a GPU where the cluster
    has any, and has `jobs` photographs at a time: while one is colored, others are fetched and
    stored. The rest is as `batch.colorize_one` and `batch.plan` have it.

    Raises `MissingExtra` without the extra `ray`; `TintypeError` for URLs that cannot be used or
    overlap, and where nothing more can be read or written;
    `ValueError` for options out of range.
    """
    if not all(map(find_spec, ("ray", "pyarrow", "fsspec"))):
        raise MissingExtra.named("ray", "The engine 'ray'")
    from tintype.colorizer import STRONGEST, Colorizer
    from tintype.engines.remote.job import Job

    if not 0 <= strength <= STRONGEST:  # NaN fails here too
        raise ValueError(f"strength is {strength}; it must be a number from 0 to {STRONGEST}")
    if format is not None and format not in WRITTEN:
        raise ValueError(f"format is {format!r}; it is one of {', '.join(WRITTEN)}")
    if min(threads, jobs) < 1:
        raise ValueError(f"threads is {threads} and jobs {jobs}; both are 1 or more")
    Colorizer(model, threads=1)  # a file that is no model is told here, and not by every worker
    job = Job(
        source=_absolute(source),
        destination=_absolute(destination),
        model=store.locate(model).read_bytes(),
        strength=strength,
        keep_tint=keep_tint,
        format=format,
        overwrite=overwrite,
        retry_failed=retry_failed,
        threads=threads,
        jobs=jobs,
        max_pixels=Settings.from_environment().max_pixels,
        saving=saving,
    )
    _check(job)
    return _run(job, address)


def _check(job: Job) -> None:
    """Raise what can be known before a cluster is asked."""
    from tintype.engines.remote.place import Place

    source, destination = Place(job.source), Place(job.destination)
    for place in (source, destination):
        if place.is_memory:
            raise TintypeError(
                f"{place.url}: is the memory of one process, and workers are others.",
                hint="Use s3:// or file://.",
            )
    if source.overlaps(destination):
        raise OutputError(
            f"{destination.url}: overlaps with {source.url}, where originals lie.",
            hint="Name another output.",
        )
    if not destination.is_written_whole:
        raise OutputError(
            f"{destination.url}: a worker that dies could leave half a result there.",
            hint="Use s3://, gs://, abfs:// or file://.",
        )
    if next(iter(source.list()), None) is None:
        raise PhotoError(f"{source.url}: nothing lies below it.")


def _run(job: Job, address: str | None) -> Generator[Outcome]:
    import ray
    from ray.data import DataContext

    from tintype.engines.remote.parts import Outcome

    with ExitStack() as ending:
        if not ray.is_initialized():
            _connect(address, ending)
        context = DataContext.get_current().copy()
        context.target_max_block_size = 1  # a row a block: names are handed out as they are listed
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        gpus = 1 if ray.cluster_resources().get("GPU") else None
        with _silent("ray.data"), DataContext.current(context):
            # Ray tries again, without end, what was lost with a machine or a process
            parts = ray.data.from_items([{"listing": 0}]).map_batches(
                partial(_list, job), num_cpus=0
            )
            done = parts.map_batches(partial(_color, job), num_cpus=job.threads, num_gpus=gpus)
            try:
                for block in done.iter_rows():
                    yield from (Outcome(**outcome) for outcome in json.loads(block["outcomes"]))
            except ray.exceptions.RayError as error:
                raise _cause(error) from None


def _connect(address: str | None, ending: ExitStack) -> None:
    """Join a cluster, or start one that is gone at the end with all its files."""
    import ray

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    address = address or os.environ.get("RAY_ADDRESS")
    if not address or address == "local":
        folder = ending.enter_context(tempfile.TemporaryDirectory(prefix="ray-"))
        options |= {"include_dashboard": False, "_temp_dir": folder}
        address = "local"
    ending.callback(ray.shutdown)
    host, colon, port = address.rpartition(":")
    try:
        if colon and port.isdigit() and "//" not in host:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), CONNECTING_S).close()
        try:
            ray.init(address, **options)
        except Exception:  # it gives a node 30 s, which a busy machine may need twice
            if address != "local":
                raise
            ray.shutdown()
            ray.init(address, **options)
    except Exception as error:  # Ray has no class of its own for this
        told = str(error).strip().partition("\n")[0].rstrip(".")
        raise TintypeError(f"{address}: no Ray cluster can be reached: {told}.") from None


@contextmanager
def _silent(logger: str) -> Iterator[None]:
    """What goes wrong is told once, in one line, by who called."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def _list(job: Job, _: dict[str, Any]) -> Iterator[dict[str, list[str]]]:
    from tintype.engines.remote.parts import write_plan
    from tintype.engines.remote.place import Place

    for part in write_plan(Place(job.source), Place(job.destination)):
        yield {"part": [part]}


def _color(job: Job, parts: dict[str, Any]) -> Iterator[dict[str, list[str]]]:
    os.environ["TINTYPE_THREADS"] = str(job.threads)  # libvips reads it once, when it is loaded
    if job.max_pixels:
        os.environ["TINTYPE_MAX_PIXELS"] = str(job.max_pixels)
    from tintype.engines.remote.block import colorize_block

    for part in parts["part"]:
        outcomes = [asdict(outcome) for outcome in colorize_block(job, str(part))]
        yield {"outcomes": [json.dumps(outcomes)]}


def _cause(error: BaseException) -> TintypeError:
    """What a worker raised, from within what Ray says of it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, TintypeError):
            return seen
        seen = getattr(seen, "cause", None) or seen.__cause__
    told = str(error).strip().splitlines()
    return TintypeError(f"Ray: {told[-1] if told else type(error).__name__}")


def _absolute(url: str) -> str:
    """Of a plain path, what every process takes for the same."""
    return url if "://" in url else f"file://{Path(url).absolute()}"
