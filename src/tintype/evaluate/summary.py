"""From figures of pictures to a table: means with their intervals, group by group."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from tintype.evaluate.cache import Cache
from tintype.evaluate.columns import BY_KEY, COLUMNS, PAIRED, Column
from tintype.evaluate.compare import Comparison
from tintype.evaluate.judge import Judge
from tintype.evaluate.measure import FIGURES
from tintype.evaluate.metrics.frechet import (
    Indices,
    Moments,
    Vectors,
    frechet_at_infinity,
    frechet_distance,
)
from tintype.evaluate.metrics.interval import bootstrap_means, wilson_95
from tintype.evaluate.pictures import group_of

ALL = "all"
TRUTH = "truth"
GROUPS_AT_MOST = 20  # more prefixes than these are names of pictures
FRECHET_AT_LEAST = 20  # pictures; of fewer there is nothing to be said
INTERVAL_AT_LEAST = 10  # pictures; of fewer the bootstrap promises more than it holds
DEFINED_AT_LEAST = 0.8  # of the row that has most: rows of other pictures are no comparison
_AT_ONCE = 256  # features; bounds the memory


class Figure(NamedTuple):
    """A mean and its 95 % interval; NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan


class Line(NamedTuple):
    """A row of the table: `n` pictures, and its figures by column."""

    n: int
    figures: dict[str, Figure]


class Win(NamedTuple):
    """`share` of pictures on which a row is better, a tie being half, and the mean difference."""

    n: int
    share: Figure
    difference: Figure

    @property
    def is_different(self) -> bool:
        """Whether the interval of the share leaves out one half."""
        return not self.share.low <= 0.5 <= self.share.high


@dataclass(frozen=True)
class Table:
    """`lines[group][row]`, `columns` that have a figure somewhere, `against[row][column]`."""

    columns: Sequence[Column]
    lines: Mapping[str, Mapping[str, Line]]
    against: Mapping[str, Mapping[str, Win]]

    def n(self, group: str) -> int:
        """How many pictures a group has."""
        return next(iter(self.lines[group].values())).n


def summarize(
    comparison: Comparison, cache: Cache, *, judge: Judge | None, against: str | None
) -> Table:
    """The table of a comparison; `against` names the row that the others are held against."""
    groups = _groups(list(comparison.pictures))
    frechet = _frechet(comparison, cache, groups)
    lines: dict[str, dict[str, Line]] = {}
    for group, members in groups.items():
        of_rows = {row.name: comparison.figures[row.name][members] for row in comparison.rows}
        most = np.max([(~np.isnan(values)).sum(0) for values in of_rows.values()], axis=0)
        lines[group] = {
            row: _line(values, DEFINED_AT_LEAST * most, frechet.get((group, row), {}))
            for row, values in of_rows.items()
        }
    found = {
        key
        for of_group in lines.values()
        for line in of_group.values()
        for key, figure in line.figures.items()
        if not math.isnan(figure.value)
    }
    others = [row.name for row in comparison.rows if against and row.name not in (against, TRUTH)]
    return Table(
        [_named(column, judge) for column in COLUMNS if column.key in found],
        lines,
        {other: _wins(comparison, other, str(against)) for other in others},
    )


def _named(column: Column, judge: Judge | None) -> Column:
    """A Frechet distance says in its name whose features it compares."""
    if judge and column.key in ("fd", "fd_unbiased"):
        label = column.label.replace("FD", judge.distance_name)
        return replace(column, label=label, about=f"{column.about}; {judge.name}")
    return column


def _groups(pictures: Sequence[str]) -> dict[str, Indices]:
    """All pictures, and those of each prefix where every picture has one and they tell groups."""
    prefixes = [group_of(name) for name in pictures]
    names = sorted({prefix for prefix in prefixes if prefix} - {ALL})
    if None in prefixes or len(set(prefixes)) == 1 or len(names) > GROUPS_AT_MOST:
        names = []
    members = {name: [i for i, p in enumerate(prefixes) if p == name] for name in names}
    return {
        name: np.array(indices, np.intp)
        for name, indices in {ALL: range(len(pictures)), **members}.items()
    }


def _line(values: Vectors, least: Vectors, frechet: dict[str, Figure]) -> Line:
    """The figures of a row's pictures, (n, FIGURES); none where fewer than `least` are defined."""
    values = np.where((~np.isnan(values)).sum(0) < least, np.nan, values)
    some_finite = np.isfinite(values).any(0)
    # an exact picture has no PSNR that a mean could hold
    values = np.where(np.isinf(values) & some_finite, np.nan, values)
    resampled = bootstrap_means(values.astype(np.float64))
    figures = {}
    for i, key in enumerate(FIGURES):
        figures[key] = _figure(values[:, i], resampled[:, i])
        if key == "cf_diff":
            figures["cf_means"] = _figure(values[:, i], resampled[:, i], np.abs)
    return Line(len(values), figures | frechet)


def _figure(
    values: Vectors, resampled: Vectors, of_mean: Callable[[Vectors], Vectors] = np.asarray
) -> Figure:
    defined = values[~np.isnan(values)]
    if not defined.size:
        return Figure(math.nan)
    mean = float(of_mean(defined.mean()))
    if defined.size < INTERVAL_AT_LEAST or not math.isfinite(mean):
        return Figure(mean)
    return Figure(mean, *_ends(of_mean(resampled)))


def _ends(resampled: Vectors) -> tuple[float, float]:
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return float(low), float(high)


def _wins(comparison: Comparison, row: str, other: str) -> dict[str, Win]:
    wins = {}
    for key in PAIRED:
        column = BY_KEY[key]
        ours, theirs = comparison.column(row, key), comparison.column(other, key)
        both = ~(np.isnan(ours) | np.isnan(theirs))
        if not both.any():
            continue
        ours, theirs = ours[both], theirs[both]
        won = int((column.badness(ours) < column.badness(theirs)).sum())
        lost = int((column.badness(ours) > column.badness(theirs)).sum())
        finite = np.isfinite(ours) & np.isfinite(theirs)
        difference = ours[finite] - theirs[finite]
        wins[key] = Win(
            len(ours),
            _share(won, lost, len(ours)),
            _figure(difference, bootstrap_means(difference[:, None])[:, 0])
            if finite.any()
            else Figure(math.nan),
        )
    return wins


def _share(won: int, lost: int, n: int) -> Figure:
    """Of n pictures, a tie being half; only those that are decided make it uncertain."""
    decided = won + lost
    ties = (n - decided) / 2
    if not decided:
        return Figure(0.5, 0.0, 1.0)
    low, high = wilson_95(won, decided)
    return Figure((won + ties) / n, (decided * low + ties) / n, (decided * high + ties) / n)


def _frechet(
    comparison: Comparison, cache: Cache, groups: Mapping[str, Indices]
) -> dict[tuple[str, str], dict[str, Figure]]:
    """`fd` of each group and row, and `fd_unbiased` of all pictures; empty without a judge."""

    def features(row: str, members: Indices) -> Vectors:
        found = (cache.get(comparison.keys[row][i]) for i in members)
        return np.stack([measured.features for measured in found if measured])

    size = features(TRUTH, np.array([0])).shape[1]
    if not size:
        return {}

    def moments(row: str, members: Indices) -> Moments:
        gathered = Moments(size)
        for first in range(0, len(members), _AT_ONCE):
            gathered.add(features(row, members[first : first + _AT_ONCE]))
        return gathered

    def pairs(row: str, members: Indices) -> tuple[Vectors, Vectors]:
        return features(row, members), features(TRUTH, members)

    figures: dict[tuple[str, str], dict[str, Figure]] = {}
    for group, members in groups.items():
        if len(members) <= FRECHET_AT_LEAST:
            continue
        truth = moments(TRUTH, members)
        for row in comparison.rows:
            fd = frechet_distance(moments(row.name, members), truth)
            figures[group, row.name] = {"fd": Figure(fd)}
            if group == ALL and row.name != TRUTH:
                orders = frechet_at_infinity(partial(pairs, row.name), len(members), size)
                if orders.size:
                    at_infinity = Figure(float(orders.mean()), *_ends(orders))
                    figures[group, row.name]["fd_unbiased"] = at_infinity
    return figures
