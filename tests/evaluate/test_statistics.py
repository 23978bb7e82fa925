"""Frechet distances and intervals, where the answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import linalg

from tintype.evaluate.cache import Measured, open_cache
from tintype.evaluate.columns import BY_KEY
from tintype.evaluate.compare import BASELINES, Comparison
from tintype.evaluate.measure import FIGURES
from tintype.evaluate.metrics.frechet import Moments, frechet_at_infinity, frechet_distance
from tintype.evaluate.metrics.interval import bootstrap_means, wilson_95
from tintype.evaluate.metrics.lab import Floats
from tintype.evaluate.summary import Figure, Table, _groups, _line, _share, summarize
from tintype.evaluate.table import with_spread


def moments(vectors: Floats) -> Moments:
    gathered = Moments(vectors.shape[1])
    for part in np.array_split(vectors, 3):
        gathered.add(part)
    return gathered


def with_exact_moments(rng: np.random.Generator, n: int, mean: Floats, root: Floats) -> Floats:
    """Vectors whose sample mean and covariance are `mean` and `root` squared, not nearly so."""
    x = rng.normal(size=(n, mean.size))
    x -= x.mean(0)
    x @= linalg.inv(linalg.sqrtm(np.cov(x, rowvar=False)).real)
    return x @ root + mean


def test_gaussians_with_a_known_answer() -> None:
    rng = np.random.default_rng(0)
    scales_a, scales_b = rng.uniform(0.5, 2, 20), rng.uniform(0.5, 2, 20)
    mean_a, mean_b = rng.normal(size=20), rng.normal(size=20)
    turned = linalg.qr(rng.normal(size=(20, 20)))[0]  # both covariances share their axes
    a = with_exact_moments(rng, 300, mean_a, turned @ np.diag(scales_a) @ turned.T)
    b = with_exact_moments(rng, 200, mean_b, turned @ np.diag(scales_b) @ turned.T)
    known = ((mean_a - mean_b) ** 2).sum() + ((scales_a - scales_b) ** 2).sum()
    assert frechet_distance(moments(a), moments(b)) == pytest.approx(known, rel=1e-9)


def test_an_independent_computation_agrees() -> None:
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(50, 50))
    a, b = rng.normal(size=(400, 50)) @ mix, rng.normal(0.2, 1.3, size=(400, 50)) @ mix
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    cross = np.trace(linalg.sqrtm(cov_a @ cov_b).real)
    apart = ((a.mean(0) - b.mean(0)) ** 2).sum()
    expected = apart + np.trace(cov_a) + np.trace(cov_b) - 2 * cross
    found = frechet_distance(moments(a), moments(b))
    assert found == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(moments(b), moments(a)) == pytest.approx(found, rel=1e-9)


def test_fewer_pictures_than_features() -> None:
    x = np.random.default_rng(2).normal(size=(30, 64))
    assert frechet_distance(moments(x), moments(x)) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(moments(x), moments(x + 1)) == pytest.approx(64, rel=1e-3)


def test_extrapolation_undoes_the_bias_of_n() -> None:
    rng = np.random.default_rng(3)
    n, size = 300, 60
    a, b = rng.normal(size=(n, size)), rng.normal(0.1, 1, size=(n, size))
    known = 0.01 * size
    biased = frechet_distance(moments(a), moments(b))
    estimates = frechet_at_infinity(lambda members: (a[members], b[members]), n, size)
    assert biased > 5 * known
    assert abs(estimates.mean() - known) < 0.2 * (biased - known)
    assert frechet_at_infinity(lambda members: (a[members], b[members]), 80, size).size == 0


def compared(tmp_path: Path, n: int, features: int) -> Table:
    """The table of the baselines on n pictures of two groups, with a judge's features at random."""
    rng = np.random.default_rng(5)
    names = [f"{'ab'[i % 2]}_{i}" for i in range(n)]
    seen = {row.name: rng.normal(i, 1, (n, features)) for i, row in enumerate(BASELINES)}
    keys = {row: [f"{row} {name}" for name in names] for row in seen}
    figures = {row: rng.normal(size=(n, len(FIGURES))) for row in seen}
    comparison = Comparison(BASELINES, dict.fromkeys(names, tmp_path), [], figures, keys, {})
    with open_cache(tmp_path / "cache.sqlite") as cache:
        for row, vectors in seen.items():
            results = (
                Measured(figures[row][i], v.astype(np.float32)) for i, v in enumerate(vectors)
            )
            cache.put(dict(zip(keys[row], results, strict=True)))
        return summarize(comparison, cache, judge=None, against=None)


def test_the_distance_at_infinity_has_a_spread_and_none_for_the_truth(tmp_path: Path) -> None:
    table = compared(tmp_path, n=120, features=4)
    rows = {row: line.figures for row, line in table.lines["all"].items()}
    for row, apart in (("gray", 2), ("half", 1)):
        figure = rows[row]["fd_unbiased"]
        assert figure.low < figure.value < figure.high
        assert figure.value == pytest.approx(4 * apart**2, rel=0.3)
        assert figure == compared(tmp_path, 120, 4).lines["all"][row].figures["fd_unbiased"]
    assert "fd_unbiased" not in rows["truth"]
    assert rows["truth"]["fd"].value == pytest.approx(0, abs=1e-9)
    assert "fd_unbiased" not in table.lines["a"]["gray"].figures


def test_groups_only_where_every_picture_has_one() -> None:
    assert list(_groups(["a_1", "b_1", "b_2"])) == ["all", "a", "b"]
    assert list(_groups(["a_1", "b_1", "c"])) == ["all"]
    assert list(_groups(["a_1", "a_2"])) == ["all"]


def test_the_interval_holds_the_mean_19_times_in_20() -> None:
    rng = np.random.default_rng(4)
    columns = rng.exponential(2.0, (100, 300))  # 300 samples of 100
    low, high = np.percentile(bootstrap_means(columns), [2.5, 97.5], axis=0)
    assert 0.90 < ((low < 2) & (high > 2)).mean() < 0.98


def test_the_interval_is_seeded_and_leaves_nan_out() -> None:
    values = np.arange(40.0).reshape(20, 2)
    values[3:, 1] = np.nan
    means = bootstrap_means(values)
    np.testing.assert_array_equal(means, bootstrap_means(values))
    assert np.nanmin(means[:, 1]) >= 1
    assert np.nanmax(means[:, 1]) <= 5


def test_wilson() -> None:
    assert wilson_95(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    low, high = wilson_95(10, 10)
    assert low == pytest.approx(0.7225, abs=1e-4)
    assert high == pytest.approx(1)


def test_ties_are_sure_halves() -> None:
    share = _share(won=100, lost=50, n=1000)
    assert share.value == pytest.approx(0.525)
    assert 0.5 < share.low < share.value < share.high < 0.54
    assert _share(won=0, lost=0, n=5) == (0.5, 0.0, 1.0)


def test_a_few_pictures_have_no_interval() -> None:
    values = np.random.default_rng(0).normal(size=(9, len(FIGURES)))
    least = np.zeros(len(FIGURES))
    assert np.isnan(_line(values, least, {}).figures["de00"].low)
    assert np.isfinite(_line(np.vstack([values, values]), least, {}).figures["de00"].low)


def test_an_exact_picture_does_not_make_a_mean_infinite() -> None:
    values = np.full((12, len(FIGURES)), 20.0)
    values[3, FIGURES.index("psnr")] = np.inf
    least = np.zeros(len(FIGURES))
    assert _line(values, least, {}).figures["psnr"].value == 20
    values[:, FIGURES.index("psnr")] = np.inf
    assert _line(values, least, {}).figures["psnr"].value == np.inf


def test_a_row_that_lacks_pictures_has_no_mean() -> None:
    values = np.full((20, len(FIGURES)), 0.5)
    values[:5, FIGURES.index("bleed")] = np.nan
    least = np.full(len(FIGURES), 0.8 * 20)
    figures = _line(values, least, {}).figures
    assert np.isnan(figures["bleed"].value)
    assert figures["de00"].value == 0.5


def test_a_spread_is_the_larger_half() -> None:
    assert with_spread(Figure(5.0, 4.5, 5.75), BY_KEY["de00"]) == "5.00 ±0.75"
    assert with_spread(Figure(5.0), BY_KEY["de00"]) == "5.00"
