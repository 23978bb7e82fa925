"""What a person does while the server is still at work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Route, expect
from skimage import data

Server = Any  # of ../conftest.py
Visit = Any  # of conftest.py


def held(visit: Visit, path: str, act: Callable[[], object]) -> Route:
    """The first request for a path that an act makes, kept back."""
    kept: list[Route] = []
    visit.page.route(f"**{path}", lambda route: kept.append(route), times=1)
    with visit.page.expect_request(f"**{path}"):
        act()
    for _ in range(1000):
        if kept:
            break
        visit.page.wait_for_timeout(10)
    return kept[0]


def test_another_model_is_chosen_while_one_colors(
    server: Server, visit: Callable[..., Visit], portrait: Path
) -> None:
    here = visit(server.url)
    here.bring(portrait)
    models = here.page.get_by_role("combobox", name="Model")
    first = models.input_value()
    colored = here.pixel(150, 200)
    other = held(here, "/v1/colorize", lambda: models.select_option("tiny.v1"))
    with here.page.expect_request("**/v1/colorize"):  # the other's picture is not taken for it
        models.select_option(first)
    other.continue_()
    here.wait()
    assert here.pixel(150, 200) == colored


def test_another_photograph_is_chosen_while_one_is_saved(
    server: Server, visit: Callable[..., Visit], portrait: Path, cat: Path
) -> None:
    here = visit(server.url)
    here.bring(portrait, cat)
    frames = here.page.get_by_role("navigation", name="Photographs").locator(".frame")
    strength = here.page.get_by_role("slider", name="Strength")
    expect(frames.last).to_have_accessible_name("portrait.png, in color")
    strength.press("ArrowLeft")
    with here.page.expect_request("**/v1/colorize"):
        frames.last.click()
    here.wait()

    download = here.page.locator("#download")
    job = held(here, "/v1/jobs", download.click)
    frames.first.click()
    expect(here.page.locator("#name")).to_have_text("portrait.jpg")
    here.wait()
    assert (
        here.page.locator("#after").evaluate("image => image.style.filter") == ""
    )  # not forgotten
    expect(download).to_be_disabled()  # one at a time
    expect(here.page.locator("#download-all")).to_be_disabled()
    strength.focus()
    with here.page.expect_download() as taken:
        job.continue_()
    assert taken.value.suggested_filename == "portrait.color.png"
    expect(download).to_be_enabled()
    expect(strength).to_be_focused()


def test_a_hint_on_the_last_row_of_a_heavy_photograph(
    server: Server, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    heavy = tmp_path / "panorama.jpg"
    row = np.tile(data.camera()[200:301], (1, 8))[:, :4000]  # 101 rows are 40.4 of the preview
    Image.fromarray(row).save(heavy)
    heavy.write_bytes(heavy.read_bytes() + bytes(8_000_000))
    here = visit(server.url)
    here.bring(heavy)
    here.page.get_by_role("radio", name="Denim").press("Enter")
    here.page.get_by_role("button", name="Place in the middle").press("Enter")
    for _ in range(3):
        here.page.keyboard.press("Shift+ArrowDown")
    expect(here.page.locator("#placed .where")).to_have_text("2000, 100")
    here.wait()
    expect(here.page.locator("#alert")).to_be_empty()


def test_a_preview_that_cannot_be_shown_holds_up_no_other(
    server: Server, visit: Callable[..., Visit], portrait: Path, cat: Path
) -> None:
    here = visit(server.url)
    files = here.page.locator("#files")
    preview = held(here, "/v1/colorize", lambda: files.set_input_files([portrait, cat]))
    preview.fulfill(status=200, content_type="image/jpeg", body=b"torn")
    expect(here.page.get_by_role("heading", name="cannot show the preview")).to_be_visible()
    frames = here.page.get_by_role("navigation", name="Photographs").locator(".frame")
    expect(frames.last).to_have_accessible_name("portrait.png, in color")
