"""The service is tested from outside: real server processes on loopback, real photographs."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image
from skimage import data

START_S, END_S = 60, 60


class Server:
    """A process of `tintype serve`, from its first line on."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "tintype", "serve", "--port", "0", *arguments]
        settings = {"PYTHONWARNINGS": "error", "TINTYPE_THREADS": "1"}
        self.process = subprocess.Popen(
            command,
            env=os.environ | settings | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.process.communicate(timeout=START_S)[1]
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def colorize(self, photo: bytes, name: str = "photo.jpg", **fields: Any) -> httpx.Response:
        return self.client.post("/v1/colorize", files={"file": (name, photo)}, data=fields)

    @staticmethod
    def refused(response: httpx.Response, status: int) -> dict[str, Any]:
        """The problem details, which are whole."""
        assert response.status_code == status, response.text[:500]
        assert response.headers["Content-Type"] == "application/problem+json"
        problem: dict[str, Any] = response.json()
        assert problem.keys() - {"hint"} == {"type", "title", "status", "detail"}
        assert problem["status"] == status
        assert str(Path(__file__).parents[2]) not in response.text
        return problem

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and what was said."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=END_S)
        return self.process.returncode, said


class Later(threading.Thread):
    """A request that is answered while the test goes on."""

    def __init__(self, ask: Callable[[], httpx.Response]) -> None:
        super().__init__(daemon=True)
        self._ask = ask
        self.start()

    def run(self) -> None:
        self._response = self._ask()

    @property
    def response(self) -> httpx.Response:
        self.join(END_S)
        return self._response


@pytest.fixture(scope="session")
def server_class() -> type[Server]:
    """To start a server that many tests of a file ask."""
    return Server


@pytest.fixture(scope="session")
def later() -> type[Later]:
    """To ask without waiting for the answer."""
    return Later


@pytest.fixture
def serving() -> Iterator[Callable[..., Server]]:
    """Starts servers as a test says, and ends them."""
    started: list[Server] = []

    def start(*arguments: object, **environment: str) -> Server:
        started.append(Server(*map(str, arguments), **environment))
        return started[-1]

    yield start
    for server in started:
        for child in server.children() if server.process.poll() is None else []:
            child.resume()
        server.stop()


@pytest.fixture(scope="session")
def server(hint_model: Path, tiny_model: Path) -> Iterator[Server]:
    """One that many tests ask; `hint_model` is its default, `tiny_model` its other."""
    started = Server("--workers", "1", "--model", str(hint_model), "--model", str(tiny_model))
    yield started
    code, said = started.stop()
    assert (code, said) == (0, "tintype: stopped\n")


@pytest.fixture(scope="session")
def camera() -> bytes:
    """A real photograph, gray, as a JPEG of 512x512 px."""
    return encoded(data.camera(), "JPEG", quality=92)


@pytest.fixture(scope="session")
def tall() -> bytes:
    """A real photograph that lies on its side: 400 wide and 600 high when upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(data.coffee()[..., 0], "JPEG", exif=exif)


def encoded(array: np.ndarray[Any, Any], format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, format, **options)
    return file.getvalue()
