"""How a server starts, ends, and goes on where a child of it does not."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from skimage import data

Server = Any  # of conftest.py
Later = Any


def serve(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "tintype", "serve", *map(str, arguments)]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_begun_is_finished_and_nothing_is_left(
    serving: Callable[..., Server],
    later: Callable[..., Later],
    tiny_model: Path,
    camera: bytes,
    number: signal.Signals,
    tmp_path: Path,
) -> None:
    server = serving("--model", tiny_model, "--workers", "1", TMPDIR=str(tmp_path))
    (child,) = server.children()
    child.suspend()
    answers = [later(lambda: server.colorize(camera)) for _ in range(2)]
    while "tintype_admitted 2.0" not in server.client.get("/metrics").text:
        pass
    os.killpg(server.process.pid, number)  # as a terminal does, and systemd
    child.resume()
    assert [answer.response.status_code for answer in answers] == [200, 200]
    assert server.stop() == (0, "tintype: stopped\n")
    assert not child.is_running()
    assert not list(tmp_path.iterdir())


def test_child_that_is_killed_while_it_rests_costs_no_photograph(
    serving: Callable[..., Server], later: Callable[..., Later], tiny_model: Path, camera: bytes
) -> None:
    server = serving("--model", tiny_model, "--workers", "2")
    for _ in range(2):
        server.children()[0].kill()
        assert server.colorize(camera).status_code == 200
    while "tintype_workers 2.0" not in server.client.get("/metrics").text:
        pass
    children = server.children()
    for child in children:
        child.suspend()
    answers = [later(lambda: server.colorize(camera)) for _ in range(2)]
    while "tintype_admitted 2.0" not in server.client.get("/metrics").text:
        pass
    children[0].kill()  # it was sent one, and never took it
    children[1].resume()
    assert [answer.response.status_code for answer in answers] == [200, 200]


def test_child_that_is_killed_fails_its_photograph_and_no_other(
    serving: Callable[..., Server], later: Callable[..., Later], tiny_model: Path, camera: bytes
) -> None:
    server = serving("--model", tiny_model, "--workers", "1")
    large = Image.fromarray(data.camera()).resize((6000, 5000))
    file = io.BytesIO()
    large.save(file, "PNG", compress_level=1)
    files = {"file": ("scan.png", file.getvalue())}
    job = server.client.post("/v1/jobs", files=files).json()["links"]["self"]
    waiting = later(lambda: server.colorize(camera))
    while not server.client.get(job).json()["progress"]:
        pass
    server.children()[0].kill()
    while (told := server.client.get(job).json())["status"] == "running":
        pass
    assert "scan.png: the process that decoded it ended (signal 9)." in told["problem"]["detail"]
    assert waiting.response.status_code == 200
    assert "tintype_crashes_total 1.0" in server.client.get("/metrics").text


def test_photographs_do_not_wait_for_processes_that_cannot_start(
    serving: Callable[..., Server],
    later: Callable[..., Later],
    tiny_model: Path,
    camera: bytes,
    tmp_path: Path,
) -> None:
    model = tmp_path / "tiny.onnx"
    model.write_bytes(tiny_model.read_bytes())
    server = serving("--model", model, "--workers", "1")
    model.unlink()
    (child,) = server.children()
    child.kill()
    child.wait()
    waiting = later(lambda: server.colorize(camera))
    server.refused(waiting.response, 503)
    server.refused(server.colorize(camera), 503)
    server.refused(server.client.get("/readyz"), 503)
    model.write_bytes(tiny_model.read_bytes())
    while not server.client.get("/readyz").is_success:
        pass
    assert server.colorize(camera).status_code == 200
    said = server.stop()[1]
    assert said.count("No process that colors starts: ") == 1


def test_server_that_is_killed_leaves_no_process_and_no_file(
    serving: Callable[..., Server], tiny_model: Path, camera: bytes, tmp_path: Path
) -> None:
    server = serving("--model", tiny_model, "--workers", "1", TMPDIR=str(tmp_path))
    (child,) = server.children()
    server.client.post("/v1/jobs", content=camera)
    server.process.kill()
    child.wait(30)
    assert not list(tmp_path.iterdir())


def test_ready_and_healthy(server: Server) -> None:
    for path in ("/healthz", "/readyz"):
        assert server.client.get(path).json() == {"status": "ok"}


def test_metrics_count_what_was_done(server: Server, camera: bytes) -> None:
    def colored() -> float:
        lines = server.client.get("/metrics").text.splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith(name))

    name = "tintype_colored_total "
    before = colored()
    server.colorize(camera)
    server.colorize(camera[:100])
    assert colored() == before + 1
    server.client.get("/v1/no-such-route-is-a-label")
    text = server.client.get("/metrics").text
    assert 'tintype_requests_total{method="POST",route="/v1/colorize",status="200"}' in text
    assert 'tintype_requests_total{method="POST",route="/v1/colorize",status="422"}' in text
    assert "no-such-route" not in text


def test_port_that_is_taken_is_one_line(tiny_model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve("--port", port, "--model", tiny_model)
    assert done.returncode == 1
    assert done.stderr.startswith(f"tintype: error: 127.0.0.1 port {port}: cannot listen there: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--model", "tintype-smal"), 1, "There is no model 'tintype-smal'. Did you mean"),
        (("--host", "no.such.host.invalid"), 1, "no.such.host.invalid port 0: cannot listen"),
        (("--token", " "), 2, "--token is empty"),
        (("--token", "pässword"), 2, "--token has characters that no header carries"),
        (("--queue", "-1"), 2, "-1 is not in the range x>=0"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = serve("--port", 0, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError(name='fastapi')")
    done = serve(
        "--port", 0, PYTHONPATH=f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    )
    assert done.returncode == 1
    assert done.stderr == (
        "tintype: error: `tintype serve` needs packages that are not installed. "
        "Install them with: pip install 'tintype[serve]'\n"
    )
