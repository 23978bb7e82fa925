"""Where color lies: blotches on what is smooth, and color that runs over edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tintype.evaluate.metrics.lab import Floats

SMOOTH_SPREAD = 3.0  # Lab units; a window of less true spread counts as smooth

EDGE_STEP = 20.0  # Lab units from one side of an edge to the other, in the truth
EDGE_FLATNESS = 0.5  # how much the sides themselves may vary, in steps
VISIBLE_STEP = 2.0  # Lab units; a result that steps less, r.m.s. over the edges, tells no sides


def spread(lab: Floats) -> Floats:
    """How much chroma varies within each window of a picture, in Lab units, (rows, columns).

    a and b are blurred (Gaussian, sigma a 64th of the short side and at least 1 px) and cut into
    square windows of an 8th of it (at least 4 px; the remainder is dropped). The spread of a window
    is sqrt(var a + var b).
    """
    side = min(lab.shape[:2])
    window = max(side // 8, 4)
    rows, columns = lab.shape[0] // window, lab.shape[1] // window
    cut = blur(lab[..., 1:], max(side / 64, 1))[: rows * window, : columns * window]
    windows = cut.reshape(rows, window, columns, window, 2)
    return np.asarray(np.sqrt(windows.var((1, 3)).sum(-1)))


def patchiness(truth_spread: Floats, result_spread: Floats) -> float:
    """Blotches: the spread of the result minus the truth's, where the truth is smooth; Lab units.

    Both come from `spread`. Above 0 is blotchier than the truth, below 0 flatter; NaN where nothing
    in the truth is smooth. A gray picture gets about -1.7: perfectly flat.
    """
    smooth = truth_spread < SMOOTH_SPREAD
    return float((result_spread - truth_spread)[smooth].mean()) if smooth.any() else float("nan")


@dataclass(frozen=True)
class Edges:
    """Flat indices of the pixels on both sides of true chroma edges, near them and far, (4, n)."""

    far_a: NDArray[np.intp]
    near_a: NDArray[np.intp]
    near_b: NDArray[np.intp]
    far_b: NDArray[np.intp]

    def spill(self, lab: Floats) -> float:
        """Share of the step in chroma across the edges that is not made at them.

        With `far` the step between the far points and `near` that between the near ones, both
        vectors (a, b): 1 - sum(near . far) / sum(far . far). 0 where color changes at the edges
        alone, 1 where it runs over them unchanged and turns elsewhere. It does not depend on how
        strong the color is. NaN where the picture has no two sides: no edges, or no color.
        """
        ab = lab[..., 1:].reshape(-1, 2)
        far = ab[self.far_b] - ab[self.far_a]
        near = ab[self.near_b] - ab[self.near_a]
        power = float((far**2).sum())
        if power <= len(far) * VISIBLE_STEP**2:
            return float("nan")
        return 1 - float((near * far).sum()) / power


def chroma_edges(truth_lab: Floats) -> Edges:
    """The clean edges of the true chroma: flat on both sides, and a step between.

    The direction across is that of the color gradient (Di Zenzo, A note on the gradient of a
    multi-image, CVGIP 33, 1986) of a and b, blurred by 1 px; an edge pixel is a maximum of it along
    that direction. Near points lie a 96th of the short side away (at least 2 px), far ones four
    times that. The step between the near points is EDGE_STEP and more, and that between the far
    ones differs from it by no more than EDGE_FLATNESS of it.
    """
    height, width = truth_lab.shape[:2]
    ab = truth_lab[..., 1:]
    near_px = max(min(height, width) / 96, 2.0)
    dy, dx = np.gradient(blur(ab, 1.0), axis=(0, 1)) if min(height, width) > 1 else (0 * ab, 0 * ab)
    yy, xx, xy = (dy * dy).sum(-1), (dx * dx).sum(-1), (dx * dy).sum(-1)
    strength = xx + yy + np.hypot(xx - yy, 2 * xy)  # twice the larger eigenvalue
    angle = np.arctan2(2 * xy, xx - yy) / 2

    # twice the larger eigenvalue is the squared slope, doubled: weaker pixels cannot make the step
    y, x = np.nonzero(strength > 2 * (EDGE_STEP / (8 * near_px)) ** 2)
    across = np.stack([np.sin(angle[y, x]), np.cos(angle[y, x])])

    def at(distance_px: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return (
            np.rint(y + distance_px * across[0]).astype(np.intp),
            np.rint(x + distance_px * across[1]).astype(np.intp),
        )

    far_px = 4 * near_px
    (top, left), (bottom, right) = at(-far_px), at(far_px)
    inside = (np.minimum(top, bottom) >= 0) & (np.minimum(left, right) >= 0)
    inside &= (np.maximum(top, bottom) < height) & (np.maximum(left, right) < width)
    y, x, across = y[inside], x[inside], across[:, inside]
    is_peak = (strength[y, x] >= strength[at(-1.0)]) & (strength[y, x] >= strength[at(1.0)])
    y, x, across = y[is_peak], x[is_peak], across[:, is_peak]

    far_a, near_a, near_b, far_b = (at(d) for d in (-far_px, -near_px, near_px, far_px))
    near_step, far_step = ab[near_b] - ab[near_a], ab[far_b] - ab[far_a]
    step = np.hypot(*near_step.T)
    off = np.hypot(*(far_step - near_step).T)
    clean = (step >= EDGE_STEP) & (off <= EDGE_FLATNESS * step)
    flat = [(rows * width + columns)[clean] for rows, columns in (far_a, near_a, near_b, far_b)]
    return Edges(*flat)


def bleeding(edges: Edges, truth_lab: Floats, result_lab: Floats) -> float:
    """Color that runs over the true edges: the result's `Edges.spill` minus the truth's.

    0 is as sharp as the truth, 1 means that color takes no notice of the edges. `edges` are those
    of `chroma_edges` of the truth. A picture of half the color gets 0, a gray one NaN: what has no
    color cannot bleed.
    """
    return edges.spill(result_lab) - edges.spill(truth_lab)


def blur(channels: Floats, sigma_px: float) -> Floats:
    """(H, W, C) blurred by a Gaussian, cut at 4 sigma, the picture mirrored at its borders.

    As `scipy.ndimage.gaussian_filter` is by default.
    """
    height, width = channels.shape[:2]
    rows, columns = _blur_matrix(height, sigma_px), _blur_matrix(width, sigma_px)
    return np.stack([rows @ c @ columns.T for c in np.moveaxis(channels, -1, 0)], axis=-1)


def _blur_matrix(n: int, sigma_px: float) -> Floats:
    radius = int(4 * sigma_px + 0.5)
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offsets / sigma_px) ** 2)
    source = (np.arange(n)[:, None] + offsets) % (2 * n)
    source = np.minimum(source, 2 * n - 1 - source)  # ... c b a | a b c | c b a ...
    matrix = np.zeros((n, n))
    np.add.at(matrix, (np.arange(n)[:, None], source), kernel / kernel.sum())
    return matrix
