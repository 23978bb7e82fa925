"""One picture: color it by every model, and measure each result against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from tintype.colorizer import Colorizer
from tintype.errors import ModelError, PhotoError
from tintype.evaluate.cache import Measured
from tintype.evaluate.judge import Judge, open_judge
from tintype.evaluate.metrics import chroma, colorfulness, fidelity
from tintype.evaluate.metrics.ciede2000 import ciede2000
from tintype.evaluate.metrics.lab import RgbU8, rgb_to_lab, with_chroma_scaled
from tintype.evaluate.pictures import is_gray, read_rgb
from tintype.evaluate.protocol import Protocol

VERSION = 2
"""Of the figures of one picture; a change of what they mean makes cached ones void."""

FIGURES = (
    "de00",
    "psnr",
    "ssim",
    "cf",
    "cf_diff",
    "cf_err",
    "patchy",
    "bleed",
    "out_of_gamut",
    "lpips",
    "recog",
)


@dataclass(frozen=True)
class Maker:
    """Who makes a row's results: nobody (gray, half, truth), a model, or files that are there."""

    kind: Literal["gray", "half", "truth", "model", "file"]
    path: Path | None = None
    sha256: str = ""  # of the file, which must still be the same when it is read

    def result(self, truth: Truth) -> RgbU8:
        """(H, W, 3) uint8, of the size of the cut truth."""
        if self.kind == "truth":
            return truth.rgb_u8
        if self.path is None:
            return with_chroma_scaled(truth.lab, 0.5 if self.kind == "half" else 0.0)
        if self.kind == "model":
            # the sRGB gray of the same L, in 8 bits: what a file of the gray picture would hold
            gray_u8 = with_chroma_scaled(truth.lab, 0.0)[..., 1]
            return np.asarray(Colorizer(self.path)(np.ascontiguousarray(gray_u8)), np.uint8)
        result = read_rgb(self.path, self.sha256)
        if result.shape == truth.whole_u8.shape:
            result = truth.protocol.cut(result)
        if result.shape != truth.rgb_u8.shape:
            (height, width, _), (true_height, true_width, _) = result.shape, truth.rgb_u8.shape
            raise PhotoError(
                f"{self.path}: is {width}x{height} px, and the truth {true_width}x{true_height}."
            )
        return result


class Truth:
    """A true picture, whole and as the protocol cuts it. Raises PhotoError."""

    def __init__(self, path: Path, protocol: Protocol, sha256: str = "") -> None:
        self.protocol = protocol
        self.whole_u8 = read_rgb(path, sha256)
        self.rgb_u8 = protocol.cut(self.whole_u8)
        self.lab = rgb_to_lab(self.rgb_u8)


def measure(
    truth: Path,
    makers: Sequence[Maker],
    protocol: Protocol,
    judge: str | None,
    judge_key: str = "",
    sha256: str = "",
) -> list[Measured]:
    """The figures of every maker's result for one true picture, in FIGURES' order.

    `judge_key` and `sha256` are what the judge and the truth are known by, which must still be so
    when they are read. All are NaN where the truth is gray. Raises PhotoError and ModelError.
    """
    true = Truth(truth, protocol, sha256)
    if is_gray(true.lab):
        nothing = Measured(np.full(len(FIGURES), np.nan), np.zeros(0, np.float32))
        return [nothing] * len(makers)
    sees = _judge(judge, judge_key) if judge else None
    true_spread = chroma.spread(true.lab)
    true_edges = chroma.chroma_edges(true.lab)
    true_cf = colorfulness.colorfulness(true.rgb_u8)
    true_verdict = sees(true.rgb_u8) if sees else None
    measured = []
    for maker in makers:
        rgb_u8 = maker.result(true)
        lab = rgb_to_lab(rgb_u8)
        cf = colorfulness.colorfulness(rgb_u8)
        figures = {
            "de00": float(ciede2000(true.lab, lab).mean()),
            "psnr": fidelity.psnr(true.rgb_u8, rgb_u8),
            "ssim": fidelity.ssim(true.rgb_u8, rgb_u8),
            "cf": cf,
            "cf_diff": cf - true_cf,
            "cf_err": abs(cf - true_cf),
            "patchy": chroma.patchiness(true_spread, chroma.spread(lab)),
            "bleed": chroma.bleeding(true_edges, true.lab, lab),
            "out_of_gamut": colorfulness.out_of_gamut(rgb_u8, lab),
        }
        features = np.zeros(0, np.float32)
        if sees and true_verdict:
            verdict = sees(rgb_u8)
            features = verdict.features
            if verdict.category is not None:
                figures["recog"] = float(verdict.category == true_verdict.category)
            figures["lpips"] = sees.distance(true.rgb_u8, rgb_u8)
        values = [figures.get(name, float("nan")) for name in FIGURES]
        measured.append(Measured(np.array(values), features))
    return measured


@cache
def _judge(judge: str, key: str) -> Judge:
    """Opened once in each process."""
    opened = open_judge(judge)
    if key and opened.key != key:
        raise ModelError(f"{judge}: has changed since the run began.")
    return opened
