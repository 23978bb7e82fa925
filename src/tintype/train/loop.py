"""The run: stages one after the other, and when to log, look and save."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer
from tqdm import tqdm

from tintype.data.color_torch import lab_from_rgb_u8
from tintype.data.loader import (
    TRIES,
    UNDAMAGED,
    Crops,
    IndexArray,
    batches,
    short_sides,
    split_holdout,
)
from tintype.data.source import Source, fingerprint, open_sources
from tintype.errors import CheckpointError, DataError, TrainingDiverged
from tintype.recipe import Recipe, Stage
from tintype.train import build, checkpoint
from tintype.train.ema import Ema
from tintype.train.looks import look, look_set
from tintype.train.run_folder import run_folder
from tintype.train.step import Players, gan_step, pretrain_step

LOG_EVERY_STEPS = 20
LOOKS_KEPT = 10
DAMAGED_SHARE = 0.01
"""More damaged pictures than this share of those trained on end the run."""

FREE_TO_CHANGE = {"summary", "stages", "workers", "look_every_images", "checkpoint_every_images"}
"""Keys that do not decide what a run has learned so far; stages count from the one it is in."""


def train(recipe: Recipe, data: list[Path], out: Path, val: list[Path] | None = None) -> Path:
    """Train what the recipe says on the pictures in `data`, into the run folder `out`.

    The same call again goes on where the last one stopped. `val` are the pictures of the looks;
    without it `holdout_images` of the data are kept out of training for them. Gives the last
    checkpoint. Raises DataError, RecipeError, CheckpointError, or TrainingDiverged when a loss is
    no longer a number.
    """
    source = open_sources(data)
    latest = out / "checkpoints" / "latest.pt"
    state = checkpoint.load(latest) if latest.exists() else None
    pictures = fingerprint(source)
    if state is not None:
        _check_same(recipe, pictures, state, out)
    if val is None:
        keep, held = split_holdout(len(source), recipe.holdout_images, recipe.seed)
        views = source
    else:
        views, keep = open_sources(val), np.arange(len(source))
        held = np.random.default_rng(recipe.seed).permutation(len(views))[: recipe.holdout_images]
    of_stage = _pictures_of_stages(recipe, source, keep)
    look_px = max(stage.crop_px for stage in recipe.stages)
    look_rgb = look_set(views, [int(i) for i in held], look_px)

    fabric = Fabric(accelerator="auto", devices=1, precision=recipe.precision)
    run = _Run(fabric, recipe, out, look_rgb, pictures)
    if state is not None:
        run.restore(state)
    with run_folder(out, recipe, run.images) as log:
        while run.stage_number < len(recipe.stages):
            crops = Crops(
                source,
                of_stage[run.stage_number],
                seed=recipe.seed * 1000 + run.stage_number,
                load_px=recipe.stages[run.stage_number].load_px,
                crop_px=recipe.stages[run.stage_number].crop_px,
            )
            run.stage(crops, log)
    return latest


class _Run:
    """The networks of a run and how far it is."""

    def __init__(
        self, fabric: Fabric, recipe: Recipe, out: Path, look_rgb: Tensor, pictures: str
    ) -> None:
        self.fabric, self.recipe, self.out, self.pictures = fabric, recipe, out, pictures
        self.damaged: set[int] = set()
        self.look_rgb = look_rgb.to(fabric.device)
        self.g = build.build_generator(recipe)
        self.d = build.build_discriminator(recipe) if recipe.discriminator else None
        self.ema = Ema(self.g, recipe.ema_decay)
        self.ema.average.to(fabric.device)
        self.stage_number = 0
        self.stage_images = 0
        self.images = 0
        self.optimizers: list[dict[str, Any]] | None = None

    def stage(self, crops: Crops, log: TextIO) -> None:
        """Train one stage to its end, from where it stopped if it was begun before."""
        recipe, fabric = self.recipe, self.fabric
        stage = recipe.stages[self.stage_number]
        players, step = self.players(stage)
        base_lrs = _base_lrs(stage)
        if self.images == 0:
            self.look(log)
        self.g.train()
        sums: dict[str, Tensor] = {}
        began, steps = time.perf_counter(), 0
        bar = tqdm(
            total=stage.total_images, initial=self.stage_images, unit="img", desc=stage.name,
            disable=None,
        )  # fmt: skip
        stream = batches(
            crops,
            first=self.stage_images,
            last=stage.total_images,
            batch_images=stage.batch_images,
            workers=recipe.workers,
        )
        for rgb, damaged in stream:
            self.pass_over(crops, damaged, log)
            _set_lrs(players.optimizers, base_lrs, _lr_scale(stage, self.stage_images))
            l, ab = lab_from_rgb_u8(fabric.to_device(rgb))
            losses = step(fabric, players, stage, l, ab)
            self.ema.update(self.g)

            before, steps = self.images, steps + 1
            self.images += len(rgb)
            self.stage_images += len(rgb)
            bar.update(len(rgb))
            for name, value in losses.items():
                sums[name] = sums[name] + value if name in sums else value
            if steps % LOG_EVERY_STEPS == 0:
                means = {name: float(value) / LOG_EVERY_STEPS for name, value in sums.items()}
                self.check_finite(means)
                rate = LOG_EVERY_STEPS * len(rgb) / (time.perf_counter() - began)
                lrs = [optimizer.param_groups[-1]["lr"] for optimizer in players.optimizers]
                self.write(log, stage=stage.name, **means, lrs=lrs, images_per_s=round(rate, 1))
                bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()})
                sums, began = {}, time.perf_counter()
            if _crossed(before, self.images, recipe.look_every_images):
                self.look(log)
            if _crossed(before, self.images, recipe.checkpoint_every_images):
                self.check_finite({name: float(value) for name, value in losses.items()})
                self.save(players)
        bar.close()
        self.look(log)
        self.stage_number, self.stage_images = self.stage_number + 1, 0
        self.save(None)

    def players(self, stage: Stage) -> tuple[Players, Callable[..., dict[str, Tensor]]]:
        """Networks and optimizers of a stage, set up for the device, and its step."""
        g, opt_g = self.fabric.setup(self.g, build.generator_optimizer(self.g, self.recipe, stage))
        players = Players(g, opt_g)
        step: Callable[..., dict[str, Tensor]] = pretrain_step
        if stage.kind == "gan":
            assert self.d is not None
            players.d, players.opt_d = self.fabric.setup(
                self.d, build.discriminator_optimizer(self.d, stage)
            )
            step = gan_step
        if self.optimizers is not None:
            for optimizer, state in zip(players.optimizers, self.optimizers, strict=True):
                optimizer.load_state_dict(state)
            self.optimizers = None
        return players, step

    def look(self, log: TextIO) -> None:
        """See and score the averaged generator, and keep it."""
        name, checkpoints = f"{self.images:09d}", self.out / "checkpoints"
        sheet = self.out / "sheets" / f"{name}.jpg"
        scores = look(self.ema.average, self.look_rgb, sheet, self.fabric.autocast)
        checkpoint.save(
            checkpoints / f"look-{name}.pt",
            {
                "recipe": _plain(self.recipe),
                "images": self.images,
                "ema": self.ema.average.state_dict(),
            },
        )
        for old in sorted(checkpoints.glob("look-*.pt"))[:-LOOKS_KEPT]:
            old.unlink()
        self.write(log, look=scores)

    def save(self, players: Players | None) -> None:
        """Everything that going on needs; between stages there are no optimizers."""
        checkpoint.save(
            self.out / "checkpoints" / "latest.pt",
            {
                "recipe": _plain(self.recipe),
                "pictures": self.pictures,
                "stage_number": self.stage_number,
                "stage_images": self.stage_images,
                "images": self.images,
                "g": self.g.state_dict(),
                "d": self.d.state_dict() if self.d is not None else None,
                "ema": self.ema.average.state_dict(),
                "ema_updates": self.ema.updates,
                "optimizers": [o.state_dict() for o in players.optimizers] if players else None,
            },
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to where `save` was."""
        self.g.load_state_dict(state["g"])
        if self.d is not None:
            self.d.load_state_dict(state["d"])
        self.ema.average.load_state_dict(state["ema"])
        self.ema.updates = state["ema_updates"]
        self.stage_number, self.stage_images = state["stage_number"], state["stage_images"]
        self.images, self.optimizers = state["images"], state["optimizers"]

    def pass_over(self, crops: Crops, damaged: Tensor, log: TextIO) -> None:
        """Name damaged pictures once each; too many of them are no accident."""
        most = max(TRIES, DAMAGED_SHARE * len(crops.keep))
        for number in set(damaged.tolist()) - {UNDAMAGED} - self.damaged:
            self.damaged.add(number)
            name = crops.source.name(number)
            self.write(log, damaged=name)
            tqdm.write(f"tintype: passed over: {name}: not a whole picture", file=sys.stderr)
            if len(self.damaged) > most:
                raise DataError(
                    f"{len(self.damaged)} of {len(crops.keep)} pictures are damaged.",
                    hint=f"They are named in {self.out / 'log.jsonl'}; remove them to go on.",
                )

    def check_finite(self, losses: dict[str, float]) -> None:
        """Stop where a loss is no number: what follows would be none either."""
        latest = self.out / "checkpoints" / "latest.pt"
        for name, value in losses.items():
            if not math.isfinite(value):
                where = f"The last good checkpoint is {latest}. " if latest.exists() else ""
                raise TrainingDiverged(
                    f"The loss {name} became {value} before image {self.images}.",
                    hint=f"{where}Lower the learning rates (--set stages.NAME.lr_g=...).",
                )

    def write(self, log: TextIO, **row: object) -> None:
        """One line of the log."""
        log.write(json.dumps({"images": self.images, **row}) + "\n")
        log.flush()


def _pictures_of_stages(recipe: Recipe, source: Source, keep: IndexArray) -> list[IndexArray]:
    sides = short_sides(source) if any(stage.min_px for stage in recipe.stages) else None
    of_stage = []
    for stage in recipe.stages:
        chosen = keep if sides is None else keep[sides[keep] >= max(stage.min_px, 1)]
        if len(chosen) < stage.batch_images:
            raise DataError(
                f"Stage {stage.name}: its batch of {stage.batch_images} is larger than the "
                f"{len(chosen)} pictures of {stage.min_px} px and more there are to train on.",
                hint=f"Lower it: --set stages.{stage.name}.batch_images={max(len(chosen), 1)}",
            )
        of_stage.append(chosen)
    return of_stage


def _check_same(recipe: Recipe, pictures: str, state: dict[str, Any], out: Path) -> None:
    """A run goes on only as what it was begun as."""
    then, now = state["recipe"], _plain(recipe)
    differs = [key for key in now if key not in FREE_TO_CHANGE and now[key] != then.get(key)]
    begun = state["stage_number"] + (state["stage_images"] > 0)
    for i, stage in enumerate(then["stages"][:begun]):
        if i >= len(now["stages"]) or stage != now["stages"][i]:
            differs.append(f"stages.{stage['name']}")
    if differs:
        raise CheckpointError(
            f"{out}: it was begun with other values of {', '.join(differs)}.",
            hint=f"Use another --out, or the recipe it was begun with, {out / 'recipe.yaml'}.",
        )
    if pictures != state["pictures"]:
        raise CheckpointError(
            f"{out}: it was begun with other pictures.",
            hint="Give the same --data, or another --out.",
        )


def _plain(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", by_alias=True)


def _base_lrs(stage: Stage) -> list[list[float]]:
    """Learning rates by optimizer and parameter group, as `build` makes them."""
    lrs = [[stage.lr_g * stage.encoder_lr_scale, stage.lr_g]]
    return [*lrs, [stage.lr_d]] if stage.kind == "gan" else lrs


def _lr_scale(stage: Stage, images: int) -> float:
    rise = min(1.0, (images + stage.batch_images) / max(stage.warmup_images, 1))
    if stage.schedule == "constant":
        return rise
    cosine = (1 + math.cos(math.pi * images / stage.total_images)) / 2
    return rise * (stage.final_lr_scale + (1 - stage.final_lr_scale) * cosine)


def _set_lrs(optimizers: list[Optimizer], base: list[list[float]], scale: float) -> None:
    for optimizer, lrs in zip(optimizers, base, strict=True):
        for group, lr in zip(optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr * scale


def _crossed(before: int, now: int, every: int) -> bool:
    return before // every != now // every
