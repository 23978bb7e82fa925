"""How far a mean or a share can be trusted."""

from __future__ import annotations

import numpy as np

from tintype.evaluate.metrics.lab import Floats

SEED = 0
RESAMPLES = 2000
_AT_ONCE = 50  # resamples; bounds the memory for many pictures
Z_95 = 1.959964


def bootstrap_means(values: Floats) -> Floats:
    """Means of RESAMPLES draws with replacement, (RESAMPLES, columns), from (n, columns).

    NaN, where a figure is not defined for a picture, is left out. The draws are seeded, and the
    same for every table of n rows, so that what is compared is resampled together. The 2.5th and
    the 97.5th percentile are the ends of a 95 % interval of the mean.

    Source: Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7, 1979.
    """
    rng = np.random.default_rng(SEED)
    n = len(values)
    defined = ~np.isnan(values)
    known = np.where(defined, values, 0)
    means = []
    for first in range(0, RESAMPLES, _AT_ONCE):
        draws = min(_AT_ONCE, RESAMPLES - first)
        times = rng.multinomial(n, np.full(n, 1 / n), draws).astype(np.float64)
        with np.errstate(invalid="ignore"):
            means.append(times @ known / (times @ defined))
    return np.concatenate(means)


def wilson_95(wins: int, n: int) -> tuple[float, float]:
    """95 % interval of a share of `n` trials.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, JASA 22,
    1927. Unlike the bootstrap it does not shrink to a point when all are won.
    """
    share, z2 = wins / n, Z_95**2
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(float(center - half), 0.0), min(float(center + half), 1.0)
