"""One step of training, as the papers write it."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from tintype.nn import losses
from tintype.recipe import GanStage, PretrainStage

ADVERSARIAL = {
    "hinge": (losses.hinge_discriminator, losses.hinge_generator),
    "bce": (losses.bce_discriminator, losses.bce_generator),
}


@dataclass
class Players:
    """The two networks and what moves them."""

    g: nn.Module
    opt_g: Optimizer
    d: nn.Module | None = None
    opt_d: Optimizer | None = None

    @property
    def optimizers(self) -> list[Optimizer]:
        """The generator's first."""
        return [self.opt_g] if self.opt_d is None else [self.opt_g, self.opt_d]


def pretrain_step(
    fabric: Fabric, players: Players, stage: PretrainStage, l: Tensor, ab: Tensor
) -> dict[str, Tensor]:
    """The generator against the truth alone."""
    loss_l1 = losses.smooth_l1(players.g(l), ab, stage.smooth_l1_beta)
    _descend(fabric, loss_l1, players.opt_g)
    return {"l1": loss_l1.detach()}


def gan_step(
    fabric: Fabric, players: Players, stage: GanStage, l: Tensor, ab: Tensor
) -> dict[str, Tensor]:
    """Conditional GAN: the discriminator sees luminance and chroma, at the size chroma is made."""
    assert players.d is not None
    assert players.opt_d is not None
    d_loss, g_loss = ADVERSARIAL[stage.loss]
    fake = players.g(l)
    l_half, real_half, fake_half = half(l), half(ab), half(fake)

    players.d.requires_grad_(True)
    on_real, on_fake = players.d(l_half, real_half), players.d(l_half, fake_half.detach())
    loss_d = d_loss(on_real, on_fake)
    _descend(fabric, loss_d, players.opt_d)

    players.d.requires_grad_(False)
    loss_l1 = losses.smooth_l1(fake, ab, stage.smooth_l1_beta)
    loss_adv = g_loss(players.d(l_half, fake_half))
    loss_g = stage.lambda_l1 * loss_l1 + stage.adversarial_weight * loss_adv
    _descend(fabric, loss_g, players.opt_g)
    told_apart = (on_real.detach() > 0).float().mean() + (on_fake.detach() < 0).float().mean()
    return {
        "l1": loss_l1.detach(),
        "adversarial": loss_adv.detach(),
        "d": loss_d.detach(),
        "d_accuracy": told_apart / 2,
    }


def half(x: Tensor) -> Tensor:
    """Half the size. Made chroma is enlarged twofold, which at full size would betray it."""
    return F.avg_pool2d(x, 2)


def _descend(fabric: Fabric, loss: Tensor, optimizer: Optimizer) -> None:
    fabric.backward(loss)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
