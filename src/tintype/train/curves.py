"""`curves.png`: losses, learning rates and scores of a run, its stages shaded."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

LOSSES = ("l1", "perceptual", "blotches", "colorfulness", "likely", "adversarial", "d")
SCORES = ("score", "fd", "de00", "cf_err", "chroma")
SHADES = ("#f1f4f9", "#ffffff")

Series = dict[str, list[tuple[int, float]]]


def draw_curves(log: Path, out: Path) -> None:
    """Draw what stands in a `log.jsonl`; nothing is drawn where nothing was logged yet."""
    steps: Series = defaultdict(list)
    looks: Series = defaultdict(list)
    stages: list[tuple[str, int, int]] = []
    stops: list[int] = []
    for row in map(json.loads, log.read_text("utf-8").splitlines()):
        images = row["images"]
        for name, value in row.get("look", {}).items():
            looks[name].append((images, value))
        if "stop" in row:
            stops.append(images)
        if "losses" not in row:
            continue
        name = row["stage"]
        if not stages or stages[-1][0] != name:
            stages.append((name, stages[-1][2] if stages else 0, images))
        stages[-1] = (name, stages[-1][1], images)
        for key, value in {**row["losses"], **row["lrs"]}.items():
            steps[key].append((images, value))
    if not steps:
        return
    figure = Figure(figsize=(10, 11), layout="constrained")
    panels = figure.subplots(4, 1, sharex=True)
    _panel(panels[0], "losses", {k: steps[k] for k in LOSSES if k in steps})
    _panel(panels[1], "patches told rightly", {k: v for k, v in steps.items() if k == "d_accuracy"})
    panels[1].axhline(0.5, color="#888888", linewidth=0.8, linestyle="--")
    panels[1].set_ylim(0.4, 1.02)
    _panel(panels[2], "learning rates", {k: v for k, v in steps.items() if k.startswith("lr_")})
    relative = {k: _relative(looks[k]) for k in SCORES if k in looks}
    _panel(panels[3], "looks, first = 1", relative, marker="o")
    if looks.get("score"):
        best = min(looks["score"], key=lambda point: point[1])[0]
        panels[3].axvline(best, color="#2a7f3e", linewidth=1.2)
        panels[3].annotate("best", (best, 1), xycoords=("data", "axes fraction"), color="#2a7f3e",
                           xytext=(3, -11), textcoords="offset points", fontsize=8)  # fmt: skip
    for panel in panels:
        for i, (name, first, last) in enumerate(stages):
            panel.axvspan(first, last, color=SHADES[i % 2], zorder=-2)
            if panel is panels[0]:
                panel.annotate(name, (first, 1), xycoords=("data", "axes fraction"), fontsize=8,
                               xytext=(3, -11), textcoords="offset points")  # fmt: skip
        for images in stops:
            panel.axvline(images, color="#b3392f", linewidth=1.2, linestyle=":")
    panels[3].set_xlabel("images")
    partial = out.with_name(".curves.part.png")
    figure.savefig(partial, dpi=100)
    partial.replace(out)


def _panel(panel: Axes, title: str, series: Series, marker: str = "") -> None:
    panel.set_ylabel(title)
    panel.grid(alpha=0.3)
    for name, points in series.items():
        panel.plot(
            *zip(*points, strict=True), label=name, linewidth=1.2, marker=marker, markersize=3
        )
    if series:
        panel.legend(loc="best", fontsize=8, ncols=len(series), framealpha=0.6)


def _relative(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    first = next((value for _, value in points if value), 1.0)
    return [(images, value / first) for images, value in points]
