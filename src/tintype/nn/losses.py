"""Losses: pure functions of what the networks said."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOWS = 8
SMOOTH_LAB = 3.0
FLAT = 1e-4
"""Lab units squared under each root, whose slope at 0 has no end."""


def l1(color: Tensor, truth: Tensor) -> Tensor:
    """Absolute error, (N, C, H, W), in the networks' units; its mean is the MAE."""
    return (color.float() - truth.float()).abs()


def huber(color: Tensor, truth: Tensor, beta: float) -> Tensor:
    """Absolute error, (N, C, H, W), quadratic below `beta` (Huber 1964, scaled)."""
    return F.smooth_l1_loss(color.float(), truth.float(), beta=beta, reduction="none")


def perceptual(made: list[Tensor], true: list[Tensor]) -> Tensor:
    """Mean over the layers of the mean squared distance of features, each divided by the mean
    square of the true ones (Johnson et al. 2016, with the layers made equal)."""
    distances = [
        (m.float() - t.float()).square().mean() / (t.float().square().mean() + 1e-6)
        for m, t in zip(made, true, strict=True)
    ]
    return torch.stack(distances).mean()


def blotches(ab: Tensor, truth: Tensor) -> Tensor:
    """How much more made color (N, 2, H, W) varies than the true one where that is smooth.

    In Lab units, from 0: the spread of a and b in each of 8 by 8 windows above that of the truth,
    over the windows where the truth's is under `SMOOTH_LAB`; as `patchiness` measures it, but what
    is flatter than the truth counts as 0.
    """
    side = min(ab.shape[2:]) // WINDOWS
    made, true = (_spread(x.float(), side) for x in (ab, truth))
    smooth = (true < SMOOTH_LAB).to(made.dtype)
    return (F.relu(made - true) * smooth).sum() / smooth.sum().clamp(min=1)


def colorfulness(ab: Tensor, truth: Tensor) -> Tensor:
    """How far made pictures (N, 2, H, W) are from the colorfulness of the true ones, in Lab units.

    That of a picture is the spread of a and b and 0.37 of the distance of their mean from gray
    (Hasler and Suesstrunk 2003, equation for CIELab); more than the truth's costs what less does.
    """
    made, true = (_colorfulness(x.float()) for x in (ab, truth))
    return (made - true).abs().mean()


def _colorfulness(ab: Tensor) -> Tensor:
    """Of each picture, (N,)."""
    variance, mean = ab.var((2, 3), correction=0).sum(1), ab.mean((2, 3)).square().sum(1)
    return (variance + FLAT).sqrt() + 0.37 * (mean + FLAT).sqrt()


def _spread(ab: Tensor, side: int) -> Tensor:
    """The root of the summed variances of a and b in windows, (N, h, w)."""
    mean, square = F.avg_pool2d(ab, side), F.avg_pool2d(ab.square(), side)
    return ((square - mean.square()).clamp(min=0).sum(1) + FLAT).sqrt()


def vanilla_discriminator(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Half the binary cross-entropy of pix2pix (Isola et al. 2017); real ones wanted at
    1 - `smoothing` (Salimans et al. 2016, section 3.4)."""
    real, fake = real.float(), fake.float()
    on_real = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 1 - smoothing))
    return 0.5 * (on_real + F.softplus(fake).mean())


def vanilla_generator(fake: Tensor) -> Tensor:
    """The non-saturating generator loss (Goodfellow et al. 2014)."""
    return F.softplus(-fake.float()).mean()


def lsgan_discriminator(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Half the least squares (Mao et al. 2017): real ones at 1 - `smoothing`, made ones at 0."""
    on_real = (real.float() - (1 - smoothing)).square().mean()
    return 0.5 * (on_real + fake.float().square().mean())


def lsgan_generator(fake: Tensor) -> Tensor:
    """The generator's side of least squares: made ones at 1."""
    return (fake.float() - 1).square().mean()


def hinge_discriminator(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Half the hinge loss (Lim and Ye 2017): push real logits above 1, fake ones below -1.

    `smoothing` lowers the real ones' 1 alike.
    """
    return 0.5 * (F.relu(1 - smoothing - real.float()).mean() + F.relu(1 + fake.float()).mean())


def hinge_generator(fake: Tensor) -> Tensor:
    """The generator's side of the hinge loss: minus the mean logit of what it made."""
    return -fake.float().mean()


ADVERSARIAL: dict[str, tuple[Callable[..., Tensor], Callable[[Tensor], Tensor], float]] = {
    "vanilla": (vanilla_discriminator, vanilla_generator, 0.0),
    "lsgan": (lsgan_discriminator, lsgan_generator, 0.5),
    "hinge": (hinge_discriminator, hinge_generator, 0.0),
}
"""By name: the discriminator's loss, the generator's, and the output above which it says real."""
