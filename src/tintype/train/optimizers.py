"""Optimizers, and the learning rates they have at every image of a stage."""

from __future__ import annotations

import math

from lightning_fabric.wrappers import _FabricOptimizer
from torch import nn
from torch.optim import AdamW, Optimizer

from tintype.nn.generators import Generator
from tintype.recipe.stages import DiscriminatorStage, GanStage, LikelyStage, PretrainStage, Stage

LIKELY_LR_SCALE = 5.0


def generator_optimizer(
    g: Generator, weight_decay: float, stage: PretrainStage | LikelyStage | GanStage
) -> AdamW:
    """AdamW, plain Adam without decay; an encoder that comes trained has a rate of its own.

    So has the head that tells how likely colors are, beside color: it begins at random.
    """
    if stage.kind == "likely":
        head = [p for p in g.parameters() if p.requires_grad]
        return AdamW(head, lr=stage.lr_g, betas=stage.betas, weight_decay=weight_decay, fused=True)
    encoder = [] if g.encoder is None else list(g.encoder.parameters())
    likely = [] if g.likely is None else list(g.likely.parameters())
    known = {id(p) for p in [*encoder, *likely]}
    parts = (
        (encoder, stage.encoder_lr_scale),
        (likely, LIKELY_LR_SCALE),
        ([p for p in g.parameters() if id(p) not in known], 1.0),
    )
    groups = [
        {"params": moved, "scale": scale}
        for part, scale in parts
        if (moved := [p for p in part if p.requires_grad])
    ]
    return AdamW(groups, lr=stage.lr_g, betas=stage.betas, weight_decay=weight_decay, fused=True)


def discriminator_optimizer(d: nn.Module, stage: DiscriminatorStage | GanStage) -> AdamW:
    """AdamW without decay, which is Adam."""
    moved = [p for p in d.parameters() if p.requires_grad]
    return AdamW(moved, lr=stage.lr_d, betas=stage.betas, weight_decay=0.0, fused=True)


def set_lr(optimizer: Optimizer | _FabricOptimizer, lr: float) -> None:
    """Give every group of parameters its share of the rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("scale", 1.0)


def lr_scale(stage: Stage, images: int, length: int) -> float:
    """What the stage's rates are multiplied with after `images` of `length`, plateaus aside."""
    rise = min(1.0, (images + stage.batch_images) / max(stage.warmup_images, 1))
    done = images / length
    left = 1.0
    if stage.schedule == "cosine":
        left = (1 + math.cos(math.pi * done)) / 2
    elif stage.schedule == "linear":
        left = min(1.0, 2 * (1 - done))
    least = stage.final_lr_scale if stage.schedule in ("cosine", "linear") else 0.0
    return rise * (least + (1 - least) * left)


class Plateau:
    """Lower the rates when a figure no longer falls (ReduceLROnPlateau)."""

    def __init__(self, stage: Stage) -> None:
        self.looks, self.factor = stage.plateau_looks, stage.plateau_factor
        self.least = stage.final_lr_scale
        self.scale, self.best, self.waited = 1.0, math.inf, 0

    def see(self, figure: float) -> None:
        """Take the figure of one more look; smaller is better."""
        if figure < self.best:
            self.best, self.waited = figure, 0
            return
        self.waited += 1
        if self.waited >= self.looks:
            self.scale, self.waited = max(self.scale * self.factor, self.least), 0

    def state_dict(self) -> dict[str, float]:
        """What `load_state_dict` takes."""
        return {"scale": self.scale, "best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go back to where `state_dict` was."""
        self.scale, self.best = state["scale"], state["best"]
        self.waited = int(state["waited"])
