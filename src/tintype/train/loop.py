"""The run: stages one after the other, and when to log, look and save."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer
from tqdm import tqdm

from tintype.data.color_torch import lab_from_rgb_u8
from tintype.data.loader import Crops, batches, short_sides, split_holdout
from tintype.data.source import Source, open_sources
from tintype.errors import CheckpointError, DataError, TintypeError
from tintype.recipe import Recipe, Stage
from tintype.train import build, checkpoint
from tintype.train.ema import Ema
from tintype.train.looks import look, look_set
from tintype.train.step import Players, gan_step, pretrain_step

LOG_EVERY_STEPS = 20


def train(recipe: Recipe, data: list[Path], out: Path, val: list[Path] | None = None) -> Path:
    """Train what the recipe says on the pictures in `data`, into the run folder `out`.

    The same call again goes on where the last one stopped. `val` are the pictures of the looks;
    without it `holdout_images` of the data are kept out of training for them. Gives the last
    checkpoint. Raises DataError, RecipeError or CheckpointError before any time is spent where it
    can.
    """
    source = open_sources(data)
    latest = out / "checkpoints" / "latest.pt"
    state = checkpoint.load(latest) if latest.exists() else None
    if state is not None:
        _check_same(recipe, state, out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.yaml").write_text(recipe.to_yaml(), "utf-8")

    fabric = Fabric(accelerator="auto", devices=1, precision=recipe.precision)
    run = _Run(fabric, recipe, source, out, val)
    if state is not None:
        run.restore(state)
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        run.stages(log)
    return latest


def _check_same(recipe: Recipe, state: dict[str, Any], out: Path) -> None:
    then = state["recipe"]
    now = recipe.model_dump(mode="json", by_alias=True)
    for key in ("generator", "discriminator", "seed", "holdout_images"):
        if then[key] != now[key]:
            raise CheckpointError(
                f"{out}: it was begun with {key} {then[key]}, the recipe now says {now[key]}.",
                hint="Use another --out, or the recipe it was begun with.",
            )


class _Run:
    """What a run holds between steps."""

    def __init__(
        self,
        fabric: Fabric,
        recipe: Recipe,
        source: Source,
        out: Path,
        val: list[Path] | None,
    ) -> None:
        self.fabric, self.recipe, self.source, self.out = fabric, recipe, source, out
        self.bare_g = build.build_generator(recipe).to(memory_format=torch.channels_last)
        self.bare_d = (
            build.build_discriminator(recipe).to(memory_format=torch.channels_last)
            if recipe.discriminator
            else None
        )
        self.ema = Ema(self.bare_g, recipe.ema_decay)
        self.ema.average.to(fabric.device)
        self.stage_number = 0
        self.stage_images = 0
        self.images = 0
        self.optimizer_state: dict[str, Any] | None = None
        if val is None:
            self.keep, held = split_holdout(len(source), recipe.holdout_images, recipe.seed)
            views, numbers = source, [int(i) for i in held]
        else:
            self.keep, _ = split_holdout(len(source), 0, recipe.seed)
            views = open_sources(val)
            chosen, rest = split_holdout(
                len(views), min(recipe.holdout_images, len(views) - 1), recipe.seed
            )
            numbers = [int(i) for i in (rest if len(rest) else chosen)]
        sides = short_sides(source) if any(s.min_px for s in recipe.stages) else None
        self.keep_of_stage = []
        for stage in recipe.stages:
            keep = self.keep if sides is None else self.keep[sides[self.keep] >= stage.min_px]
            if len(keep) < stage.batch_images:
                raise DataError(
                    f"stage {stage.name}: its batch of {stage.batch_images} is larger than the "
                    f"{len(keep)} pictures there are to train on.",
                    hint=f"Lower it: --set stages.{stage.name}.batch_images={max(len(keep), 1)}",
                )
            self.keep_of_stage.append(keep)
        px = max(stage.crop_px for stage in recipe.stages)
        self.look_rgb = look_set(views, numbers, px).to(fabric.device)

    def restore(self, state: dict[str, Any]) -> None:
        self.bare_g.load_state_dict(state["g"])
        self.ema.average.load_state_dict(state["ema"])
        self.ema.updates = state["ema_updates"]
        if self.bare_d is not None and state["d"] is not None:
            self.bare_d.load_state_dict(state["d"])
        self.stage_number, self.stage_images = state["stage_number"], state["stage_images"]
        self.images = state["images"]
        self.optimizer_state = state["optimizers"]

    def save(self, players: Players) -> None:
        checkpoint.save(
            self.out / "checkpoints" / "latest.pt",
            {
                "recipe": self.recipe.model_dump(mode="json", by_alias=True),
                "stage_number": self.stage_number,
                "stage_images": self.stage_images,
                "images": self.images,
                "g": self.bare_g.state_dict(),
                "d": self.bare_d.state_dict() if self.bare_d is not None else None,
                "ema": self.ema.average.state_dict(),
                "ema_updates": self.ema.updates,
                "optimizers": {
                    "g": players.opt_g.state_dict(),
                    "d": players.opt_d.state_dict() if players.opt_d else None,
                },
            },
        )

    def stages(self, log: TextIO) -> None:
        while self.stage_number < len(self.recipe.stages):
            self.stage(self.recipe.stages[self.stage_number], log)
            self.stage_number, self.stage_images = self.stage_number + 1, 0
            self.optimizer_state = None

    def stage(self, stage: Stage, log: TextIO) -> None:
        recipe, fabric = self.recipe, self.fabric
        g, opt_g = fabric.setup(
            self.bare_g, build.generator_optimizer(self.bare_g, recipe, stage)
        )
        players = Players(g, opt_g)
        step: Callable[..., dict[str, Tensor]] = pretrain_step
        if stage.kind == "gan":
            assert self.bare_d is not None
            players.d, players.opt_d = fabric.setup(
                self.bare_d, build.discriminator_optimizer(self.bare_d, stage)
            )
            step = gan_step
        optimizers = [o for o in (players.opt_g, players.opt_d) if o is not None]
        if self.optimizer_state:
            players.opt_g.load_state_dict(self.optimizer_state["g"])
            if players.opt_d and self.optimizer_state["d"]:
                players.opt_d.load_state_dict(self.optimizer_state["d"])
        base_lrs = _start_lrs(stage)

        crops = Crops(
            self.source,
            self.keep_of_stage[self.stage_number],
            seed=recipe.seed * 1000 + self.stage_number,
            load_px=stage.load_px,
            crop_px=stage.crop_px,
        )
        stream = batches(
            crops,
            first=self.stage_images,
            last=stage.total_images,
            batch_images=stage.batch_images,
            workers=recipe.workers,
        )
        if self.images == 0:
            self.show(stage, log)
        self.bare_g.train()
        running: dict[str, Tensor] = {}
        steps, began = 0, time.perf_counter()
        with tqdm(
            total=stage.total_images, initial=self.stage_images, unit="img", desc=stage.name,
            disable=None, smoothing=0.05,
        ) as bar:  # fmt: skip
            for rgb in stream:
                _set_lrs(optimizers, base_lrs, _lr_scale(stage, self.stage_images))
                l, ab = lab_from_rgb_u8(fabric.to_device(rgb))
                l = l.contiguous(memory_format=torch.channels_last)
                said = step(fabric, players, stage, l, ab)
                self.ema.update(self.bare_g)
                for key, value in said.items():
                    running[key] = running.get(key, torch.zeros_like(value)) + value
                before, steps = self.images, steps + 1
                self.images += len(rgb)
                self.stage_images += len(rgb)
                bar.update(len(rgb))
                if steps % LOG_EVERY_STEPS == 0:
                    means = {k: float(v) / LOG_EVERY_STEPS for k, v in running.items()}
                    self.check_finite(means)
                    rate = LOG_EVERY_STEPS * len(rgb) / (time.perf_counter() - began)
                    _write(log, images=self.images, stage=stage.name, **means,
                           lr_g=opt_g.param_groups[-1]["lr"], images_per_s=round(rate, 1))  # fmt: skip
                    bar.set_postfix({k: f"{v:.3f}" for k, v in means.items()})
                    running, began = {}, time.perf_counter()
                if _crossed(before, self.images, recipe.look_every_images):
                    self.show(stage, log)
                    began = time.perf_counter()
                if _crossed(before, self.images, recipe.checkpoint_every_images):
                    self.save(players)
        self.stage_images = stage.total_images
        self.save(players)
        self.show(stage, log)

    def check_finite(self, means: dict[str, float]) -> None:
        for key, value in means.items():
            if not math.isfinite(value):
                latest = self.out / "checkpoints" / "latest.pt"
                raise TintypeError(
                    f"The {key} loss became {value} before image {self.images}.",
                    hint=f"The last good checkpoint is {latest}; lower the learning rates to go on."
                    if latest.exists()
                    else "Lower the learning rates.",
                )

    def show(self, stage: Stage, log: TextIO) -> None:
        name = f"{self.images:09d}"
        with self.fabric.autocast():
            scores = look(self.ema.average, self.look_rgb, self.out / "sheets" / f"{name}.jpg")
        checkpoint.save(
            self.out / "checkpoints" / f"look-{name}.pt",
            {
                "recipe": self.recipe.model_dump(mode="json", by_alias=True),
                "images": self.images,
                "ema": self.ema.average.state_dict(),
            },
        )
        _write(log, images=self.images, stage=stage.name, look=scores)


def _start_lrs(stage: Stage) -> list[list[float]]:
    lrs = [[stage.lr_g * stage.encoder_lr_scale, stage.lr_g]]
    return [*lrs, [stage.lr_d]] if stage.kind == "gan" else lrs


def _lr_scale(stage: Stage, images: int) -> float:
    warmup = min(1.0, (images + stage.batch_images) / stage.warmup_images) if stage.warmup_images else 1
    if stage.schedule == "constant":
        return warmup
    cosine = (1 + math.cos(math.pi * images / stage.total_images)) / 2
    return warmup * (stage.final_lr_scale + (1 - stage.final_lr_scale) * cosine)


def _set_lrs(optimizers: list[Optimizer], base: list[list[float]], scale: float) -> None:
    for optimizer, lrs in zip(optimizers, base, strict=True):
        for group, lr in zip(optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr * scale


def _crossed(before: int, now: int, every: int) -> bool:
    return before // every != now // every


def _write(log: TextIO, **row: object) -> None:
    log.write(json.dumps(row) + "\n")
    log.flush()


