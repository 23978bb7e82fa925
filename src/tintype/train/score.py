"""One figure for how good the colors of held-out pictures are; what a run stops and chooses by."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tintype.evaluate.judge import Judge
from tintype.evaluate.metrics.chroma import patchiness, spread
from tintype.evaluate.metrics.ciede2000 import ciede2000
from tintype.evaluate.metrics.colorfulness import colorfulness
from tintype.evaluate.metrics.frechet import Moments, frechet_distance
from tintype.nn.lab import rgb_u8_from_lab
from tintype.nn.spaces import AB_UNIT

AT_BOUND_LAB = 0.97 * AB_UNIT
BOUND_WEIGHT = 10.0
PATCHY_TOLERATED = 0.5
"""In Lab units. Counted from 0 on, it would make the most timid of all looks the best."""
PATCHY_WEIGHT = 0.25
"""Counted in full, half a Lab unit, which the eye hardly sees, would outweigh a tenth of the
Frechet distance, which it does see."""

Scores = dict[str, float]
Floats = NDArray[np.float64]


class Scorer:
    """Scores colors made for the same true pictures again and again.

    `lab` (N, 3, H, W) is the truth. With a judge, `fd` is the Frechet distance of its features,
    which few pictures make too large, but alike for every look.
    """

    def __init__(self, lab: Tensor, judge: Judge | None) -> None:
        self._l, self._ab = lab[:, :1].cpu(), lab[:, 1:].cpu()
        self._judge = judge
        rgb = _pictures(lab)
        self._lab = _last(lab)
        self._spread = [spread(one) for one in self._lab]
        self._colorfulness = [colorfulness(one) for one in rgb]
        self._seen = self._moments(rgb)
        self.gray = self._figures(torch.zeros_like(self._ab))

    def __call__(self, made_ab: Tensor) -> Scores:
        """The figures of `made_ab` (N, 2, H, W), in Lab units; all but `chroma` better if smaller.

        `l1`: mean absolute error of a and b, in Lab units. `chroma`: mean chroma made over true.
        `de00`: mean CIEDE2000. `cf_err`: mean error of colorfulness. `patchy`: patchiness. `bound`:
        the share of pixels at the bound of ab. `fd`: Frechet distance, with a judge.

        `score` is what a run is steered by: fd (or de00) and cf_err, each as a share of what gray
        gets, a quarter of the same for patchiness above what is tolerated, and ten times `bound`.
        Gray gets 2, the truth 0.
        """
        made, gray = self._figures(made_ab.cpu()), self.gray
        main = "fd" if self._judge else "de00"
        blotches = max(made["patchy"] - PATCHY_TOLERATED, 0.0) / max(abs(gray["patchy"]), 1e-3)
        made["score"] = (
            made[main] / gray[main]
            + made["cf_err"] / gray["cf_err"]
            + (0.0 if math.isnan(blotches) else PATCHY_WEIGHT * blotches)
            + BOUND_WEIGHT * made["bound"]
        )
        return {name: round(value, 5) for name, value in made.items()}

    def _figures(self, ab: Tensor) -> Scores:
        lab = torch.cat([self._l, ab], 1)
        rgb, made = _pictures(lab), _last(lab)
        patchy = [patchiness(t, spread(m)) for t, m in zip(self._spread, made, strict=True)]
        errors = [
            abs(colorfulness(one) - t) for one, t in zip(rgb, self._colorfulness, strict=True)
        ]
        figures = {
            "l1": float((ab - self._ab).abs().mean()),
            "chroma": float(ab.norm(dim=1).mean() / self._ab.norm(dim=1).mean()),
            "de00": float(np.mean([ciede2000(t, m) for t, m in zip(self._lab, made, strict=True)])),
            "cf_err": float(np.mean(errors)),
            "patchy": float(np.nanmean(patchy)) if not np.isnan(patchy).all() else math.nan,
            "bound": float((ab.abs() > AT_BOUND_LAB).any(1).float().mean()),
        }
        seen = self._moments(rgb)
        if seen is not None and self._seen is not None:
            figures["fd"] = frechet_distance(self._seen, seen)
        return figures

    def _moments(self, rgb: NDArray[np.uint8]) -> Moments | None:
        if self._judge is None:
            return None
        moments = Moments(self._judge.features)
        moments.add(np.stack([self._judge(one).features for one in rgb]))
        return moments


def _pictures(lab: Tensor) -> NDArray[np.uint8]:
    return rgb_u8_from_lab(lab).permute(0, 2, 3, 1).cpu().numpy()


def _last(lab: Tensor) -> Floats:
    return lab.permute(0, 2, 3, 1).double().cpu().numpy()
