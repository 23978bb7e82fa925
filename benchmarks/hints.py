"""How much nearer to the truth hints bring a model: PSNR and CIEDE2000 by their number.

    python benchmarks/hints.py MODEL --data FOLDER [--pictures 100] [--plot FILE.png] [--json]

FOLDER holds true pictures in color. Each is colored with 0, 1, 5, 10, 50 and 100 hints, which tell
the mean true color of 7x7 px, as the network sees them, at places drawn evenly over the picture (as
in Zhang et al. 2017, section 4.1). Those of fewer hints are among those of more. The intervals, of
the mean and of what is gained over no hints, are of 95 %, bootstrapped over the pictures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tintype import Colorizer, Hints, Point
from tintype.evaluate.metrics.ciede2000 import ciede2000
from tintype.evaluate.metrics.fidelity import psnr
from tintype.evaluate.metrics.interval import bootstrap_means
from tintype.evaluate.metrics.lab import lab_to_rgb, rgb_to_lab
from tintype.evaluate.pictures import read_rgb, true_pictures
from tintype.image.photo import working_size

COUNTS = (0, 1, 5, 10, 50, 100)
SQUARE_PX = 7
FIGURES = ("PSNR, dB", "CIEDE2000")

Floats = NDArray[np.float64]


def true_hints(rgb: NDArray[np.uint8], working_px: int, seed: int) -> list[Point]:
    """As many hints as may be wanted; the first of them are those of a smaller number."""
    height, width = rgb.shape[:2]
    half = SQUARE_PX / 2 * width / working_size(width, height, working_px)[0]
    lab = rgb_to_lab(rgb)
    points = []
    for x, y in np.random.default_rng(seed).uniform(0, (width, height), (max(COUNTS), 2)):
        rows = slice(max(int(y - half), 0), int(y + half) + 1)
        columns = slice(max(int(x - half), 0), int(x + half) + 1)
        red, green, blue = lab_to_rgb(lab[rows, columns].mean((0, 1))[None, None])[0, 0]
        points.append(Point(x=x, y=y, color=f"{red:02x}{green:02x}{blue:02x}", radius=half))
    return points


def measure(model: str, pictures: list[Path]) -> Floats:
    """(pictures, counts, figures)."""
    colorizer = Colorizer(model)
    figures = np.empty((len(pictures), len(COUNTS), len(FIGURES)))
    for i, path in enumerate(tqdm(pictures, disable=None)):
        rgb = read_rgb(path)
        lab, points = rgb_to_lab(rgb), true_hints(rgb, colorizer.card.working_px, i)
        for j, count in enumerate(COUNTS):
            made = colorizer(rgb, hints=Hints(points=tuple(points[:count])))
            figures[i, j] = psnr(rgb, made), ciede2000(lab, rgb_to_lab(made)).mean()
    return figures


def table(figures: Floats) -> list[dict[str, object]]:
    """A row for each number of hints and figure: mean, gain over none, and their intervals."""
    rows: list[dict[str, object]] = []
    for at, name in enumerate(FIGURES):
        values = figures[..., at]
        for count, these, gains in zip(COUNTS, values.T, (values - values[:, :1]).T, strict=True):
            rows.append({"figure": name, "hints": count, **_mean("mean", these)})
            rows[-1] |= _mean("gain", gains)
    return rows


def _mean(name: str, values: Floats) -> dict[str, object]:
    low, high = np.percentile(bootstrap_means(values[:, None]), [2.5, 97.5]).round(3).tolist()
    return {name: round(float(values.mean()), 3), f"{name}_95": [low, high]}


def plot(rows: list[dict[str, object]], path: Path, model: str) -> None:
    """Both figures over the number of hints, intervals shaded."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(FIGURES), figsize=(9, 3.6), layout="constrained")
    for axis, name in zip(axes, FIGURES, strict=True):
        these = [row for row in rows if row["figure"] == name]
        low, high = np.array([row["mean_95"] for row in these]).T
        axis.fill_between(range(len(COUNTS)), low, high, alpha=0.25)
        axis.plot([row["mean"] for row in these], "o-")
        axis.set(xlabel="hints", ylabel=name)
        axis.set_xticks(range(len(COUNTS)), [str(count) for count in COUNTS])
        axis.grid(alpha=0.3)
    fig.suptitle(model)
    fig.savefig(path, dpi=120)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    every = list(true_pictures(options.data).values())
    at = np.linspace(0, len(every) - 1, min(options.pictures, len(every))).round().astype(int)
    rows = table(measure(options.model, [every[i] for i in at]))
    if options.json:
        print(json.dumps({"model": options.model, "pictures": len(at), "rows": rows}))
    else:
        print(f"{options.model}, {len(at)} pictures of {options.data}")
        for row in rows:
            print("{figure:10} {hints:4} {mean:8} {mean_95}  gain {gain} {gain_95}".format(**row))
    if options.plot:
        plot(rows, options.plot, options.model)


if __name__ == "__main__":
    main()
