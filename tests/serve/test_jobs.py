"""Jobs: begun, asked about, fetched, forgotten."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

Server = Any  # of conftest.py


def begun(server: Server, photo: bytes, **fields: str) -> dict[str, Any]:
    files = {"file": ("scan.jpg", photo)}
    response = server.client.post("/v1/jobs", files=files, data=fields)
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    assert response.headers["Location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    return job


def ended(server: Server, job: dict[str, Any]) -> dict[str, Any]:
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        told: dict[str, Any] = server.client.get(job["links"]["self"]).json()
        if told["status"] not in ("queued", "running"):
            return told
        time.sleep(0.05)
    raise TimeoutError


def test_result_is_that_of_a_single_request(server: Server, camera: bytes) -> None:
    job = begun(server, camera, strength="0.5")
    done = ended(server, job)
    assert (done["status"], done["progress"], done["position"]) == ("done", 1, 0)
    result = server.client.get(job["links"]["result"])
    single = server.colorize(camera, "scan.jpg", strength="0.5")
    assert result.content == single.content
    for name in ("Content-Type", "Content-Disposition", "X-Tintype-Model", "X-Tintype-Size"):
        assert result.headers[name] == single.headers[name]
    assert server.client.get(job["links"]["result"]).content == single.content


def test_failure_is_told_as_by_a_single_request(server: Server, camera: bytes) -> None:
    job = begun(server, camera[:9000])
    told = ended(server, job)
    assert told["status"] == "failed"
    single = server.refused(server.colorize(camera[:9000], "scan.jpg"), 422)
    problem = {key: value for key, value in told["problem"].items() if value is not None}
    assert problem == single
    assert server.refused(server.client.get(job["links"]["result"]), 422) == single


def test_ids_cannot_be_guessed(server: Server, camera: bytes) -> None:
    ids = {begun(server, camera)["id"] for _ in range(5)}
    assert len(ids) == 5
    assert min(map(len, ids)) >= 32
    server.refused(server.client.get("/v1/jobs/1"), 404)
    server.refused(server.client.get("/v1/jobs/1/result"), 404)
    server.refused(server.client.delete("/v1/jobs/1"), 404)


def test_forgotten_is_gone(server: Server, camera: bytes) -> None:
    job = begun(server, camera)
    ended(server, job)
    assert server.client.delete(job["links"]["self"]).status_code == 204
    server.refused(server.client.get(job["links"]["result"]), 404)


@pytest.fixture(scope="module")
def forgetful(tiny_model: Path, server_class: Callable[..., Server]) -> Iterator[Server]:
    """A server of one worker that keeps 1 MB of results for 2 s; of 1 MB and 1 megapixel."""
    limits = ("--queue", "4", "--keep", "2", "--keep-mb", "1")
    limits += ("--max-mb", "1", "--max-megapixels", "1")
    started = server_class("--model", str(tiny_model), "--workers", "1", *limits)
    yield started
    started.stop()


def test_waiting_running_and_forgotten_while_running(forgetful: Server, camera: bytes) -> None:
    server = forgetful
    (child,) = server.children()
    child.suspend()
    running, first, second = (begun(server, camera) for _ in range(3))
    assert server.client.get(running["links"]["self"]).json()["status"] == "running"
    server.refused(server.client.get(running["links"]["result"]), 409)
    places = [server.client.get(job["links"]["self"]).json() for job in (first, second)]
    assert [(place["status"], place["position"]) for place in places] == [
        ("queued", 1),
        ("queued", 2),
    ]
    assert server.client.delete(first["links"]["self"]).status_code == 204
    assert server.client.get(second["links"]["self"]).json()["position"] == 1
    assert server.client.delete(running["links"]["self"]).status_code == 204
    assert ended(server, second)["status"] == "done"  # by a child that was started anew


def test_results_are_dropped_for_newer_ones_and_after_a_time(
    forgetful: Server, camera: bytes
) -> None:
    jobs = [begun(forgetful, camera, format="png") for _ in range(5)]
    ended(forgetful, jobs[-1])
    results = [forgetful.client.get(job["links"]["result"]) for job in jobs]
    kept = [result.status_code == 200 for result in results]
    assert kept == sorted(kept)  # the newest
    assert kept[-1]
    assert not kept[0]
    assert sum(len(result.content) for result in results if result.is_success) <= 1_000_000
    while "tintype_kept_bytes 0.0" not in forgetful.client.get("/metrics").text:
        time.sleep(0.1)
    forgetful.refused(forgetful.client.get(jobs[-1]["links"]["result"]), 404)


def test_job_without_a_place_for_its_result_fails_and_costs_no_process(
    forgetful: Server, camera: bytes
) -> None:
    process, (child,) = psutil.Process(forgetful.process.pid), forgetful.children()
    child.suspend()
    first, second = begun(forgetful, camera), begun(forgetful, camera)
    descriptors = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (3, descriptors[1]))
    try:
        child.resume()
        told = ended(forgetful, second)
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, descriptors)
    assert told["problem"]["status"] == 500
    assert ended(forgetful, first)["status"] == "done"
    for _ in range(2):
        forgetful.refused(forgetful.client.get(second["links"]["result"]), 500)
    assert forgetful.children() == [child]


def test_result_that_grows_without_end_is_refused(forgetful: Server) -> None:
    side, pages = 900, 20
    told = ended(forgetful, begun(forgetful, pages_of_the_same_pixels(side, pages)))
    assert told["problem"]["status"] == 422
    assert "cannot be written" in told["problem"]["detail"]


def pages_of_the_same_pixels(side: int, pages: int) -> bytes:
    """A TIFF, of noise, whose pages share their strip."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8).tobytes()
    entries = {256: side, 257: side, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: side}
    entries[279] = len(pixels)
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    length = 2 + len(tags) + 4
    first = 8 + len(pixels)
    folders = b"".join(
        struct.pack("<H", len(entries))
        + tags
        + struct.pack("<I", first + length * (page + 1) if page + 1 < pages else 0)
        for page in range(pages)
    )
    return b"II*\0" + struct.pack("<I", first) + pixels + folders
