"""From a photograph that is dropped to the file that is taken home."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import expect

Server = Any  # of ../conftest.py
Visit = Any  # of conftest.py
Command = Callable[..., bytes]

NAVY = "27365c"
MEANS = """canvases => canvases.map(canvas => {
  const rgba = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return [0, 1, 2, 3].map(i => rgba.filter((_, at) => at % 4 === i)
    .reduce((sum, value) => sum + value / (rgba.length / 4), 0));
})"""


def chroma(visit: Visit) -> tuple[float, float]:
    """How far the left and the right of the photograph on the screen are from gray, 0 to 255."""
    box = visit.page.locator("#sheet").bounding_box()
    shot = Image.open(io.BytesIO(visit.page.screenshot(clip=box))).convert("RGB")
    rgb = np.asarray(shot).astype(int)
    spread = (rgb.max(2) - rgb.min(2))[:, 60:-60]  # without the knob at an edge
    middle = spread.shape[1] // 2
    return float(spread[:, : middle - 60].mean()), float(spread[:, middle + 60 :].mean())


def test_a_photograph_is_dropped_compared_and_taken_home(
    server: Server, visit: Callable[..., Visit], portrait: Path, by_command: Command
) -> None:
    here = visit(server.url)
    expect(here.page.get_by_text("Nothing leaves this machine.")).to_be_visible()
    here.drop(portrait)
    here.wait()
    left, right = chroma(here)
    assert min(left, right) > 10  # all in color

    here.knob.press("End")
    assert max(chroma(here)) < 1  # all before
    expect(here.knob).to_have_attribute("aria-valuenow", "100")
    here.page.mouse.move(*here.on_screen(500, 256))
    here.page.mouse.down()
    here.page.mouse.move(*here.on_screen(400, 256))
    here.page.mouse.move(*here.on_screen(256, 256))
    here.page.mouse.up()
    expect(here.knob).to_have_attribute("aria-valuetext", "50% before, 50% in color")
    left, right = chroma(here)
    assert left < 1 < 10 < right

    strength = here.page.get_by_role("slider", name="Strength")
    strength.focus()
    for _ in range(10):
        strength.press("ArrowLeft")
    expect(here.page.locator("#strength-at")).to_have_text("50%")
    here.wait()
    assert 1 < chroma(here)[1] < 0.7 * right

    with here.page.expect_download() as taken:
        here.page.get_by_role("button", name="Download").click()
    assert taken.value.suggested_filename == "portrait.color.jpg"
    assert taken.value.path().read_bytes() == by_command(portrait, "--strength", "0.5")
    expect(here.page.locator("#note")).to_have_text("Saved as portrait.color.jpg.")

    assert {url.partition("/v1")[0] for url in here.asked if "/v1" in url} == {server.url[:-1]}
    assert all(url.startswith((server.url, f"blob:{server.url}")) for url in here.asked)
    kept = "[localStorage.length, sessionStorage.length, document.cookie.length]"
    assert here.page.evaluate(kept) == [0, 0, 0]
    assert here.page.context.cookies() == []


def test_a_hint_is_placed_moved_undone_and_deleted(
    server: Server, visit: Callable[..., Visit], portrait: Path
) -> None:
    here = visit(server.url)
    here.bring(portrait)
    plain, plain_there = here.pixel(150, 200), here.pixel(300, 380)

    here.page.get_by_role("radio", name="Denim").click()
    here.page.mouse.click(*here.on_screen(150, 200))
    expect(here.dots).to_have_count(1)
    here.wait()
    hinted = here.pixel(150, 200)
    assert hinted[2] - hinted[0] > plain[2] - plain[0] + 30  # bluer
    assert here.pixel(300, 380) == plain_there

    here.page.keyboard.press("Escape")  # nothing more is placed
    here.page.mouse.move(*here.on_screen(150, 200))
    here.page.mouse.down()
    here.page.mouse.move(*here.on_screen(200, 300))
    here.page.mouse.move(*here.on_screen(300, 380))
    here.page.mouse.up()
    here.until(lambda: here.pixel(150, 200) == plain)
    assert here.pixel(300, 380) != plain_there
    here.page.keyboard.press("Control+z")
    here.until(lambda: here.pixel(150, 200) == hinted)
    here.page.keyboard.press("Control+Shift+z")
    here.until(lambda: here.pixel(150, 200) == plain)

    here.dots.press("Delete")
    expect(here.dots).to_have_count(0)
    here.until(lambda: here.pixel(300, 380) == plain_there)
    here.page.get_by_role("button", name="Undo").click()
    expect(here.dots).to_have_count(1)


def test_hints_by_keyboard_reach_the_file(
    server: Server, visit: Callable[..., Visit], portrait: Path, by_command: Command
) -> None:
    here = visit(server.url)
    here.bring(portrait)
    here.page.get_by_role("radio", name="Denim").press("Enter")
    here.page.get_by_role("button", name="Place in the middle").press("Enter")
    expect(here.dots).to_be_focused()
    expect(here.dots).to_have_accessible_name("Hint: Denim at 256, 256")
    here.page.keyboard.press("Shift+ArrowLeft")
    x, y = here.page.locator("#placed .where").inner_text().split(", ")
    assert int(x) < 240
    assert int(y) == 256
    here.page.get_by_role("radio", name="Denim").press("ArrowRight")
    expect(here.page.locator("#placed .what")).to_have_text("Navy")
    here.wait()
    with here.page.expect_download() as taken:
        here.page.get_by_role("button", name="Download").press("Enter")
    hinted = by_command(portrait, "--hint", f"{x},{y}={NAVY}")
    assert taken.value.path().read_bytes() == hinted

    here.page.get_by_role("combobox", name="Model").select_option("tiny.v1")
    here.wait()
    expect(here.page.locator("#hints")).to_be_hidden()  # it takes none
    expect(here.dots).to_have_count(0)


def test_another_coloring_is_chosen_and_taken_home(
    server: Server, visit: Callable[..., Visit], portrait: Path
) -> None:
    here = visit(server.url)
    here.bring(portrait)
    thumbs = here.page.locator("#variants .thumb")
    expect(thumbs).to_have_count(4)
    expect(thumbs.first).to_have_attribute("aria-pressed", "true")

    def means() -> list[list[float]]:
        return here.page.locator("#variants canvas").evaluate_all(MEANS)

    here.until(lambda: all(rgba[3] > 250 for rgba in means()))
    own, red, green, _ = means()
    assert red[0] - own[0] > 20
    assert green[0] < own[0]

    plain = here.pixel(300, 380)
    here.page.get_by_role("button", name="Coloring 2").press("Enter")
    here.wait()
    assert here.pixel(300, 380)[0] - plain[0] > 20
    expect(thumbs.nth(1)).to_have_attribute("aria-pressed", "true")
    with here.page.expect_download() as taken:
        here.page.get_by_role("button", name="Download").press("Enter")
    sent = server.colorize(portrait.read_bytes(), portrait.name, variant="1")
    assert taken.value.path().read_bytes() == sent.content

    here.page.get_by_role("combobox", name="Model").select_option("tiny.v1")
    here.wait()
    expect(here.page.locator("#variants")).to_be_hidden()  # it knows no others


def test_several_are_taken_in_a_zip(
    server: Server, visit: Callable[..., Visit], portrait: Path, cat: Path, tmp_path: Path
) -> None:
    twin = tmp_path / portrait.name
    twin.write_bytes(portrait.read_bytes())
    here = visit(server.url)
    here.bring(portrait, cat, twin)
    frames = here.page.get_by_role("navigation", name="Photographs").locator(".frame")
    expect(frames).to_have_count(3)
    frames.first.press("ArrowRight")
    expect(here.page.locator("#name")).to_have_text("portrait.png")
    expect(frames.last).to_have_accessible_name("portrait.jpg, in color")
    with here.page.expect_download() as taken:
        here.page.get_by_role("button", name="All 3 as a ZIP").click()
    assert taken.value.suggested_filename == "tintype.zip"
    with zipfile.ZipFile(taken.value.path()) as archive:
        assert archive.testzip() is None
        held = {name: archive.read(name) for name in archive.namelist()}
    first, second = (server.colorize(p.read_bytes(), p.name).content for p in (portrait, cat))
    names = ("portrait.color.jpg", "portrait.color.png", "portrait (2).color.jpg")
    assert held == dict(zip(names, (first, second, first), strict=True))

    frames.nth(1).press("Delete")
    expect(frames).to_have_count(2)
    expect(frames.nth(1)).to_be_focused()
