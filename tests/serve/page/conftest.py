"""The page is walked as a person would: a real browser, a real server, real photographs."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, JSHandle, Page, expect, sync_playwright
from skimage import data

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 30_000
DESK = {"width": 1280, "height": 800}

PASTE = "new ClipboardEvent('paste', { clipboardData, bubbles: true })"
CARRIED = """([name, content]) => {
  const carried = new DataTransfer();
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  carried.items.add(new File([bytes], name));
  return carried;
}"""
PIXEL = """async ([x, y]) => {
  const image = new Image(); // of its own: the page's may change meanwhile
  image.src = document.getElementById("after").src;
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  return [...pen.getImageData(x, y, 1, 1).data.slice(0, 3)];
}"""


class Visit:
    """A person who has the page open."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.asked: list[str] = []
        self.errors: list[str] = []
        page.set_default_timeout(WAIT_MS)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(url)
        self.knob = page.get_by_role("slider", name="Before and after")
        self.dots = page.locator(".dot")

    def bring(self, *photos: Path) -> None:
        """Choose files, and wait until the first is in color."""
        self.page.locator("#files").set_input_files(photos)
        self.wait()

    def drop(self, photo: Path) -> None:
        """Let go of a file over the page."""
        carried = self._carried(photo)
        self.page.dispatch_event("body", "dragover", {"dataTransfer": carried})
        expect(self.page.get_by_text("Drop to color")).to_be_visible()
        self.page.dispatch_event("body", "drop", {"dataTransfer": carried})

    def paste(self, photo: Path) -> None:
        """Paste a file that was copied."""
        pasted = "(clipboardData) => document.body.dispatchEvent(" + PASTE + ")"
        self.page.evaluate(pasted, self._carried(photo))

    def _carried(self, photo: Path) -> JSHandle:
        content = base64.b64encode(photo.read_bytes()).decode()
        return self.page.evaluate_handle(CARRIED, [photo.name, content])

    def wait(self) -> None:
        """Until the stage shows what is wished."""
        busy = self.page.locator("#desk")
        expect(busy).to_have_attribute("aria-busy", "false", timeout=WAIT_MS)

    def until(self, seen: Callable[[], bool]) -> None:
        """Wait for what a wheel or a mouse does; the browser says that it is done a bit early."""
        deadline = time.monotonic() + WAIT_MS / 1000
        while not seen():
            assert time.monotonic() < deadline
            self.page.wait_for_timeout(20)

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        """Of the colored preview."""
        red, green, blue = self.page.evaluate(PIXEL, [x, y])
        return red, green, blue

    def shown_px(self) -> tuple[int, int]:
        """Width and height of the colored preview."""
        image = "document.getElementById('after')"
        width, height = self.page.evaluate(f"[{image}.naturalWidth, {image}.naturalHeight]")
        return width, height

    def on_screen(self, x: int, y: int) -> tuple[float, float]:
        """Where in the window a pixel of the photograph of 512 px is."""
        box = self.page.locator("#sheet").bounding_box()
        assert box is not None
        return box["x"] + x * box["width"] / 512, box["y"] + y * box["height"] / 512


@pytest.fixture(scope="module")  # while it lives, no other event loop can be in this thread
def browser() -> Iterator[Browser]:
    """Chromium, where it is installed."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens the page of a server; further words are those of a browser's context."""
    visits: list[Visit] = []

    def open_page(url: str, **how: Any) -> Visit:
        how = {"viewport": DESK, "reduced_motion": "reduce"} | how
        visits.append(Visit(browser.new_context(**how).new_page(), url))
        return visits[-1]

    yield open_page
    for one in visits:
        one.page.context.close()
        assert not one.errors


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real photograph, gray, as a JPEG of 512x512 px."""
    path = tmp_path_factory.mktemp("photos") / "portrait.jpg"
    Image.fromarray(data.astronaut()).convert("L").save(path, quality=92)
    return path


@pytest.fixture(scope="session")
def cat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another, a PNG of 451x300 px with the name of the first but for the suffix."""
    path = tmp_path_factory.mktemp("photos") / "portrait.png"
    Image.fromarray(data.chelsea()).convert("L").save(path)
    return path


@pytest.fixture
def by_command(tmp_path: Path, hint_model: Path) -> Callable[..., bytes]:
    """What the command line makes of a photograph."""

    def run(photo: Path, *options: str) -> bytes:
        result = tmp_path / f"by-command{photo.suffix}"
        command = [sys.executable, "-m", "tintype", "colorize", str(photo), "-o", str(result)]
        subprocess.run([*command, "--model", str(hint_model), *options], check=True)
        return result.read_bytes()

    return run
