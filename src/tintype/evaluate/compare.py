"""Several rows beside each other: color and measure whatever is not in the cache."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tintype import __version__
from tintype.errors import ModelError
from tintype.evaluate.cache import Cache, Measured, key_of
from tintype.evaluate.measure import FIGURES, VERSION, Maker, measure
from tintype.evaluate.metrics.lab import Floats
from tintype.evaluate.pictures import content_hash
from tintype.evaluate.protocol import Protocol
from tintype.evaluate.workers import side_by_side


@dataclass(frozen=True)
class Row:
    """A line of the table: `maker_of` says who makes its result for a picture.

    `model` is the file that colors them all, where there is one.
    """

    name: str
    maker_of: Callable[[str], Maker]
    model: Path | None = None

    @classmethod
    def baseline(cls, maker: Maker) -> Row:
        """The truth, or what is made of it without looking: the rows that are always there."""
        return cls(maker.kind, lambda _: maker)

    @classmethod
    def of_model(cls, name: str, file: Path) -> Row:
        """A model file that colors the gray of each picture."""
        return cls(name, lambda _: Maker("model", file), file)

    @classmethod
    def of_results(cls, name: str, files: Mapping[str, Path]) -> Row:
        """Pictures that somebody colored."""
        return cls(name, lambda picture: Maker("file", files[picture]))


BASELINES = tuple(Row.baseline(maker) for maker in (Maker("gray"), Maker("half"), Maker("truth")))


@dataclass(frozen=True)
class Comparison:
    """What was measured, of the `pictures` that have color; `gray` were left out.

    `figures[row]` is (pictures, FIGURES); under `keys[row]` the cache has the features. `hashes`
    are of the model files, by row.
    """

    rows: Sequence[Row]
    pictures: Mapping[str, Path]
    gray: Sequence[str]
    figures: Mapping[str, Floats]
    keys: Mapping[str, Sequence[str]]
    hashes: Mapping[str, str]

    def column(self, row: str, figure: str) -> Floats:
        """One figure of a row, (pictures,)."""
        return self.figures[row][:, FIGURES.index(figure)]


def compare(
    rows: Sequence[Row],
    truth: Mapping[str, Path],
    protocol: Protocol,
    cache: Cache,
    *,
    judge: str | None = None,
    judge_key: str = "",
    progress: Callable[[int, int], object],
) -> Comparison:
    """Measure every row on every true picture; `progress` is told how many are done, of all.

    What was measured before comes from the cache, and what is new is in it at once. `judge` is what
    `open_judge` takes, `judge_key` that judge's key. Raises PhotoError and ModelError.
    """
    protocol_key = key_of(VERSION, *FIGURES, __version__, protocol.crop_px, judge_key)
    hashes = {row.name: content_hash(row.model) for row in rows if row.model}
    figures = {row.name: np.full((len(truth), len(FIGURES)), np.nan) for row in rows}
    keys: dict[str, list[str]] = {row.name: [] for row in rows}
    tasks = []
    for index, (picture, file) in enumerate(truth.items()):
        truth_hash = content_hash(file)
        missing = {}
        for row in rows:
            maker = row.maker_of(picture)
            made_by = hashes.get(row.name, "")
            if maker.kind == "file" and maker.path:
                made_by = content_hash(maker.path)
            key = key_of(maker.kind, made_by, truth_hash, protocol_key)
            keys[row.name].append(key)
            found = cache.get(key)
            if found and len(found.figures) == len(FIGURES):
                figures[row.name][index] = found.figures
            else:
                missing[row.name] = replace(maker, sha256=made_by)
        if missing:
            tasks.append(_Task(index, file, truth_hash, missing))

    done = len(truth) - len(tasks)
    progress(done, len(truth))
    work = functools.partial(_work, protocol=protocol, judge=judge, judge_key=judge_key)
    with side_by_side(work, tasks) as results:
        for task, measured in zip(tasks, results, strict=True):
            cache.put({keys[row][task.index]: result for row, result in measured.items()})
            for row_name, result in measured.items():
                figures[row_name][task.index] = result.figures
            done += 1
            progress(done, len(truth))

    has_color = ~np.isnan(figures[rows[0].name][:, FIGURES.index("de00")])
    kept = np.flatnonzero(has_color)
    names = list(truth)
    return Comparison(
        rows,
        {names[i]: truth[names[i]] for i in kept},
        [names[i] for i in np.flatnonzero(~has_color)],
        {row: values[kept] for row, values in figures.items()},
        {row: [of_row[i] for i in kept] for row, of_row in keys.items()},
        hashes,
    )


@dataclass(frozen=True)
class _Task:
    index: int
    truth: Path
    sha256: str
    makers: dict[str, Maker]


def _work(
    task: _Task, protocol: Protocol, judge: str | None, judge_key: str
) -> dict[str, Measured]:
    makers = list(task.makers.values())
    measured = measure(task.truth, makers, protocol, judge, judge_key, task.sha256)
    for maker in task.makers.values():
        if maker.kind == "model" and maker.path and content_hash(maker.path) != maker.sha256:
            raise ModelError(f"{maker.path}: has changed since the run began.")
    return dict(zip(task.makers, measured, strict=True))
