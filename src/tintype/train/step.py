"""One step of training, as the papers write it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from torch import Tensor

from tintype.nn import losses
from tintype.nn.likely import cross_entropy
from tintype.nn.losses import ADVERSARIAL
from tintype.nn.spaces import chroma_of
from tintype.recipe.stages import DiscriminatorStage, GanStage, PretrainStage
from tintype.train.perceptual import Perceptual
from tintype.train.views import Views

Losses = dict[str, Tensor]


@dataclass
class Players:
    """The two networks, and what moves them in a stage; None stands still or is not there."""

    g: _FabricModule
    opt_g: _FabricOptimizer | None = None
    d: _FabricModule | None = None
    opt_d: _FabricOptimizer | None = None
    perceptual: Perceptual | None = None

    def make(self, stage: PretrainStage | GanStage, views: Views) -> tuple[Tensor, Tensor | float]:
        """The color that the generator makes, and the weighted loss of how likely it told each
        color to be; 0 where the stage has none."""
        if not stage.likely_weight:
            return self.g(*views.given), 0.0
        fake, logits = self.g(*views.given, likely=True)
        return fake, stage.likely_weight * cross_entropy(logits, views.lab[:, 1:])

    def beside_l1(
        self, stage: PretrainStage | GanStage, views: Views, fake: Tensor
    ) -> dict[str, Tensor | float]:
        """The weighted losses that the stage has beside that of distance, by name."""
        found: dict[str, Tensor | float] = {}
        if self.perceptual is not None and stage.perceptual is not None:
            found["perceptual"] = stage.perceptual.weight * self.perceptual(views, fake)
        for name, weight, loss in (
            ("blotches", stage.blotch_weight, losses.blotches),
            ("colorfulness", stage.colorfulness_weight, losses.colorfulness),
        ):
            if weight:
                made_ab = chroma_of(views.space, fake.float())
                found[name] = weight * loss(made_ab, views.lab[:, 1:])
        return found


def logged(**losses: Tensor | float) -> Losses:
    """For the log, those that there are."""
    return {name: loss.detach() for name, loss in losses.items() if isinstance(loss, Tensor)}


def pretrain_step(fabric: Fabric, players: Players, stage: PretrainStage, views: Views) -> Losses:
    """The generator against the truth alone."""
    assert players.opt_g is not None
    fake, loss_likely = players.make(stage, views)
    loss_l1 = distance(stage, views, fake)
    beside = players.beside_l1(stage, views, fake) | {"likely": loss_likely}
    descend(fabric, loss_l1 + sum(beside.values()), players.opt_g)
    return logged(l1=loss_l1, **beside)


def likely_step(fabric: Fabric, players: Players, views: Views) -> Losses:
    """How likely each color is, against the true ones; the color that is made stays as it is."""
    assert players.opt_g is not None
    _, logits = players.g(*views.given, likely=True)
    loss_likely = cross_entropy(logits, views.lab[:, 1:])
    descend(fabric, loss_likely, players.opt_g)
    return logged(likely=loss_likely)


def discriminator_step(
    fabric: Fabric, players: Players, stage: DiscriminatorStage, views: Views
) -> Losses:
    """The discriminator alone, against the generator as it stands."""
    d, opt_d, (d_loss, _, middle) = players.d, players.opt_d, ADVERSARIAL[stage.loss]
    assert d is not None
    assert opt_d is not None
    gray, real = views.gray, views.color
    with torch.no_grad():
        fake = players.g(*views.given)
    on_real, on_fake = d(gray, real), d(gray, fake)
    loss_d = d_loss(on_real, on_fake, stage.label_smoothing)
    descend(fabric, loss_d, opt_d)
    return {"d": loss_d.detach(), "d_accuracy": accuracy(on_real, on_fake, middle)}


def gan_step(
    fabric: Fabric, players: Players, stage: GanStage, views: Views, *, d_moves: bool = True
) -> Losses:
    """Conditional GAN (Isola et al. 2017): both networks see the gray picture."""
    d, opt_g, opt_d = players.d, players.opt_g, players.opt_d
    assert d is not None
    assert opt_g is not None
    assert opt_d is not None
    d_loss, g_loss, middle = ADVERSARIAL[stage.loss]
    gray, real = views.gray, views.color
    fake, loss_likely = players.make(stage, views)

    # the discriminator learns to tell real pairs from made ones
    with torch.set_grad_enabled(d_moves):  # one that waits is asked too: its accuracy ends the wait
        on_real, on_fake = d(gray, real), d(gray, fake.detach())
        loss_d = d_loss(on_real, on_fake, stage.label_smoothing)
    if d_moves:
        descend(fabric, loss_d, opt_d)

    # the generator learns to pass for real, and to stay near the truth
    with still(opt_d), fabric.no_backward_sync(d):  # D only passes gradients on
        loss_adv = g_loss(d(gray, fake))
    loss_l1 = distance(stage, views, fake)
    beside = players.beside_l1(stage, views, fake) | {"likely": loss_likely}
    loss_g = stage.adversarial_weight * loss_adv + stage.lambda_l1 * loss_l1
    descend(fabric, loss_g + sum(beside.values()), opt_g)

    told = {"d": loss_d.detach(), "d_accuracy": accuracy(on_real, on_fake, middle)}
    return told | logged(l1=loss_l1, adversarial=loss_adv, **beside)


def distance(stage: PretrainStage | GanStage, views: Views, fake: Tensor) -> Tensor:
    """How far the made color is from the true one, in the networks' units."""
    if stage.l1 == "huber":
        error = losses.huber(fake, views.color, stage.huber_lab / views.lab_per_unit)
    else:
        error = losses.l1(fake, views.color)
    if views.weight is not None:
        error = error * views.weight
    return error.mean()


def accuracy(on_real: Tensor, on_fake: Tensor, middle: float) -> Tensor:
    """The share of patches told rightly, real and made alike; `middle` parts the two."""
    right_real, right_fake = (on_real > middle).float().mean(), (on_fake < middle).float().mean()
    return ((right_real + right_fake) / 2).detach()


@contextmanager
def still(optimizer: _FabricOptimizer) -> Iterator[None]:
    """What the optimizer moves takes no gradient from what is computed here."""
    moved = [p for group in optimizer.param_groups for p in group["params"]]
    for p in moved:
        p.requires_grad_(False)
    yield
    for p in moved:
        p.requires_grad_(True)


def descend(fabric: Fabric, loss: Tensor, optimizer: _FabricOptimizer) -> None:
    """One step down the loss's gradient."""
    fabric.backward(loss)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
