"""Which pictures of a source are trained on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar
from zipfile import BadZipFile

import numpy as np
from tqdm import tqdm

from tintype.color import Floats, srgb_to_lab
from tintype.data.source import U8, Form, IndexArray, Source, fingerprint
from tintype.errors import DataError
from tintype.files import replacing
from tintype.recipe.data import DataSpec
from tintype.settings import Settings

MEASURED_PX = 64
"""Pictures are measured with their short side at this: quick, and grain averages out."""

# OpenCV's 8-bit Lab to Lab
_LAB_SCALE = np.array([100 / 255, 1, 1], np.float32)
_LAB_ZERO = np.array([0, 128, 128], np.float32)

_T = TypeVar("_T")


class Measures(NamedTuple):
    """How much color and contrast a picture has; the keys of `DataSpec` say in which units."""

    chroma: float
    color_std: float
    contrast: float


def chosen(source: Source, spec: DataSpec, cache: Path, *, write: bool = True) -> IndexArray:
    """The numbers of the pictures that a recipe takes, sorted.

    What a filter kept is written to `cache` (if `write`) and found there again, as long as the
    pictures and the thresholds are the same. Raises DataError when nothing is kept.
    """
    numbers = drawn(len(source), spec)
    if not spec.filters:
        return numbers
    key = json.dumps([fingerprint(source), MEASURED_PX, spec.model_dump()])
    kept = _cached(cache, key)
    if kept is not None:
        return kept
    kept = _passing(source, numbers, spec)
    if write:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with (
            replacing(cache, overwrite=True) as descriptor,
            open(descriptor, "wb", closefd=False) as file,
        ):
            np.savez(file, key=np.array(key), kept=kept)
    return kept


def drawn(count: int, spec: DataSpec) -> IndexArray:
    """At most `draw_images` of so many numbers, sorted: a seeded draw."""
    order = np.random.default_rng((spec.draw_seed, 2)).permutation(count)
    return np.sort(order[: spec.draw_images])


def measure(source: Source, index: int) -> Measures:
    """The measures of one picture. Raises DataError where it cannot be read."""
    view = source.view(index, load_px=MEASURED_PX, crop_px=1)
    lab = lab_of(view, source.form).reshape(-1, 3)
    ab = lab[:, 1:]
    return Measures(
        chroma=float(np.linalg.norm(ab, axis=1).mean()),
        color_std=float(np.sqrt(ab.var(axis=0).sum())),
        contrast=float(lab[:, 0].std()),
    )


def measures(source: Source, numbers: IndexArray) -> list[Measures | DataError]:
    """The measures of many pictures, in their order, or why one cannot be read."""

    def one(index: int) -> Measures | DataError:
        try:
            return measure(source, index)
        except DataError as error:
            return error

    return _each(one, numbers, desc="measuring")


def short_sides(source: Source) -> IndexArray:
    """The short side of every picture in px, from its header; 0 where it cannot be read."""
    sides = _each(source.short_side, np.arange(len(source)), desc="sizes")
    return np.array(sides, np.int64)


def split_holdout(count: int, holdout: int, seed: int) -> tuple[IndexArray, IndexArray]:
    """Numbers to train on, sorted, and numbers held out: a seeded draw."""
    if holdout >= count:
        raise DataError(
            f"{count} pictures are too few: {holdout} are held out for the sheets.",
            hint=f"Add pictures, or hold out fewer: --set holdout_images={max(count // 4, 1)}",
        )
    order = np.random.default_rng((seed, 1)).permutation(count)
    return np.sort(order[holdout:]), np.sort(order[:holdout])


def _passing(source: Source, numbers: IndexArray, spec: DataSpec) -> IndexArray:
    least = np.array([spec.min_chroma, spec.min_color_std, spec.min_contrast])
    found = measures(source, numbers)
    passes = [isinstance(m, Measures) and bool((np.array(m) >= least).all()) for m in found]
    kept: IndexArray = numbers[np.array(passes, bool)]
    damaged = sum(isinstance(m, DataError) for m in found)
    told = f"{len(kept):,} of {len(numbers):,} pictures pass the filter"
    told += f"; {damaged:,} cannot be read" if damaged else ""
    if not len(kept):
        raise DataError(
            f"{told}.", hint="Lower data.min_chroma, data.min_color_std or data.min_contrast."
        )
    print(f"tintype: {told}", file=sys.stderr)
    return kept


def lab_of(view: U8, form: Form) -> Floats:
    """Lab, (H, W, 3) float32, of a view; of a pair, that of its color picture."""
    if form == "lab":
        return view * _LAB_SCALE - _LAB_ZERO
    return srgb_to_lab(view[..., -3:] / np.float32(255))


def _cached(cache: Path, key: str) -> IndexArray | None:
    try:
        with cache.open("rb") as opened, np.load(opened) as file:
            kept: IndexArray = file["kept"]
            return kept if bool(file["key"] == key) else None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):  # none, or damaged: made anew
        return None


def _each(one: Callable[[int], _T], numbers: Sequence[int] | IndexArray, *, desc: str) -> list[_T]:
    """`one` of every number, in their order, by as many threads as there are cores."""
    pool = ThreadPoolExecutor(Settings.from_environment().threads)
    try:
        work = pool.map(one, (int(i) for i in numbers))
        return list(
            tqdm(work, total=len(numbers), unit="img", desc=desc, disable=None, leave=False)
        )
    finally:  # when interrupted, without the pictures that still wait
        pool.shutdown(cancel_futures=True)
