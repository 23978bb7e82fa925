"""The Frechet distance between the features of two sets of pictures."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tintype.evaluate.metrics.lab import Floats

Vectors = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]

SEED = 0
ORDERS = 10  # of the pictures, at random
SIZES = 6  # of the subsets that are extrapolated from, from half the pictures to all
ENOUGH_PER_FEATURE = 1.5  # pictures; with fewer the line bends
_AT_ONCE = 256  # vectors; bounds the memory


class Moments:
    """Mean and covariance of vectors that come one by one; float64, of a fixed size."""

    def __init__(self, features: int) -> None:
        self.n = 0
        self._sum = np.zeros(features)
        self._products = np.zeros((features, features))

    def add(self, vectors: Vectors) -> None:
        """Take in more vectors, (n, features)."""
        v = vectors.astype(np.float64)
        self.n += len(v)
        self._sum += v.sum(0)
        self._products += v.T @ v

    @property
    def mean(self) -> Floats:
        """(features,)"""
        return self._sum / self.n

    @property
    def covariance(self) -> Floats:
        """(features, features), of a sample: divided by n - 1."""
        mean = self.mean
        return (self._products - self.n * np.outer(mean, mean)) / (self.n - 1)


def frechet_distance(a: Moments, b: Moments) -> float:
    """Squared Frechet (Wasserstein-2) distance between two Gaussians: from 0, the same, up.

    |mean_a - mean_b|^2 + trace(A + B - 2 (A^1/2 B A^1/2)^1/2), by eigenvalues of symmetric
    matrices, in float64. In the squared units of the features: figures of different judges, sizes
    and numbers of pictures must not be compared. What gray gets depends on the judge.

    Sources: Dowson and Landau, Journal of Multivariate Analysis 12, 1982; as FID, Heusel et al.,
    GANs trained by a two time-scale update rule, NeurIPS 2017.
    """
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b.covariance @ root), 0)).sum()
    apart = ((a.mean - b.mean) ** 2).sum()
    distance = apart + np.trace(a.covariance) + np.trace(b.covariance) - 2 * cross
    return max(float(distance), 0.0)


def frechet_at_infinity(
    features: Callable[[Indices], tuple[Vectors, Vectors]], n: int, size: int
) -> Floats:
    """The Frechet distance that an infinite number of pictures would give, from ORDERS orders.

    `features` gives the vectors, (k, size) each, of both sets for some of n pictures. The distance
    of N pictures is too large by about c / N: a line through those of growing subsets over 1 / N is
    read off at 0, which may fall below 0. The subsets grow along a random order of the pictures;
    (ORDERS,), one figure for each order, shows what that leaves to chance. It does not show how
    another set of pictures would differ. Empty below ENOUGH_PER_FEATURE pictures a feature.

    Source: Chong and Forsyth, Effectively unbiased FID and Inception Score and where to find them,
    CVPR 2020, with nested subsets, so that an order reads every picture once.
    """
    if n < ENOUGH_PER_FEATURE * size:
        return np.zeros(0)
    rng = np.random.default_rng(SEED)
    counts = np.rint(1 / np.linspace(2 / n, 1 / n, SIZES)).astype(int)
    estimates = []
    for _ in range(ORDERS):
        distances = _growing(features, rng.permutation(n), counts, size)
        estimates.append(np.polyfit(1 / counts, distances, 1)[1])
    return np.array(estimates)


def _growing(
    features: Callable[[Indices], tuple[Vectors, Vectors]],
    order: Indices,
    counts: NDArray[np.int_],
    size: int,
) -> list[float]:
    a, b = Moments(size), Moments(size)
    distances = []
    for first, last in pairwise([0, *counts]):
        for start in range(first, last, _AT_ONCE):
            vectors_a, vectors_b = features(order[start : min(start + _AT_ONCE, last)])
            a.add(vectors_a)
            b.add(vectors_b)
        distances.append(frechet_distance(a, b))
    return distances
