"""A run: its networks, how far it is, and what is saved of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from pydantic import ValidationError
from torch import Tensor, nn

from tintype.errors import CheckpointError, TrainingDiverged
from tintype.nn.build import build_discriminator, build_generator
from tintype.nn.discriminators import ProjectedDiscriminator
from tintype.nn.generators import Generator
from tintype.recipe import Recipe
from tintype.recipe.stages import GanStage, LikelyStage, PretrainStage, Stage
from tintype.train import checkpoint
from tintype.train.balance import Balance
from tintype.train.device import lay_out, synchronized
from tintype.train.ema import Ema
from tintype.train.initialize import initialize
from tintype.train.optimizers import Plateau, discriminator_optimizer, generator_optimizer
from tintype.train.perceptual import Perceptual
from tintype.train.step import Players
from tintype.train.weights import freeze, load_encoder, load_pretrained

LOOKS_KEPT = 10

FREE_TO_CHANGE = {
    "summary", "stages", "workers", "machine", "look_every_images", "checkpoint_every_images",
}  # fmt: skip
"""Keys that do not decide what a run has learned so far; stages count from the one it is in."""

STEERING = frozenset({
    "lr_g", "lr_d", "final_lr_scale", "plateau_looks", "plateau_factor", "label_smoothing",
    "adversarial_weight", "lambda_l1", "blotch_weight", "colorfulness_weight", "d_every_steps",
    "d_waits_above", "stop_after_looks",
})  # fmt: skip
"""Keys of the stage a run is in that may be turned while it runs."""


class Run:
    """The networks of a run, its stage, and what the stage remembers from step to step."""

    def __init__(
        self, fabric: Fabric, recipe: Recipe, pictures: str, checkpoints: Path, *, started: bool
    ) -> None:
        self.fabric, self.recipe, self.pictures = fabric, recipe, pictures
        self.checkpoints = checkpoints
        self.g, self.d = new_networks(recipe, with_weights=not started)
        self.g = synchronized(self.g, fabric)
        self.d = None if self.d is None else synchronized(self.d, fabric)
        self.ema = Ema(self.g, recipe.ema_decay)
        self.ema.average.to(fabric.device)
        self.images = 0
        self.stage_number = 0
        self.stage_images = 0
        self.looked_at_images = -1
        self.best: dict[str, float] = {}
        """`score` and `images` of the best look so far."""
        self._memory: dict[str, Any] | None = None
        self.begin_stage()

    @property
    def stage(self) -> Stage:
        """The stage it is in."""
        return self.recipe.stages[self.stage_number]

    @property
    def done(self) -> bool:
        """No stage is left."""
        return self.stage_number >= len(self.recipe.stages)

    def begin_stage(self) -> None:
        """Forget what the last stage remembered."""
        self.sums: dict[str, Tensor] = {}
        self.summed_steps = 0
        self.looks_without_best = 0
        if not self.done:
            self.plateau = Plateau(self.stage) if self.stage.schedule == "plateau" else None
            self.balance = Balance(self.stage) if self.stage.kind == "gan" else None

    def players(self) -> Players:
        """Networks and optimizers of the stage, set up for the device."""
        fabric, stage, recipe = self.fabric, self.stage, self.recipe
        if stage.kind == "discriminator":
            players = Players(fabric.setup(self.g))
        else:
            self._free(stage)
            optimizer = generator_optimizer(self.g, recipe.weight_decay, stage)
            players = Players(*fabric.setup(self.g, optimizer))
            if stage.kind != "likely" and stage.perceptual is not None:
                players.perceptual = Perceptual(stage.perceptual.weights, fabric.device)
        if stage.kind in ("discriminator", "gan"):
            assert self.d is not None
            optimizer = discriminator_optimizer(self.d, stage)
            players.d, players.opt_d = fabric.setup(self.d, optimizer)
        if self._memory is not None:
            for optimizer, state in zip(
                _optimizers(players), self._memory["optimizers"], strict=True
            ):
                optimizer.load_state_dict(state)
            self._memory = None
        return players

    def _free(self, stage: PretrainStage | LikelyStage | GanStage) -> None:
        """What learns in a stage takes gradients, and nothing else: it would be waited for."""
        self.g.requires_grad_(stage.kind != "likely")
        freeze(self.g, self.recipe.generator)
        if self.g.likely is not None:
            weight = 1.0 if stage.kind == "likely" else stage.likely_weight
            self.g.likely.requires_grad_(weight > 0)

    def save_look(self, *, best: bool) -> None:
        """Keep the averaged generator: the last ten looks, and the best of all."""
        state = {
            "recipe": plain(self.recipe),
            "images": self.images,
            "ema": self.ema.average.state_dict(),
            "best": self.best,
        }
        checkpoint.save(self.checkpoints / f"look-{self.images:09d}.pt", state)
        if best:
            checkpoint.save(self.checkpoints / "best.pt", state)
        for old in sorted(self.checkpoints.glob("look-*.pt"))[:-LOOKS_KEPT]:
            old.unlink()

    def save(self, players: Players | None) -> None:
        """Everything that going on needs; between stages there are no optimizers.

        Raises TrainingDiverged, and saves nothing, where a weight is no longer a number.
        """
        self._check_finite()
        stage_memory = None
        if players is not None:
            stage_memory = {
                "optimizers": [o.state_dict() for o in _optimizers(players)],
                "sums": {name: float(value) for name, value in self.sums.items()},
                "summed_steps": self.summed_steps,
                "looks_without_best": self.looks_without_best,
                "plateau": self.plateau.state_dict() if self.plateau else None,
                "balance": self.balance.state_dict() if self.balance else None,
            }
        checkpoint.save(
            self.checkpoints / "latest.pt",
            {
                "recipe": plain(self.recipe),
                "pictures": self.pictures,
                "stage_number": self.stage_number,
                "stage_images": self.stage_images,
                "images": self.images,
                "looked_at_images": self.looked_at_images,
                "best": self.best,
                "g": self.g.state_dict(),
                "d": self.d.state_dict() if self.d is not None else None,
                "ema": self.ema.average.state_dict(),
                "ema_updates": self.ema.updates,
                "stage_memory": stage_memory,
            },
        )

    def _check_finite(self) -> None:
        networks = [
            network for network in (self.g, self.d, self.ema.average) if network is not None
        ]
        norms = torch._foreach_norm([p.detach() for n in networks for p in n.parameters()])
        if not bool(torch.stack(list(norms)).isfinite().all()):
            raise diverged("A weight", self.images, self.checkpoints)

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to where `save` was."""
        self.g.load_state_dict(state["g"])
        if self.d is not None:
            self.d.load_state_dict(state["d"])
        self.ema.average.load_state_dict(state["ema"])
        self.ema.updates = state["ema_updates"]
        self.stage_number, self.stage_images = state["stage_number"], state["stage_images"]
        self.images, self.best = state["images"], state["best"]
        self.looked_at_images = state["looked_at_images"]
        self.begin_stage()
        memory = state["stage_memory"]
        if memory is not None:
            self._memory = memory
            self.sums = {name: torch.tensor(value) for name, value in memory["sums"].items()}
            self.summed_steps = memory["summed_steps"]
            self.looks_without_best = memory["looks_without_best"]
            if self.plateau is not None:
                self.plateau.load_state_dict(memory["plateau"])
            if self.balance is not None:
                self.balance.load_state_dict(memory["balance"])

    def go_back_to_best(self) -> None:
        """Take the generator of the best look for what follows."""
        ema = checkpoint.load(self.checkpoints / "best.pt")["ema"]
        self.g.load_state_dict(ema)
        self.ema.average.load_state_dict(ema)


def new_networks(
    recipe: Recipe, *, with_weights: bool = True
) -> tuple[Generator, nn.Module | None]:
    """Generator and discriminator; frozen parts take no gradient.

    `with_weights`: those that the recipe starts from; else random ones, to be replaced.
    """
    torch.manual_seed(recipe.seed)
    g = build_generator(recipe.generator)
    if with_weights and recipe.init is None:
        load_pretrained(g, recipe.generator)
    elif with_weights and recipe.init is not None:
        initialize(g, recipe.init)
    freeze(g, recipe.generator)
    torch.manual_seed(recipe.seed + 1)
    d = None
    if recipe.discriminator is not None:
        d = build_discriminator(recipe.discriminator, g.color_channels)
        if with_weights and recipe.discriminator.kind == "projected":
            assert isinstance(d, ProjectedDiscriminator)
            load_encoder(d.encoder, recipe.discriminator.weights, key="discriminator.weights")
    for network in (g, d):
        if network is not None:
            lay_out(network, recipe)
    return g, d


def diverged(what: str, images: int, checkpoints: Path) -> TrainingDiverged:
    """What is raised where training has run into numbers that are none."""
    latest = checkpoints / "latest.pt"
    where = f"The last good checkpoint is {latest}. " if latest.exists() else ""
    return TrainingDiverged(
        f"{what} became infinite or no number before image {images}.",
        hint=f"{where}Lower the learning rates and go on: --set stages.NAME.lr_g=... (and lr_d).",
    )


def begun_as(state: dict[str, Any]) -> Recipe | None:
    """The recipe of a checkpoint, where keys that came since then have their defaults; None where
    it is none of today's."""
    try:
        return Recipe.model_validate(state["recipe"])
    except ValidationError:
        return None


def check_same_recipe(recipe: Recipe, state: dict[str, Any], out: Path) -> list[str]:
    """A run goes on only as what it was begun as: CheckpointError says what differs.

    Of the stage that it is in, what steers may change; gives what did.
    """
    begun = begun_as(state)
    then, now = plain(begun) if begun else state["recipe"], plain(recipe)
    differs = [
        told
        for key in now
        if key not in FREE_TO_CHANGE
        for told in _differences(key, then.get(key), now[key])
    ]
    steered: list[str] = []
    for i, stage in enumerate(then["stages"][: state["stage_number"] + 1]):
        mine = now["stages"][i] if i < len(now["stages"]) else None
        is_begun = i < state["stage_number"] or state["stage_images"] > 0
        if not is_begun:
            continue
        where = f"stages.{stage['name']}"
        if mine is None:
            differs.append(f"{where}, which the recipe lacks")
            continue
        may_change = STEERING if i == state["stage_number"] else frozenset()
        turned = _differences(where, mine, stage)
        for told, told_as_turned in zip(_differences(where, stage, mine), turned, strict=True):
            key = told.partition("=")[0].rpartition(".")[2]
            if key in may_change:
                steered.append(told_as_turned)
            else:
                differs.append(told)
    if differs:
        raise CheckpointError(
            f"{out}: it was begun with {'; '.join(differs)}.",
            hint=f"Use another --out, or the recipe it was begun with, {out / 'recipe.yaml'}.",
        )
    return steered


def check_same_pictures(pictures: str, state: dict[str, Any], out: Path) -> None:
    """CheckpointError where a run was begun with other pictures than these."""
    if pictures != state["pictures"]:
        raise CheckpointError(
            f"{out}: it was begun with other pictures.",
            hint="Give the same --data and --val, or another --out.",
        )


def _differences(key: str, then: Any, now: Any) -> list[str]:
    """`key=then, not now` for each value that differs, in the same order either way around."""
    if isinstance(then, dict) and isinstance(now, dict):
        keys = sorted({*then, *now})
        return [told for k in keys for told in _differences(f"{key}.{k}", then.get(k), now.get(k))]
    return [] if then == now else [f"{key}={_short(then)}, not {_short(now)}"]


def _short(value: Any) -> str:
    return "something else" if isinstance(value, dict) else str(value)


def plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values."""
    return recipe.model_dump(mode="json", by_alias=True)


def _optimizers(players: Players) -> list[Any]:
    return [o for o in (players.opt_g, players.opt_d) if o is not None]
