"""Small windows, large pictures, refusals, and those who do not see or do not point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect
from skimage import data

Server = Any  # of ../conftest.py
Visit = Any  # of conftest.py

PHONE = {"width": 390, "height": 844}


def faults(visit: Visit) -> list[str]:
    """What axe-core finds to be serious or worse."""
    options = {"resultTypes": ["violations"]}
    found = Axe().run(visit.page, options=options).response["violations"]
    grave = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    return [f"{fault['id']}: {node['html']}" for fault in grave for node in fault["nodes"]]


def test_nobody_is_kept_out(
    server: Server, visit: Callable[..., Visit], portrait: Path, cat: Path
) -> None:
    here = visit(server.url)
    assert faults(here) == []
    here.bring(portrait, cat)
    here.page.get_by_role("radio", name="Brick").click()
    here.page.mouse.click(*here.on_screen(150, 200))
    here.knob.press("PageUp")
    here.wait()
    assert faults(here) == []
    here.page.get_by_role("button", name="Dark", exact=True).click()
    assert here.page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    assert faults(here) == []


def test_a_phone(server: Server, visit: Callable[..., Visit], portrait: Path, cat: Path) -> None:
    here = visit(server.url, viewport=PHONE, has_touch=True, is_mobile=True)
    here.bring(portrait, cat)
    assert here.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for name in ("Download", "Add photographs", "Place in the middle"):
        expect(here.page.get_by_role("button", name=name, exact=True)).to_be_in_viewport()
    fingers = here.page.context.new_cdp_session(here.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", here.on_screen(400, 200))
    touch("touchMove", here.on_screen(300, 200))
    touch("touchMove", here.on_screen(256, 200))
    touch("touchEnd")
    expect(here.knob).to_have_attribute("aria-valuenow", "50")

    touch("touchStart", here.on_screen(200, 256), here.on_screen(312, 256))
    touch("touchMove", here.on_screen(150, 256), here.on_screen(362, 256))
    touch("touchMove", here.on_screen(100, 256), here.on_screen(412, 256))
    touch("touchEnd")
    expect(here.page.get_by_role("button", name="Fit")).to_have_attribute("aria-pressed", "false")
    sheet = here.page.locator("#sheet")
    here.until(lambda: sheet.bounding_box()["width"] > 1.8 * PHONE["width"])

    here.page.get_by_role("radio", name="Brick").tap()
    here.page.touchscreen.tap(*here.on_screen(256, 300))
    expect(here.dots).to_have_count(1)
    here.wait()
    assert faults(here) == []


def test_zoom_by_wheel_keys_and_double_click(
    server: Server, visit: Callable[..., Visit], portrait: Path
) -> None:
    here = visit(server.url)
    here.bring(portrait)
    sheet = here.page.locator("#sheet")
    fit = sheet.bounding_box()

    spot = here.on_screen(100, 100)
    spot = round(spot[0]), round(spot[1])  # as a mouse has it
    here.page.mouse.move(*spot)
    here.page.mouse.wheel(0, -400)
    here.until(lambda: sheet.bounding_box()["width"] > 1.5 * fit["width"])
    assert here.on_screen(100, 100) == pytest.approx(spot, abs=2)  # stays under the pointer

    before = sheet.bounding_box()
    here.page.mouse.down()
    here.page.mouse.move(spot[0] - 60, spot[1] - 40, steps=3)
    here.page.mouse.up()
    there = pytest.approx((before["x"] - 60, before["y"] - 40), abs=1)
    here.until(lambda: (sheet.bounding_box()["x"], sheet.bounding_box()["y"]) == there)

    here.page.locator("#stage").press("1")
    expect(here.page.locator("#zoom-at")).to_have_text("100%")
    here.page.keyboard.press("0")
    expect(here.page.get_by_role("button", name="Fit")).to_have_attribute("aria-pressed", "true")
    here.until(lambda: sheet.bounding_box() == pytest.approx(fit, abs=1))

    def doubly_clicked() -> bool:
        here.page.mouse.dblclick(*here.on_screen(256, 256))
        here.page.wait_for_timeout(600)  # it glides
        return bool(sheet.bounding_box()["width"] > 1.5 * fit["width"])

    here.until(doubly_clicked)  # on a busy machine two clicks may be too far apart to be one


def test_what_is_refused_is_told(
    server: Server, visit: Callable[..., Visit], portrait: Path, tmp_path: Path
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Ada,")
    here = visit(server.url)
    here.bring(letter)
    expect(here.page.get_by_role("heading", name="Not a photograph")).to_be_visible()
    expect(here.page.locator("#refusal")).to_contain_text("letter.txt")
    expect(here.page.locator("#status")).to_contain_text("Not a photograph")
    expect(here.page.get_by_role("button", name="Download")).to_be_disabled()
    assert faults(here) == []
    here.page.get_by_role("button", name="Remove it").click()
    expect(here.page.get_by_role("button", name="Choose photographs")).to_be_focused()
    here.paste(portrait)  # and it goes on
    here.wait()
    expect(here.page.get_by_role("button", name="Download")).to_be_enabled()


def test_a_server_that_is_gone_and_one_that_asks_for_a_token(
    serving: Callable[..., Server],
    visit: Callable[..., Visit],
    hint_model: Path,
    portrait: Path,
) -> None:
    guarded = ("--token", "sesame-sesame", "--max-mb", "1")
    server = serving("--workers", "1", "--model", hint_model, *guarded)
    here = visit(server.url)
    for word in ("s\u00e9same \u2713", "open", "sesame-sesame"):
        here.page.get_by_label("Token", exact=True).fill(word)
        here.page.get_by_role("button", name="Continue").click()
    expect(here.page.get_by_role("dialog")).to_be_hidden()
    here.bring(portrait)
    shown = here.pixel(256, 256)

    large = portrait.with_name("large.jpg")
    large.write_bytes(portrait.read_bytes() + bytes(1_000_000))
    here.page.locator("#files").set_input_files(large)
    alert = here.page.get_by_role("alert")
    expect(alert).to_contain_text("large.jpg is too large")

    server.stop()
    here.page.get_by_role("slider", name="Strength").press("ArrowLeft")
    expect(alert).to_contain_text("The server does not answer")
    expect(alert.get_by_role("button", name="Try again")).to_be_visible()
    assert here.pixel(256, 256) == shown  # nothing is lost
    here.page.get_by_role("button", name="Download").click()
    expect(alert).to_contain_text("tintype serve")


def test_a_large_scan_is_previewed_and_sharpened(
    server: Server, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    scan = tmp_path / "scan.tif"
    deep = data.camera().astype(np.uint16) * 257
    Image.fromarray(np.kron(deep, np.ones((4, 4), np.uint16))).save(scan)  # 8.4 MB
    here = visit(server.url)
    here.bring(scan)
    assert here.shown_px() == (1600, 1600)
    plain = here.pixel(800, 800)
    here.page.get_by_role("radio", name="Denim").click()
    here.page.get_by_role("button", name="Place in the middle").click()
    here.wait()
    expect(here.dots).to_have_accessible_name("Hint: Denim at 1024, 1024")
    hinted = here.pixel(800, 800)
    assert hinted[2] - hinted[0] > plain[2] - plain[0] + 20  # bluer

    here.page.get_by_role("button", name="100%").click()
    here.until(lambda: here.shown_px() == (2048, 2048))
    assert here.pixel(1024, 1024) == pytest.approx(hinted, abs=12)
