"""What a run will be, found out and checked before any time is spent."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tintype.data.choose import chosen, short_sides, split_holdout
from tintype.data.loader import Crops
from tintype.data.open import open_sources
from tintype.data.source import IndexArray, Source, fingerprint
from tintype.errors import DataError, OutputError, some
from tintype.evaluate.judge import Judge, open_judge
from tintype.recipe import Recipe
from tintype.recipe.stages import Stage
from tintype.train import checkpoint
from tintype.train.looks import held_out
from tintype.train.perceptual import Perceptual
from tintype.train.run import begun_as, check_same_pictures, check_same_recipe, new_networks
from tintype.train.run_folder import check_free
from tintype.train.views import l_and_lab

GRAY_CHROMA = 2.0
"""Mean chroma, in Lab units, under which a picture teaches nothing but gray."""


@dataclass(frozen=True)
class Plan:
    """A recipe, and the pictures it meets: `keep` and `lengths` (in images) are by stage."""

    recipe: Recipe
    out: Path
    source: Source
    keep: list[IndexArray]
    lengths: list[int]
    held_l: Tensor
    held_lab: Tensor
    judge: Judge | None
    pictures: str
    state: dict[str, Any] | None
    steered: list[str]

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints lie."""
        return self.out / "checkpoints"

    def seed(self, stage_number: int) -> int:
        """What is drawn by position in a stage is keyed by this."""
        return self.recipe.seed * 1000 + stage_number

    def crops(self, stage_number: int) -> Crops:
        """The crops of a stage."""
        stage = self.recipe.stages[stage_number]
        return Crops(
            self.source,
            self.keep[stage_number],
            seed=self.seed(stage_number),
            load_px=stage.load_px,
            crop_px=stage.crop_px,
        )


def make_plan(
    recipe: Recipe, data: list[Path], out: Path, val: list[Path] | None, *, write: bool = True
) -> Plan:
    """Open and check everything; with `write` what a filter kept is noted in `out`.

    Raises DataError, RecipeError, CheckpointError, OutputError, ModelError.
    """
    check_free(out)
    latest = out / "checkpoints" / "latest.pt"
    state = checkpoint.load(latest) if latest.exists() else None
    steered = [] if state is None else check_same_recipe(recipe, state, out)
    source = open_sources(data, recipe.data)
    numbers = chosen(source, recipe.data, out / "kept.npz", write=write)
    if val is None:
        at, held_at = split_holdout(len(numbers), recipe.holdout_images, recipe.seed)
        keep, held, views = numbers[at], numbers[held_at], source
    else:
        keep, views = numbers, open_sources(val, recipe.data)
        held = np.random.default_rng(recipe.seed).permutation(len(views))
    begun = (state and begun_as(state)) or recipe
    stages = (*recipe.stages, *begun.stages)
    sides = short_sides(source) if any(stage.min_px for stage in stages) else None
    of_stage = _pictures_of_stages(recipe.stages, sides, keep)
    if sides is not None and val is None:  # enlarged pictures are a poor measure
        large = held[sides[held] >= max(stage.min_px for stage in recipe.stages)]
        held = large if len(large) else held
    pictures = _fingerprint(source, views, of_stage, held)
    if state is not None:  # the stages that are still to come may be others
        of_begun = _pictures_of_stages(begun.stages, sides, keep)
        check_same_pictures(_fingerprint(source, views, of_begun, held), state, out)
    look_px = max(stage.crop_px for stage in recipe.stages)
    looked_at = [int(i) for i in held[: recipe.look_images]]
    held_l, held_lab = l_and_lab(views.form, held_out(views, looked_at, look_px))
    chroma = held_lab[:, 1:].norm(dim=1).mean((1, 2))
    if float(chroma.max()) < GRAY_CHROMA:
        raise DataError(
            f"{some(val or data)}: all of {len(chroma)} pictures looked at are "
            f"gray, the most colorful with a mean chroma of {float(chroma.max()):.1f}.",
            hint="Give color photographs.",
        )
    lengths = _lengths(recipe, of_stage)
    for stage in recipe.stages:
        if stage.kind in ("pretrain", "gan") and stage.perceptual is not None:
            Perceptual(stage.perceptual.weights, torch.device("cpu"))
    _check_room(recipe, out)
    return Plan(
        recipe,
        out,
        source,
        of_stage,
        lengths,
        held_l,
        held_lab,
        open_judge(recipe.judge) if recipe.judge else None,
        pictures,
        state,
        steered,
    )


def parameters(recipe: Recipe) -> tuple[int, int]:
    """Numbers of parameters: the generator's and the discriminator's."""
    g, d = new_networks(recipe, with_weights=False)
    return (
        sum(p.numel() for p in g.parameters()),
        sum(p.numel() for p in d.parameters()) if d is not None else 0,
    )


def _check_room(recipe: Recipe, out: Path) -> None:
    """Two saves (the old one stays until the new one is whole) and the looks must fit the disk."""
    g, d = parameters(recipe)
    # weights, average and two moments of each, four bytes a number; eleven looks and the best one
    need = 2 * 4 * (4 * g + 3 * d) + 12 * 4 * g
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    need -= sum(file.stat().st_size for file in (out / "checkpoints").glob("*.pt"))
    if free < need:
        raise OutputError(
            f"{out}: {free / 1e9:.2f} GB are free there, and the checkpoints of this run need "
            f"{need / 1e9:.2f} GB.",
            hint="Make room, or give another --out.",
        )


def _pictures_of_stages(
    stages: Sequence[Stage], sides: IndexArray | None, keep: IndexArray
) -> list[IndexArray]:
    of_stage = []
    for stage in stages:
        numbers = keep if sides is None else keep[sides[keep] >= max(stage.min_px, 1)]
        if len(numbers) < stage.batch_images:
            raise DataError(
                f"Stage {stage.name}: its batch of {stage.batch_images} is larger than the "
                f"{len(numbers)} pictures of {stage.min_px} px and more there are to train on.",
                hint=f"Lower it: --set stages.{stage.name}.batch_images={max(len(numbers), 1)}",
            )
        of_stage.append(numbers)
    return of_stage


def _lengths(recipe: Recipe, of_stage: list[IndexArray]) -> list[int]:
    lengths = []
    for stage, numbers in zip(recipe.stages, of_stage, strict=True):
        length = stage.images(len(numbers))
        if length < stage.batch_images:
            raise DataError(
                f"Stage {stage.name}: its {length} images are no whole batch of "
                f"{stage.batch_images}.",
                hint=f"Lengthen it, or lower stages.{stage.name}.batch_images.",
            )
        lengths.append(length)
    return lengths


def _fingerprint(
    source: Source, views: Source, of_stage: list[IndexArray], held: IndexArray
) -> str:
    """What tells these pictures, and what they are used for, from others."""
    used = hashlib.sha256(fingerprint(views).encode())
    for numbers in (*of_stage, held):
        used.update(numbers.astype(np.int64).tobytes() + b"|")
    return f"{fingerprint(source)}-{used.hexdigest()[:16]}"
