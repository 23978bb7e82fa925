"""Make `images/page.jpg`, the page of `tintype serve` as it is seen: `python docs/page.py`.

A real server with the model in the package, and Chromium at two sizes. The photograph comes with
scikit-image.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright
from skimage import data

PICTURE = Path(__file__).with_name("images") / "page.jpg"
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 800}
GAP_PX = 24


def look(browser: Browser, url: str, photo: Path, scheme: str, size: dict[str, int]) -> Image.Image:
    """The page with a photograph, half of it in color."""
    page = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    page.goto(url)
    page.locator("#files").set_input_files(photo)
    expect(page.locator("#desk")).to_have_attribute("aria-busy", "false", timeout=60_000)
    knob = page.get_by_role("slider", name="Before and after")
    for _ in range(5):
        knob.press("PageUp")
    knob.blur()
    page.wait_for_timeout(500)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def main() -> None:
    """Two views beside each other."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    serve = [sys.executable, "-m", "tintype", "serve", "--port", "0"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server,
        sync_playwright() as playwright,
    ):
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        photo = Path(folder) / "collins.jpg"
        Image.fromarray(data.astronaut()).convert("L").save(photo, quality=95)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        desk = look(browser, url, photo, "light", DESK)
        phone = look(browser, url, photo, "dark", PHONE)
        browser.close()
        server.terminate()
    both = Image.new("RGB", (desk.width + GAP_PX + phone.width, desk.height), "white")
    both.paste(desk, (0, 0))
    both.paste(phone, (desk.width + GAP_PX, 0))
    both.save(PICTURE, quality=88)


if __name__ == "__main__":
    main()
