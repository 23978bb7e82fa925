"""Sets of true pictures, results of a foreign tool, and a judge."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from safetensors.numpy import save_file
from skimage import data

from tintype.evaluate import mobilenet

Run = Callable[..., subprocess.CompletedProcess[str]]

PX = 72


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Nine real photographs of three groups and several sizes, in two formats."""
    folder = tmp_path / "truth"
    folder.mkdir()
    views = {"people": data.astronaut(), "food": data.coffee(), "cat": data.chelsea()}
    for group, picture in views.items():
        image = Image.fromarray(picture)
        for i in range(3):
            left, top = i * (image.width - 200) // 2, i * (image.height - 200) // 2
            cut = image.crop((left, top, left + 200, top + 200 - 20 * i))
            suffix = "jpg" if i else "png"
            cut.resize((PX, PX - 7 * i)).save(folder / f"{group}_{i}.{suffix}", quality=95)
    return folder


@pytest.fixture
def foreign(truth: Path, tmp_path: Path) -> Path:
    """Pictures as another tool leaves them: named as the true ones, paler, in another format."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    for file in truth.iterdir():
        with Image.open(file) as image:
            pale = ImageEnhance.Color(image.convert("RGB")).enhance(0.6)
        pale.save(folder / f"{file.stem}.webp", lossless=True)
    return folder


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MobileNetV2 that has learned nothing: what it sees is arbitrary, but depends on color."""
    rng = np.random.default_rng(0)
    tensors = {}
    for name, shape in mobilenet.shapes().items():
        fan_in = int(np.prod(shape[1:]))
        weight = rng.normal(0, (2 / fan_in) ** 0.5, shape)
        tensors[f"{name}.weight"] = weight.astype(np.float16)
        tensors[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    path = tmp_path_factory.mktemp("judge") / "mobilenet.safetensors"
    save_file(tensors, path)
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of other runs are not seen, and one process measures unless a test says."""
    monkeypatch.setenv("TINTYPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TINTYPE_THREADS", "1")
    return tmp_path / "cache"


@pytest.fixture
def evaluate(tmp_path: Path) -> Run:
    """Runs `tintype evaluate` in a process of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "tintype", "evaluate"]
        return subprocess.run(
            [*command, *map(str, arguments)],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


class Browser:
    """A page of headless Chromium, driven by the DevTools protocol over a pipe."""

    def __init__(self, program: str, profile: Path) -> None:
        (its_in, self._out), (self._in, its_out) = os.pipe(), os.pipe()
        flags = "--headless --no-sandbox --disable-gpu --no-first-run --remote-debugging-pipe"
        started = f"exec {program} {flags} --user-data-dir={profile} 3<&{its_in} 4>&{its_out}"
        self._process = subprocess.Popen(
            ["bash", "-c", started],
            pass_fds=(its_in, its_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(its_in)
        os.close(its_out)
        self._read, self._calls, self._session = b"", 0, {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """One command and its answer."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": params, **self._session}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._read:
                assert select.select([self._in], [], [], 60)[0], f"{method}: no answer"
                got = os.read(self._in, 1 << 16)
                assert got, f"{method}: Chromium has ended"
                self._read += got
            text, _, self._read = self._read.partition(b"\0")
            answer = json.loads(text)
            if answer.get("id") == self._calls:
                result: dict[str, Any] = answer["result"]
                return result

    def evaluate(self, expression: str) -> Any:
        """The value of some JavaScript."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, page: Path, width_px: int) -> None:
        """Show a page in a window of some width."""
        size = {"width": width_px, "height": 900, "deviceScaleFactor": 1}
        self.call("Emulation.setDeviceMetricsOverride", mobile=width_px < 600, **size)
        self.call("Page.navigate", url=page.as_uri())
        deadline = time.monotonic() + 60
        ready = f"document.readyState === 'complete' && location.href === '{page.as_uri()}'"
        while not self.evaluate(ready):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def press(self, key: str, code: int) -> None:
        """A key of the keyboard, by its name and its Windows code."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text,
            )  # fmt: skip

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A real browser, where one is installed."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed")
    opened = Browser(program, tmp_path / "browser")
    yield opened
    opened.close()
