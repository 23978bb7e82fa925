"""One step of training, as the papers write it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from torch import Tensor

from tintype.nn import losses
from tintype.nn.losses import ADVERSARIAL
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


def pretrain_step(fabric: Fabric, players: Players, stage: PretrainStage, views: Views) -> Losses:
    """The generator against the truth alone."""
    assert players.opt_g is not None
    fake = players.g(views.gray)
    terms = reconstruction(players, stage, views, fake)
    loss_g = sum_of(terms)
    descend(fabric, loss_g, players.opt_g)
    return {name: term.detach() for name, term in terms.items()}


def discriminator_step(
    fabric: Fabric, players: Players, stage: DiscriminatorStage, views: Views
) -> Losses:
    """The discriminator alone, against the generator as it stands."""
    d, opt_d, (d_loss, _, middle) = players.d, players.opt_d, ADVERSARIAL[stage.loss]
    assert d is not None
    assert opt_d is not None
    gray, real = views.gray, views.color
    with torch.no_grad():
        fake = players.g(gray)
    on_real, on_fake = d(gray, real), d(gray, fake)
    loss_d = d_loss(on_real, on_fake, stage.label_smoothing)
    descend(fabric, loss_d, opt_d)
    return {"d": loss_d.detach(), "d_accuracy": accuracy(on_real, on_fake, middle)}


def gan_step(
    fabric: Fabric, players: Players, stage: GanStage, views: Views, *, d_moves: bool = True
) -> Losses:
    """Conditional GAN (Isola et al. 2017): both networks see the gray picture."""
    g, d, opt_g, opt_d = players.g, players.d, players.opt_g, players.opt_d
    assert d is not None
    assert opt_g is not None
    assert opt_d is not None
    d_loss, g_loss, middle = ADVERSARIAL[stage.loss]
    gray, real = views.gray, views.color
    fake = g(gray)

    # the discriminator learns to tell real pairs from made ones
    d.requires_grad_(d_moves)
    with torch.set_grad_enabled(d_moves):
        on_real, on_fake = d(gray, real), d(gray, fake.detach())
        loss_d = d_loss(on_real, on_fake, stage.label_smoothing)
    if d_moves:
        descend(fabric, loss_d, opt_d)

    # the generator learns to pass for real, and to stay near the truth
    d.requires_grad_(False)
    with fabric.no_backward_sync(d):
        loss_adv = g_loss(d(gray, fake))
    terms = reconstruction(players, stage, views, fake)
    loss_g = stage.adversarial_weight * loss_adv + stage.lambda_l1 * sum_of(terms)
    descend(fabric, loss_g, opt_g)

    d_accuracy = accuracy(on_real, on_fake, middle)
    logged = {"adversarial": loss_adv, "d": loss_d, "d_accuracy": d_accuracy, **terms}
    return {name: value.detach() for name, value in logged.items()}


def reconstruction(
    players: Players, stage: PretrainStage | GanStage, views: Views, fake: Tensor
) -> Losses:
    """How far the made color is from the true one, by name."""
    if stage.l1 == "huber":
        distance = losses.huber(fake, views.color, stage.huber_lab / views.lab_per_unit)
    else:
        distance = losses.l1(fake, views.color)
    if views.weight is not None:
        distance = distance * views.weight
    terms = {"l1": distance.mean()}
    if players.perceptual is not None:
        assert stage.perceptual is not None
        terms["perceptual"] = stage.perceptual.weight * players.perceptual(views, fake)
    return terms


def sum_of(terms: Losses) -> Tensor:
    """The sum of the terms."""
    return torch.stack(list(terms.values())).sum()


def accuracy(on_real: Tensor, on_fake: Tensor, middle: float) -> Tensor:
    """The share of patches that the discriminator told rightly, real and made alike."""
    right_real, right_fake = (on_real > middle).float().mean(), (on_fake < middle).float().mean()
    return ((right_real + right_fake) / 2).detach()


def descend(fabric: Fabric, loss: Tensor, optimizer: _FabricOptimizer) -> None:
    """One step down the loss's gradient."""
    fabric.backward(loss)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
