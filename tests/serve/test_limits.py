"""What is too large, too many or too slow is refused, with the value and the limit."""

from __future__ import annotations

import io
import shutil
import socket
import struct
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

Server = Any  # of conftest.py
Later = Any

MEGA = 1_000_000


@pytest.fixture(scope="module")
def narrow(tiny_model: Path, server_class: Callable[..., Server]) -> Iterator[Server]:
    """A server with narrow limits: 1 MB, 1 megapixel, 2 s, one worker and one in the line."""
    limits = ("--max-mb", "1", "--max-megapixels", "1", "--queue", "1", "--time-limit", "2")
    started = server_class("--model", str(tiny_model), "--workers", "1", *limits)
    yield started
    started.stop()


def test_limits_are_told(narrow: Server) -> None:
    told = narrow.client.get("/v1/limits").json()
    assert (told["max_bytes"], told["max_pixels"]) == (MEGA, MEGA)
    assert (told["queue"], told["workers"], told["time_s"]) == (1, 1, 2)
    assert "jpeg" in told["formats_in"]
    assert told["formats_out"] == ["jpeg", "png", "tiff", "webp", "avif"]


def test_upload_that_says_it_is_too_long_is_not_read(narrow: Server) -> None:
    port = int(narrow.url.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/colorize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99000000\r\n\r\n"
        )
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"has 99000000 bytes or more; 1000000 are taken" in answer


@pytest.mark.parametrize("is_form", [False, True])
def test_upload_that_does_not_say_so_is_not_read_to_its_end(narrow: Server, is_form: bool) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        if is_form:
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while sent < 50 * MEGA:
            sent += 65536
            yield bytes(65536)

    kind = "multipart/form-data; boundary=x" if is_form else "image/jpeg"
    try:
        response = narrow.client.post(
            "/v1/colorize", content=endless(), headers={"Content-Type": kind}
        )
    except httpx.WriteError:
        pytest.skip("the connection was closed before the answer could be read")
    assert "1000000 are taken" in narrow.refused(response, 413)["detail"]


def test_too_many_pixels_are_refused_by_the_header_alone(narrow: Server) -> None:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "PNG")
    content = file.getvalue()
    header = b"IHDR" + struct.pack(">II", 30_000, 30_000) + content[24:29]
    bomb = content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
    problem = narrow.refused(narrow.colorize(bomb, "bomb.png"), 413)
    assert "30000 x 30000 is more than the limit of 1000000 pixels" in problem["detail"]


def test_line_that_is_full_is_told_with_a_time(
    narrow: Server, camera: bytes, later: Callable[..., Later]
) -> None:
    (child,) = narrow.children()
    child.suspend()
    try:
        served = [later(lambda: narrow.colorize(camera)) for _ in range(2)]
        until_s = time.monotonic() + 10
        while "tintype_admitted 2.0" not in narrow.client.get("/metrics").text:
            assert time.monotonic() < until_s
        refused = [narrow.colorize(camera) for _ in range(3)]
    finally:
        child.resume()
    for response in refused:
        problem = narrow.refused(response, 429)
        assert int(response.headers["Retry-After"]) >= 1
        assert response.headers["Retry-After"] in problem["hint"]
    assert [each.response.status_code for each in served] == [200, 200]
    assert narrow.colorize(camera).status_code == 200


def test_photograph_that_takes_too_long_ends_its_process_alone(
    narrow: Server, camera: bytes
) -> None:
    (child,) = narrow.children()
    child.suspend()
    problem = narrow.refused(narrow.colorize(camera, "slow.jpg"), 422)
    assert problem["detail"] == "slow.jpg: takes longer than 2 s."
    assert narrow.colorize(camera).status_code == 200
    assert not child.is_running()


def test_upload_that_takes_too_long_is_refused(narrow: Server) -> None:
    def slow() -> Iterator[bytes]:
        for _ in range(8):
            yield b"x"
            time.sleep(0.5)

    try:
        response = narrow.client.post("/v1/colorize", content=slow())
    except httpx.WriteError:
        pytest.skip("the connection was closed before the answer could be read")
    assert "longer than 2 s" in narrow.refused(response, 408)["detail"]


def test_upload_that_trickles_loses_its_place(server: Server) -> None:
    port = int(server.url.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/colorize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n?"
        )
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"slower than 10 kB a second" in answer


def test_head_that_trickles_loses_its_connection(server: Server) -> None:
    port = int(server.url.rstrip("/").rpartition(":")[2])
    start_s = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        closed = b"?"
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
        while closed:
            connection.settimeout(0.5)
            try:
                closed = connection.recv(100)
            except TimeoutError:
                with suppress(OSError):
                    connection.sendall(b"l")
            except ConnectionResetError:
                closed = b""
            assert time.monotonic() - start_s < 20
    assert server.client.get("/healthz").is_success


def test_idle_connections_are_limited_and_cost_nothing_when_gone(narrow: Server) -> None:
    port = int(narrow.url.rstrip("/").rpartition(":")[2])
    with ExitStack() as held:
        for _ in range(260):
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
        assert httpx.get(f"{narrow.url}healthz", timeout=30).status_code == 503
    until_s = time.monotonic() + 10
    while not httpx.get(f"{narrow.url}healthz", timeout=30).is_success:
        assert time.monotonic() < until_s


def test_client_that_goes_away_while_it_sends_is_no_failure(server: Server) -> None:
    def refused() -> list[str]:
        told = 'tintype_requests_total{method="POST",route="/v1/colorize",status="408"}'
        lines = server.client.get("/metrics").text.splitlines()
        return [line for line in lines if line.startswith(told)]

    before = refused()
    port = int(server.url.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"POST /v1/colorize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n?"
        )
    until_s = time.monotonic() + 10
    while refused() == before:
        assert time.monotonic() < until_s
    assert 'status="500"' not in server.client.get("/metrics").text


def test_client_that_goes_away_while_it_waits_leaves_the_line(
    narrow: Server, camera: bytes, later: Callable[..., Later]
) -> None:
    (child,) = narrow.children()
    child.suspend()
    try:
        running = later(lambda: narrow.colorize(camera))
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{narrow.url}v1/colorize", content=camera, timeout=0.5)
        until_s = time.monotonic() + 10
        while "tintype_admitted 1.0" not in narrow.client.get("/metrics").text:
            assert time.monotonic() < until_s
    finally:
        child.resume()
    assert running.response.status_code == 200


def test_memory_is_not_kept_by_what_was_refused(narrow: Server) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 900_000, np.uint8).tobytes()
    for _ in range(20):
        narrow.refused(narrow.colorize(noise), 415)
    assert "tintype_admitted 0.0" in narrow.client.get("/metrics").text


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 kB, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs to mount a small disk, which only root may")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_full_disk_is_told_and_passes(
    small_disk: Path, tiny_model: Path, camera: bytes, server_class: Callable[..., Server]
) -> None:
    server = server_class("--model", str(tiny_model), "--workers", "1", TMPDIR=str(small_disk))
    try:
        for response in (
            server.colorize(bytes(2_000_000)),
            server.client.post("/v1/colorize", content=bytes(2_000_000)),
            server.colorize(camera, format="png"),  # here the result is what does not fit
        ):
            assert server.refused(response, 507)["detail"] == "The server's disk is full."
        assert server.colorize(camera, preview_px=200).status_code == 200
        assert not list(small_disk.iterdir())
    finally:
        code, said = server.stop()
    assert (code, said) == (0, "tintype: stopped\n")
