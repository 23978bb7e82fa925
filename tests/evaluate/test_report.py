"""The report opens in a real browser, offline, on a desk and on a phone."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., subprocess.CompletedProcess[str]]

PHONE_PX, DESK_PX = 390, 1280
TAB, ENTER, RIGHT = ("Tab", 9), ("Enter", 13), ("ArrowRight", 39)


@pytest.fixture
def report(evaluate: Run, truth: Path, foreign: Path, tiny_model: Path, tmp_path: Path) -> Path:
    """The folder of a report on a folder of results and a model."""
    folder = tmp_path / "report"
    done = evaluate(
        *(foreign, tiny_model, "--data", truth),
        *("--against", "tiny.onnx", "--report", folder),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(folder / "index.html")
    return folder


def test_everything_is_in_the_page(report: Path) -> None:
    page = (report / "index.html").read_text("utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:)|@import|url\(|https?://""", page)
    assert page.count("data:image/jpeg") == 9 * 5  # the baselines and two more of each picture
    for word in ("Best", "Median", "Worst", "Against tiny.onnx", "foreign", "CIEDE2000"):
        assert word in page


def test_the_same_figures_for_papers_and_programs(report: Path) -> None:
    figures = json.loads((report / "table.json").read_text("utf-8"))
    de00 = f"{figures['groups']['all']['foreign']['de00']['mean']:.2f}"
    markdown = (report / "table.md").read_text("utf-8")
    latex = (report / "table.tex").read_text("utf-8")
    assert f"| foreign | {de00} |" in markdown
    assert rf"foreign & {de00} &" in latex
    assert latex.count(r"\\") == 1 + 5  # the head, two rows, three baselines
    columns = re.search(r"tabular}{(l+r+)}", latex)
    assert columns is not None
    assert {line.count("&") for line in latex.splitlines() if "&" in line} == {
        len(columns.group(1)) - 1
    }


def test_the_sheet_shows_every_row(report: Path) -> None:
    with Image.open(report / "sheet.png") as sheet:
        assert sheet.width == 5 * 208 + 8
        pixels = np.asarray(sheet.convert("RGB"))
    colorful = np.ptp(pixels, axis=-1) > 20
    assert not colorful[:, :200].any()  # gray
    assert all(colorful[:, 216 + 208 * i : 416 + 208 * i].any() for i in range(4))


def test_names_cannot_break_the_page(
    evaluate: Run, truth: Path, foreign: Path, tmp_path: Path
) -> None:
    odd = foreign.rename(tmp_path / "<q>&_50%")
    done = evaluate(odd, "--data", truth, "--limit", 1, "--report", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    assert "<q>&" not in (tmp_path / "report" / "index.html").read_text("utf-8")
    assert r"\textless{}q\textgreater{}\&\_50\%" in (tmp_path / "report" / "table.tex").read_text(
        "utf-8"
    )


@pytest.mark.parametrize("width", [PHONE_PX, DESK_PX])
def test_in_a_browser(report: Path, browser: Any, width: int) -> None:
    browser.open(report / "index.html", width)
    seen = browser.evaluate("""
        const pictures = [...document.images];
        ({
            overflow: document.documentElement.scrollWidth - window.innerWidth,
            pictures: pictures.filter((i) => i.complete && i.naturalWidth > 0).length,
            all: pictures.length,
            plots: document.querySelectorAll("svg").length,
            rows: document.querySelector("table").rows.length,
        })
    """)
    assert seen.pop("overflow") <= 0
    assert seen.pop("plots") >= 4
    assert seen == {"pictures": 9 * 5 + 2, "all": 9 * 5 + 2, "rows": 6}


def test_by_keyboard_alone(report: Path, browser: Any) -> None:
    browser.open(report / "index.html", DESK_PX)

    def tab_to(selector: str) -> None:
        for _ in range(200):
            browser.press(*TAB)
            if browser.evaluate(f"document.activeElement.matches('{selector}')"):
                return
        pytest.fail(f"{selector} is not reached")

    at = "document.getElementById('slider').style.getPropertyValue('--at')"
    tab_to("input[type=range]")
    for _ in range(7):
        browser.press(*RIGHT)
    assert browser.evaluate(at) == "57%"

    tab_to(".exhibit figure:nth-child(2) button")
    browser.press(*ENTER)
    shown = browser.evaluate("""
        [document.getElementById("left").value, document.getElementById("left-name").textContent,
         document.getElementById("under").alt, document.activeElement.type]
    """)
    assert shown[:2] == ["half", "half"]
    assert shown[2].endswith(", half")
    assert shown[3] == "range"
    browser.press(*RIGHT)
    assert browser.evaluate(at) == "58%"


def test_long_names_on_a_phone(
    evaluate: Run, truth: Path, foreign: Path, tmp_path: Path, browser: Any
) -> None:
    long = "results-of-a-tool-whose-name-goes-on-" + "x" * 60
    for file in [*truth.iterdir(), *foreign.iterdir()]:
        file.rename(file.with_name("a_group_".join(["photographs-of-" * 5, file.name])))
    results = foreign.rename(tmp_path / long)
    done = evaluate(results, "--data", truth, "--against", "gray", "--report", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    browser.open(tmp_path / "report" / "index.html", PHONE_PX)
    seen = browser.evaluate("""
        ({
            overflow: document.documentElement.scrollWidth - window.innerWidth,
            names: [...document.querySelectorAll("tbody th")].map((th) => th.offsetWidth),
            cut: [...document.querySelectorAll("svg .row")].map((text) => text.getBBox().x),
        })
    """)
    assert seen["overflow"] <= 0
    assert max(seen["names"]) < PHONE_PX / 2  # leaves room for figures beside them
    assert min(seen["cut"]) >= 0


def test_nothing_is_measured_for_what_cannot_be_written(
    evaluate: Run, truth: Path, foreign: Path, own_cache: Path
) -> None:
    picture = truth / "cat_0.png"
    content = picture.read_bytes()
    for option, path, told in (
        ("--report", picture, "Not a directory"),
        ("--report", Path("/proc/report"), "cannot be written"),
        ("--json", Path("/proc/new/figures.json"), "cannot be written"),
        ("--json", truth, "is a folder"),
        ("--json", picture, "is a picture; originals are never replaced"),
    ):
        done = evaluate(foreign, "--data", truth, option, path)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert told in line
        assert str(path) in line or "/proc" in line
    assert not own_cache.exists()
    assert picture.read_bytes() == content


def test_folders_of_what_is_written_are_made(
    evaluate: Run, truth: Path, foreign: Path, tmp_path: Path
) -> None:
    figures = tmp_path / "new" / "er" / "figures.json"
    arguments = (foreign, "--data", truth, "--limit", 1, "--json", figures)
    assert evaluate(*arguments, "--against", "nobody").returncode == 1
    assert not figures.parent.parent.exists()
    assert evaluate(*arguments).returncode == 0
    assert json.loads(figures.read_text("utf-8"))["options"]["limit"] == 1


def test_the_record_says_what_was_measured_and_how(
    evaluate: Run, truth: Path, foreign: Path, tiny_model: Path, judge: Path, tmp_path: Path
) -> None:
    out = tmp_path / "figures.json"
    evaluate(
        *(foreign, tiny_model, "--data", truth.name, "--judge", judge),
        *("--limit", 2, "--against", "gray", "--protocol", "ade20k", "--json", out),
    )
    found = json.loads(out.read_text("utf-8"))
    assert found["rows"]["tiny.onnx"] == {
        "kind": "model",
        "path": str(tiny_model),
        "card": "tiny.v1",
        "sha256": hashlib.sha256(tiny_model.read_bytes()).hexdigest(),
    }
    assert found["rows"]["foreign"] == {"kind": "folder", "path": str(foreign)}
    assert found["judge"]["key"] == hashlib.sha256(judge.read_bytes()).hexdigest()
    assert found["options"] == {
        "models": [str(foreign), str(tiny_model)],
        "data": str(truth),
        "judge": str(judge),
        "limit": 2,
        "against": "gray",
        "protocol": "ade20k",
    }
    assert found["versions"]["numpy"] == np.__version__
    assert {"tintype", "python", "pillow", "onnxruntime"} <= set(found["versions"])
