"""The run: stages one after the other, and when to log, look, save and stop."""

from __future__ import annotations

import math
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from tintype.data.loader import TRIES, UNDAMAGED, Crops, batches
from tintype.data.old_look import ages, make_old
from tintype.data.reveal import reveal, told
from tintype.errors import CheckpointError, DataError, RecipeError
from tintype.nn.spaces import gray_of, hints_of
from tintype.recipe import Recipe
from tintype.recipe.stages import RaritySpec, Stage
from tintype.train import rarity
from tintype.train.curves import draw_curves
from tintype.train.device import make_fabric, seed_step
from tintype.train.initialize import unfold
from tintype.train.interrupt import Interrupt
from tintype.train.log import Log
from tintype.train.looks import color, forget_after, write_look, write_strip
from tintype.train.optimizers import lr_scale, set_lr
from tintype.train.plan import Plan, make_plan
from tintype.train.run import Run, diverged
from tintype.train.run_folder import run_folder
from tintype.train.score import Scorer
from tintype.train.step import (
    Losses,
    Players,
    discriminator_step,
    gan_step,
    likely_step,
    pretrain_step,
)
from tintype.train.views import Views, l_and_lab, views_of

LOG_EVERY_STEPS = 20
MAKE_COLOR = ("pretrain", "gan")
"""Kinds of stages in which color is learned."""
DAMAGED_SHARE = 0.01
"""More damaged pictures than this share of those trained on end the run."""
RARITY_CROPS = 1000
"""Crops of the stage that its histogram of colors is made of."""


def train(recipe: Recipe, data: list[Path], out: Path, val: list[Path] | None = None) -> Path:
    """Train what the recipe says on the pictures in `data`, into the run folder `out`.

    The same call again goes on where the last one stopped. `val` are the pictures of the looks;
    without it `holdout_images` of the data are kept out of training for them. Gives the last
    checkpoint. Raises DataError, RecipeError, CheckpointError, OutputError, or TrainingDiverged
    when a loss is no longer a number. Ctrl-C saves first, then raises KeyboardInterrupt.
    """
    plan = make_plan(recipe, data, out, val)
    fabric = make_fabric(recipe)
    _check_shares(recipe, fabric.world_size)
    started = plan.state is not None
    run = Run(fabric, recipe, plan.pictures, plan.checkpoints, started=started)
    if plan.state is not None:
        run.restore(plan.state)
    elif recipe.init is not None:
        unfold(run.g, gray_of(run.g.space, plan.held_l))
        run.ema.average.load_state_dict(run.g.state_dict())
    _check_shared(run, out)
    with ExitStack() as stack:
        log = None
        if fabric.is_global_zero:
            begin = run.images if started else -1
            rows = stack.enter_context(run_folder(out, recipe, begin))
            forget_after(begin, out / "sheets", plan.checkpoints)
            log = stack.enter_context(Log(rows, out / "tensorboard", run.images))
        interrupt = stack.enter_context(Interrupt())
        loop = Loop(plan, run, log, interrupt)
        if plan.steered:
            loop.write(changed=plan.steered)
            loop.say(f"goes on with {'; '.join(plan.steered)}")
        while not run.done:
            loop.stage()
    return plan.checkpoints / "latest.pt"


class Loop:
    """When things happen; `Run` is what they happen to."""

    def __init__(self, plan: Plan, run: Run, log: Log | None, interrupt: Interrupt) -> None:
        self.plan, self.run, self.log, self.interrupt = plan, run, log, interrupt
        self.fabric = run.fabric
        self.scorer = Scorer(plan.held_lab, plan.judge) if log is not None else None
        self.held_l = self.fabric.to_device(plan.held_l)
        self.damaged: set[int] = set()
        self.aside_s = 0.0

    def stage(self) -> None:
        """Train one stage to its end, from where it stopped if it was begun before."""
        run, fabric, plan = self.run, self.fabric, self.plan
        stage, length = run.stage, plan.lengths[run.stage_number]
        if run.images == 0:
            self.look()
        elif stage.kind == "likely" and run.stage_images == 0:
            run.go_back_to_best()  # the head is for the colors that will be exported
        crops = plan.crops(run.stage_number)
        rare = self.rare_colors(getattr(stage, "rarity", None), crops)
        players = run.players()
        run.g.train(stage.kind in MAKE_COLOR)
        bar = tqdm(
            total=length, initial=run.stage_images, unit="img", desc=stage.name,
            disable=None if self.log is not None else True,
        )  # fmt: skip
        stream = batches(
            crops,
            first=run.stage_images,
            last=length,
            batch_images=stage.batch_images,
            workers=plan.recipe.workers,
            rank=fabric.global_rank,
            world=fabric.world_size,
        )
        began, steps, stopped = time.perf_counter(), 0, False
        self.aside_s = 0.0
        with closing(stream):
            for pictures, damaged in stream:
                self.pass_over(crops, damaged)
                self.set_lrs(players, stage, length)
                seed_step(plan.recipe.seed, run.images, fabric.global_rank)
                losses = self.step(players, stage, self.views(stage, pictures, rare))
                if players.opt_g is not None:
                    run.ema.update(run.g)

                before = run.images
                run.images += stage.batch_images
                run.stage_images += stage.batch_images
                bar.update(stage.batch_images)
                for name, value in losses.items():
                    run.sums[name] = (
                        run.sums[name].to(value.device) + value if name in run.sums else value
                    )
                run.summed_steps, steps = run.summed_steps + 1, steps + 1
                if run.summed_steps == LOG_EVERY_STEPS:
                    seconds = time.perf_counter() - began - self.aside_s
                    means = self.report(players, steps / seconds)
                    bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()})
                    began, steps, self.aside_s = time.perf_counter(), 0, 0.0
                is_due = _crossed(before, run.images, plan.recipe.look_every_images)
                if is_due and stage.kind in MAKE_COLOR:  # the others leave color as it is
                    self.look()
                    if self.should_stop(stage):
                        stopped = True
                        break
                if _crossed(before, run.images, plan.recipe.checkpoint_every_images):
                    self.save(players)
                if self.interrupted():
                    bar.close()
                    self.save(players)
                    self.say(f"saved after {run.images} images; the same command goes on.")
                    self.interrupt.act()
        bar.close()
        if run.summed_steps:
            self.report(players, None)
        if not stopped:
            self.look()
        run.stage_number, run.stage_images = run.stage_number + 1, 0
        run.begin_stage()
        if stopped:
            run.go_back_to_best()
        self.save(None)

    def step(self, players: Players, stage: Stage, views: Views) -> Losses:
        """One step of the stage's kind."""
        if stage.kind == "pretrain":
            return pretrain_step(self.fabric, players, stage, views)
        if stage.kind == "likely":
            return likely_step(self.fabric, players, views)
        if stage.kind == "discriminator":
            return discriminator_step(self.fabric, players, stage, views)
        assert self.run.balance is not None
        number = self.run.stage_images // stage.batch_images
        d_moves = number % stage.d_every_steps == 0 and not self.run.balance.waits
        return gan_step(self.fabric, players, stage, views, d_moves=d_moves)

    def views(self, stage: Stage, pictures: Tensor, rare: Tensor | None) -> Views:
        """A batch as the networks see it, on the device."""
        l, lab = l_and_lab(self.plan.source.form, self.fabric.to_device(pictures))
        g, seed = self.run.g, self.plan.seed(self.run.stage_number)
        first = self.run.stage_images + self.fabric.global_rank * len(pictures)
        positions = range(first, first + len(pictures))
        hints = None
        if g.takes_hints:
            shown = told(seed, positions, stage.crop_px, stage.hints)
            hints = hints_of(*reveal(lab[:, 1:], shown))
        if stage.old_look:
            l = make_old(l, lab, ages(seed, positions, stage.old_look))
        weight = None if rare is None else rarity.weight_of(rare, lab[:, 1:])
        return views_of(g.space, l, lab, weight, hints)

    def rare_colors(self, spec: RaritySpec | None, crops: Crops) -> Tensor | None:
        """The weights of colors, from the first crops of the stage."""
        if spec is None:
            return None
        count = min(RARITY_CROPS, len(crops.keep))
        shares = np.zeros((rarity.BINS, rarity.BINS))
        for position in tqdm(range(count), unit="img", desc="colors", disable=None):
            picture, _ = crops[position]
            _, lab = l_and_lab(self.plan.source.form, picture[None])
            shares = shares + rarity.histogram(lab[:, 1:]) / count
        return self.fabric.to_device(torch.from_numpy(rarity.weights(shares, spec)))

    def set_lrs(self, players: Players, stage: Stage, length: int) -> None:
        """Learning rates as the schedule has them at this image."""
        scale = lr_scale(stage, self.run.stage_images, length)
        if self.run.plateau is not None:
            scale *= self.run.plateau.scale
        if players.opt_g is not None and stage.kind != "discriminator":
            set_lr(players.opt_g, stage.lr_g * scale)
        if players.opt_d is not None and stage.kind in ("discriminator", "gan"):
            set_lr(players.opt_d, stage.lr_d * scale)

    def report(self, players: Players, steps_per_s: float | None) -> dict[str, float]:
        """Log the means since the last report; gives them."""
        run, stage = self.run, self.run.stage
        sums = torch.stack([value.float() for value in run.sums.values()])
        reduced = self.fabric.all_reduce(sums / run.summed_steps, reduce_op="mean")
        means = dict(zip(run.sums, torch.as_tensor(reduced).tolist(), strict=True))
        self.check_finite(means)
        lrs = {
            name: optimizer.param_groups[-1]["lr"]
            for name, optimizer in (("lr_g", players.opt_g), ("lr_d", players.opt_d))
            if optimizer is not None
        }
        rate = {}
        if steps_per_s is not None:
            rate["images_per_s"] = round(steps_per_s * stage.batch_images, 1)
        self.write(stage=stage.name, losses=means, lrs=lrs, **rate)
        if run.balance is not None:
            warning = run.balance.see(means["d_accuracy"])
            if warning is not None:
                self.write(warning=warning)
                self.say(warning)
        run.sums, run.summed_steps = {}, 0
        return means

    def look(self) -> None:
        """See and score the averaged generator, and keep it."""
        run, plan, fabric = self.run, self.plan, self.fabric
        if run.looked_at_images == run.images:
            return
        run.looked_at_images = run.images
        began = time.perf_counter()
        scores: dict[str, float] = {}
        if self.scorer is not None:
            made_ab = color(run.ema.average, self.held_l, fabric.autocast).cpu()
            if not bool(made_ab.isfinite().all()):
                raise diverged("A made color", run.images, plan.checkpoints)
            scores = self.scorer(made_ab)
        scores = fabric.broadcast(scores)
        if run.plateau is not None:
            run.plateau.see(scores["l1"])
        is_best = not run.best or scores["score"] < run.best["score"]
        if run.stage.kind == "likely":  # the same colors, and more is known of them
            is_best = True
        if is_best:
            run.looks_without_best = 0
            run.best = {"score": scores["score"], "images": run.images}
        elif run.stage_images:
            run.looks_without_best += 1
        if self.log is not None:
            self.write(look=scores)
            run.save_look(best=is_best)
            sheets = plan.out / "sheets"
            write_look(sheets, run.images, plan.held_l, made_ab, plan.held_lab)
            write_strip(sheets, plan.out / "strip.jpg", len(plan.held_l))
            draw_curves(plan.out / "log.jsonl", plan.out / "curves.png")
        fabric.barrier()
        self.aside_s += time.perf_counter() - began

    def should_stop(self, stage: Stage) -> bool:
        """Whether a GAN stage has turned for the worse; says why."""
        run = self.run
        if stage.kind != "gan" or stage.stop_after_looks is None:
            return False
        if run.looks_without_best < stage.stop_after_looks:
            return False
        why = (
            f"stage {stage.name} stopped after {run.images} images: {run.looks_without_best} looks "
            f"in a row were no better than the best, score {run.best['score']:.4f} at "
            f"{run.best['images']:.0f} images (checkpoints/best.pt)"
        )
        self.write(stop=why)
        self.say(why)
        return True

    def save(self, players: Players | None) -> None:
        """Save on the first process; the others wait."""
        began = time.perf_counter()
        if self.log is not None:
            self.run.save(players)
        self.fabric.barrier()
        self.aside_s += time.perf_counter() - began

    def interrupted(self) -> bool:
        """Whether to end; several processes agree on it, on GPUs only at every report."""
        if self.fabric.world_size == 1:
            return bool(self.interrupt.came)
        if self.run.summed_steps and self.fabric.device.type != "cpu":
            return False
        came = torch.tensor(float(self.interrupt.came), device=self.fabric.device)
        return float(torch.as_tensor(self.fabric.all_reduce(came, reduce_op="sum"))) > 0

    def pass_over(self, crops: Crops, damaged: Tensor) -> None:
        """Name damaged pictures once each; too many of them are no accident."""
        most = max(TRIES, DAMAGED_SHARE * len(crops.keep))
        for number in set(damaged.tolist()) - {UNDAMAGED} - self.damaged:
            self.damaged.add(number)
            name = crops.source.name(number)
            self.write(damaged=name)
            tqdm.write(f"tintype: passed over: {name}: not a whole picture", file=sys.stderr)
            if len(self.damaged) > most:
                raise DataError(
                    f"{len(self.damaged)} of {len(crops.keep)} pictures are damaged.",
                    hint=f"They are named in {self.plan.out / 'log.jsonl'}; remove them to go on.",
                )

    def check_finite(self, losses: dict[str, float]) -> None:
        """Stop where a loss is no number: what follows would be none either."""
        for name, value in losses.items():
            if not math.isfinite(value):
                raise diverged(f"The loss {name}", self.run.images, self.plan.checkpoints)

    def write(self, **row: object) -> None:
        """One row of the log."""
        if self.log is not None:
            self.log.write(self.run.images, **row)

    def say(self, what: str) -> None:
        """One line on stderr, above the progress bar."""
        if self.log is not None:
            tqdm.write(f"tintype: {what}", file=sys.stderr)


def _crossed(before: int, now: int, every: int) -> bool:
    return before // every != now // every


def _check_shares(recipe: Recipe, world: int) -> None:
    for stage in recipe.stages:
        if stage.batch_images % world:
            raise RecipeError(
                f"stages.{stage.name}.batch_images: {stage.batch_images} cannot be shared by "
                f"{world} processes."
            )


def _check_shared(run: Run, out: Path) -> None:
    """Every process must have read the same checkpoint."""
    mine = torch.tensor([run.stage_number, run.images], device=run.fabric.device)
    everyones = torch.as_tensor(run.fabric.all_gather(mine)).reshape(-1, 2)
    if not bool((everyones == mine).all()):
        raise CheckpointError(
            f"{out}: the processes find different checkpoints in it.",
            hint="--out must be one folder that all machines share.",
        )
