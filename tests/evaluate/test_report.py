"""The report opens in a real browser, offline, on a desk and on a phone."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., subprocess.CompletedProcess[str]]

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--virtual-time-budget=3000",
)
PHONE_PX, DESK_PX = 390, 1280

# waits for the page in a frame of some width, uses it, and writes down what it saw
PROBE = """<!doctype html><body style="margin:0">
<iframe id="page" width="{width}" height="900" style="border:0" srcdoc="{page}"></iframe>
<script>
window.addEventListener("load", async () => {{
  const page = document.getElementById("page").contentDocument;
  const image = (id) => page.getElementById(id);
  const before = image("under").src;
  page.getElementById("left").value = "gray";
  page.getElementById("left").dispatchEvent(new Event("change"));
  const range = page.querySelector("input[type=range]");
  range.value = 25;
  range.dispatchEvent(new Event("input"));
  const seen = {{
    overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    pictures: [...page.images].filter((i) => i.complete && i.naturalWidth > 0).length,
    all: page.images.length,
    plots: page.querySelectorAll("svg").length,
    changed: image("under").src !== before,
    at: page.getElementById("slider").style.getPropertyValue("--at"),
    rows: [...page.querySelectorAll("table")][0].rows.length,
  }};
  document.body.innerHTML = "<pre>" + JSON.stringify(seen) + "</pre>";
}});
</script>"""


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


def test_a_report_that_cannot_be_written(evaluate: Run, truth: Path, foreign: Path) -> None:
    done = evaluate(foreign, "--data", truth, "--limit", 1, "--report", truth / "cat_0.png")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("tintype: error: ")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [PHONE_PX, DESK_PX])
def test_in_a_browser(report: Path, tmp_path: Path, width: int) -> None:
    page = html.escape((report / "index.html").read_text("utf-8"))
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE.format(width=width, page=page), "utf-8")
    done = subprocess.run(
        [
            *(str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'browser'}"),
            *(f"--window-size={DESK_PX},1000", "--dump-dom", probe.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = re.search(r"<pre>(.*?)</pre>", done.stdout)
    assert found, done.stderr
    seen = json.loads(html.unescape(found.group(1)))
    assert seen.pop("overflow") <= 0
    assert seen.pop("plots") >= 4
    assert seen.pop("pictures") == seen.pop("all") == 9 * 5 + 2
    assert seen == {"changed": True, "at": "25%", "rows": 6}
