"""Write the table and the sheet of the small runs: `python docs/small_runs.py RUNS FIGURES.json`.

RUNS holds one run folder a recipe, each with its `model.onnx`; FIGURES is what `tintype evaluate
MODELS/*.onnx --json` wrote, MODELS holding each run's model under its recipe's name. Goes into
recipes.md and `images/five-systems.jpg`: gray, every recipe in the table's order, and the truth.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pictures import IMAGES, KNOWN, below, beside
from PIL import Image
from skimage import color, data

from tintype import Colorizer
from tintype.recipe import Recipe, load_recipe

PAGE = Path(__file__).with_name("recipes.md")
TABLE = re.compile(r"(<!-- small runs: .*? -->\n).*(<!-- end of small runs -->)", re.DOTALL)
ORDER = (
    "coco-simple",
    "landscape-pix2pix",
    "resnet101-npy",
    "coco-pix2pix",
    "coco-resnet18",
    "dcgan-lab",
    "tintype-small",
)
FIGURES = {
    "de00": ("CIEDE2000", ".2f"),
    "cf_err": ("CF error", ".1f"),
    "patchy": ("patchiness", ".2f"),
    "fd": ("FD", ".1f"),
    "psnr": ("PSNR", ".2f"),
}


def seconds(run: Path) -> float:
    """What the steps of a run took: each stage's images at its usual rate."""
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    steps = [row for row in rows if "stage" in row]
    total, before = 0.0, 0
    for stage in dict.fromkeys(row["stage"] for row in steps):
        mine = [row for row in steps if row["stage"] == stage]
        end = max(row["images"] for row in mine)
        rates = [row["images_per_s"] for row in mine if "images_per_s" in row]
        total += (end - before) / median(rates)
        before = end
    return total


def sizes(recipe: Recipe) -> str:
    """The sizes that a recipe's stages train at."""
    px = list(dict.fromkeys(stage.crop_px for stage in recipe.stages))
    return ", ".join(map(str, px)) + " px"


def cell(figure: dict[str, float | None], form: str) -> str:
    """A figure and the larger half of its interval."""
    value, low, high = figure["mean"], figure["low"], figure["high"]
    if value is None:
        return ""
    if low is None or high is None:
        return format(value, form)
    return f"{value:{form}} ±{max(value - low, high - value):{form}}"


def table(runs: Path, record: dict[str, Any]) -> str:
    """The table as Markdown."""
    rows = record["groups"]["all"]
    lines = [
        "| recipe | trained at | seconds of one core | "
        + " | ".join(label for label, _ in FIGURES.values())
        + " |",
        "| --- | --- | --- " + "| --- " * len(FIGURES) + "|",
    ]
    for name in ("gray", *ORDER, "half", "truth"):
        about = " | "
        if name in ORDER:
            recipe = load_recipe(str(runs / name / "recipe.yaml"))
            about = f"{sizes(recipe)} | {seconds(runs / name):,.0f}"
        row = rows[f"{name}.onnx" if name in ORDER else name]
        figures = " | ".join(cell(row[key], form) for key, (_, form) in FIGURES.items())
        lines.append(f"| {name} | {about} | {figures} |")
    return "\n".join(lines)


def sheet(runs: Path) -> None:
    """The photographs that come with scikit-image, by every model."""
    models = [Colorizer(runs / name / "model.onnx") for name in ORDER]
    rows = []
    for name in KNOWN:
        true = getattr(data, name)()
        lab = color.rgb2lab(true)
        gray = Image.fromarray((color.lab2rgb(lab * [1, 0, 0]) * 255 + 0.5).astype(np.uint8))
        gray.thumbnail((360, 360))
        small = Image.fromarray(true)
        small.thumbnail((360, 360))
        rows.append(beside([gray, *(model(gray) for model in models), small]))
    below(rows, IMAGES / "five-systems.jpg")


if __name__ == "__main__":
    folder, figures = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8"))
    text = PAGE.read_text("utf-8")
    PAGE.write_text(
        TABLE.sub(lambda found: f"{found[1]}\n{table(folder, figures)}\n\n{found[2]}", text),
        "utf-8",
    )
    sheet(folder)
