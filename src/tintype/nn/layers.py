"""Small parts that networks share: norms, activations, starts."""

from __future__ import annotations

import torch
from torch import nn

from tintype.recipe.networks import Activation, Norm

SLOPE = 0.2
"""Of LeakyReLU below zero, as DCGAN and pix2pix have it."""


def normed(conv: nn.Conv2d | nn.ConvTranspose2d, norm: Norm) -> list[nn.Module]:
    """The convolution and its norm; the norm's shift makes the convolution's bias idle."""
    if norm == "none":
        return [conv]
    conv.bias = None
    if norm == "batch":
        return [conv, nn.BatchNorm2d(conv.out_channels)]
    return [conv, nn.InstanceNorm2d(conv.out_channels, affine=True)]


def at_the_bottom(norm: Norm) -> Norm:
    """The norm where the picture may be one pixel, of which instance norm would leave nothing."""
    return "none" if norm == "instance" else norm


def active(activation: Activation) -> nn.Module:
    """ReLU or LeakyReLU."""
    return nn.ReLU() if activation == "relu" else nn.LeakyReLU(SLOPE)


def normal_init(module: nn.Module) -> None:
    """The start of DCGAN and pix2pix: weights N(0, 0.02), of batch norms N(1, 0.02), biases 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def icnr_init(conv: nn.Conv2d, factor: int = 2) -> None:
    """Start a convolution before a pixel shuffle as nearest-neighbor enlargement.

    All `factor`^2 pixels that come of one begin equal, so there is no checkerboard
    (Aitken et al. 2017).
    """
    with torch.no_grad():
        conv.weight.copy_(conv.weight[:: factor**2].repeat_interleave(factor**2, 0))
        if conv.bias is not None:
            conv.bias.zero_()
