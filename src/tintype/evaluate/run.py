"""The whole of `tintype evaluate`, from names to a table."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tintype.colorizer import Colorizer
from tintype.errors import DataError, closest, some
from tintype.evaluate.cache import open_cache
from tintype.evaluate.compare import BASELINES, Comparison, Row, compare
from tintype.evaluate.judge import Judge, open_judge
from tintype.evaluate.pictures import results_for, true_pictures
from tintype.evaluate.protocol import AS_THEY_ARE, PROTOCOLS, Protocol
from tintype.evaluate.summary import Table, summarize
from tintype.models import store
from tintype.settings import Settings

CACHE_FILE = "evaluate.sqlite"
FEW_PER_FEATURE = 10  # below this many pictures a feature, a Frechet distance is mostly bias


@dataclass(frozen=True)
class Evaluation:
    """What came out, and how: `warnings` are lines for who reads the figures.

    `options` are what `evaluate` was given, and `sources` says of each row what made it.
    """

    data: Path
    protocol: Protocol
    judge: Judge | None
    comparison: Comparison
    table: Table
    warnings: Sequence[str]
    against: str | None
    options: Mapping[str, Any]
    sources: Mapping[str, Mapping[str, str]]


def evaluate(
    models: Sequence[str],
    data: Path,
    *,
    judge: str | None = None,
    limit: int | None = None,
    against: str | None = None,
    protocol: str | None = None,
    progress: Callable[[int, int], object],
) -> Evaluation:
    """Measure models and folders of results on the pictures of `data`, and sum up.

    `models` are names, .onnx files and folders; `judge` what `open_judge` takes; `limit` the number
    of pictures, the first by name; `against` a row's name; `protocol` one of PROTOCOLS. `progress`
    is told how many pictures are done, of how many. Raises DataError, PhotoError, ModelError,
    UnknownModel, MissingExtra, OutputError.
    """
    kept = PROTOCOLS[protocol] if protocol else AS_THEY_ARE
    ours: list[Path] = []
    every = true_pictures(data, ours.append)
    counts = [n for n in (kept.pictures, limit) if n]
    truth = dict(itertools.islice(every.items(), min(counts, default=None)))
    warnings = []
    if ours:
        warnings.append(f"{data}: left out, results of tintype and no truth: {some(ours)}.")
    if kept.pictures and len(truth) < kept.pictures:
        warnings.append(
            f"{len(truth)} pictures, and {kept.name} has {kept.pictures}: "
            "not to be set beside published figures."
        )
    named = list(_named(models))
    rows = []
    sources: dict[str, dict[str, str]] = {}
    for name, model in named:
        if Path(model).is_dir():
            results = results_for(every, truth, Path(model))
            rows.append(Row.of_results(name, results.files))
            sources[name] = {"kind": "folder", "path": str(_absolute(model))}
            if results.extra:
                warnings.append(f"{model}: left out, of no true picture: {some(results.extra)}.")
        else:
            file = store.locate(model)
            card = Colorizer(file).card  # what is no model is told of now, not after an hour
            rows.append(Row.of_model(name, file))
            sources[name] = {"kind": "model", "path": str(_absolute(file)), "card": card.name}
    rows += BASELINES
    sources |= {row.name: {"kind": row.name} for row in BASELINES}
    names = [row.name for row in rows]
    if against and against not in names:
        hint = closest(against, names) or f"The rows are {', '.join(names)}."
        raise DataError(f"There is no row '{against}' to compare with.", hint=hint)

    opened = open_judge(judge) if judge else None
    with open_cache(Settings.from_environment().cache_dir / CACHE_FILE) as cache:
        comparison = compare(
            rows,
            truth,
            kept,
            cache,
            judge=judge,
            judge_key=opened.key if opened else "",
            progress=progress,
        )
        if not comparison.pictures:
            raise DataError(f"{data}: of {len(truth)} pictures none has color to compare with.")
        table = summarize(comparison, cache, judge=opened, against=against)
    if comparison.gray:
        gray = comparison.gray
        warnings.append(f"{len(gray)} gray, with no color to compare with: {some(gray)}.")
    if opened and not opened.classes:
        warnings.append("The judge has no classes, only features: nothing is recognized by it.")
    if opened and (n := len(comparison.pictures)) < FEW_PER_FEATURE * opened.features:
        warnings.append(
            f"{n} pictures are few for {opened.features} features: FD is too large by much, the "
            "more so in groups. Compare it only with FD of the same pictures."
        )
    for name, sha256 in comparison.hashes.items():
        sources[name]["sha256"] = sha256
    options = {
        "models": list(models),
        "data": str(_absolute(data)),
        "judge": judge,
        "limit": limit,
        "against": against,
        "protocol": protocol,
    }
    return Evaluation(data, kept, opened, comparison, table, warnings, against, options, sources)


def _named(models: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each with the name of its row: the last part of its path where that tells it apart."""
    reserved = [row.name for row in BASELINES]
    # the name that was given, whatever a link leads to
    short = [_absolute(model).name if Path(model).exists() else model for model in models]
    for name, model in zip(short, models, strict=True):
        clear = name not in reserved and short.count(name) == 1
        row = name if clear else model
        if row in reserved or models.count(model) > 1:
            raise DataError(
                f"{model}: two rows of one name.", hint="gray, half and truth are always there."
            )
        yield row, model


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links
