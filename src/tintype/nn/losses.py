"""Losses: pure functions of what the networks said."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def smooth_l1(ab: Tensor, truth_ab: Tensor, beta: float) -> Tensor:
    """Mean absolute chroma error in Lab units, quadratic below `beta` (Huber 1964, scaled)."""
    return F.smooth_l1_loss(ab.float(), truth_ab.float(), beta=beta)


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Half the hinge loss (Lim and Ye 2017): push real logits above 1, fake ones below -1."""
    return 0.5 * (F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean())


def hinge_generator(fake: Tensor) -> Tensor:
    """The generator's side of the hinge loss: minus the mean logit of what it made."""
    return -fake.float().mean()


def bce_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Half the binary cross-entropy of pix2pix (Isola et al. 2017)."""
    return 0.5 * (F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean())


def bce_generator(fake: Tensor) -> Tensor:
    """The non-saturating generator loss (Goodfellow et al. 2014)."""
    return F.softplus(-fake.float()).mean()
