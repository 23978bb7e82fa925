"""The figures as a table has them: what each is called, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tintype.evaluate.metrics.lab import Floats


@dataclass(frozen=True)
class Column:
    """`better` is "lower", "higher", "zero" (from both sides) or "truth" (near the truth's)."""

    key: str
    label: str
    better: Literal["lower", "higher", "zero", "truth"]
    digits: int
    about: str

    @property
    def arrow(self) -> str:
        """The direction as a sign behind the label."""
        return {"lower": "↓", "higher": "↑", "zero": "→0", "truth": ""}[self.better]

    def badness(self, values: Floats) -> Floats:
        """Figures turned so that less is better."""
        if self.better == "zero":
            return np.abs(values)
        return -values if self.better == "higher" else values


COLUMNS = (
    Column(
        "de00", "CIEDE2000", "lower", 2,
        "mean color difference over pixels, then over pictures; about 1 is just visible",
    ),
    Column("psnr", "PSNR", "higher", 2, "dB over RGB; favors pale results: read the gray row"),
    Column("ssim", "SSIM", "higher", 3, "over RGB, uniform windows of 7 px"),
    Column(
        "cf", "colorfulness", "truth", 1,
        "Hasler and Suesstrunk's M3; more is not better: compare with the truth",
    ),
    Column("cf_diff", "CF signed", "zero", 2, "colorfulness minus the truth's, picture by picture"),
    Column("cf_err", "CF error", "lower", 2, "the same without its sign"),
    Column(
        "cf_means", "CF of means", "lower", 2,
        "difference between the mean colorfulness of results and truth, as papers report it; "
        "pale and gaudy pictures cancel out in it",
    ),
    Column(
        "patchy", "patchiness", "zero", 2,
        "chroma spread where the truth is smooth, minus the truth's, in Lab units: above 0 is "
        "blotchier, below 0 flatter",
    ),
    Column(
        "bleed", "bleeding", "zero", 3,
        "share of the step in chroma across true color edges that is not made at them, minus the "
        "truth's: 0 is as sharp as the truth",
    ),
    Column(
        "out_of_gamut", "out of gamut", "truth", 4,
        "share of pixels, neither near black nor white, that ended on the boundary of sRGB",
    ),
    Column("lpips", "LPIPS", "lower", 3, "AlexNet, version 0.1, pictures as they are"),
    Column("fd", "FD", "lower", 2, "Frechet distance of the judge's features; biased by N"),
    Column(
        "fd_unbiased", "FD, N→∞", "lower", 2,
        "the same, extrapolated to an infinite number of pictures; with the spread of ten random "
        "orders of them",
    ),
    Column(
        "recog", "recognized", "higher", 3,
        "share of pictures that the judge gives the class that it gives the truth",
    ),
)  # fmt: skip
BY_KEY = {column.key: column for column in COLUMNS}
PAIRED = ("de00", "psnr", "ssim", "cf_err", "patchy", "bleed", "lpips", "recog")
"""What is compared picture by picture."""
