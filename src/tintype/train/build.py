"""Networks and optimizers from a recipe."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import AdamW

from tintype.nn.discriminators import PatchDiscriminator
from tintype.nn.generators import MobileUNet
from tintype.recipe import GanStage, Recipe, Stage
from tintype.train.weights import load_encoder


def build_generator(recipe: Recipe) -> MobileUNet:
    """The generator with its starting weights; frozen blocks take no gradient."""
    spec = recipe.generator
    torch.manual_seed(recipe.seed)
    g = MobileUNet(spec.widths)
    if spec.encoder_weights != "none":
        load_encoder(g.encoder, spec.encoder_weights)
    if spec.frozen_blocks:
        g.encoder.features.requires_grad_(False)
        g.encoder.blocks[: spec.frozen_blocks].requires_grad_(False)
    _channels_last(g)
    return g


def build_discriminator(recipe: Recipe) -> PatchDiscriminator:
    """The discriminator, fresh."""
    assert recipe.discriminator is not None
    torch.manual_seed(recipe.seed + 1)
    d = PatchDiscriminator(recipe.discriminator.width, recipe.discriminator.layers)
    _channels_last(d)
    return d


def generator_optimizer(g: MobileUNet, recipe: Recipe, stage: Stage) -> AdamW:
    """AdamW; the encoder, which comes trained, moves at a fraction of the rate."""
    encoder = [p for p in g.encoder.parameters() if p.requires_grad]
    known = {id(p) for p in g.encoder.parameters()}
    decoder = [p for p in g.parameters() if id(p) not in known]
    return AdamW(
        [
            {"params": encoder, "lr": stage.lr_g * stage.encoder_lr_scale},
            {"params": decoder, "lr": stage.lr_g},
        ],
        betas=(0.9, 0.99) if stage.kind == "pretrain" else (0.5, 0.99),
        weight_decay=recipe.weight_decay,
        fused=True,
    )


def discriminator_optimizer(d: nn.Module, stage: GanStage) -> AdamW:
    """AdamW without decay; little momentum, for the target moves."""
    return AdamW(d.parameters(), lr=stage.lr_d, betas=(0.5, 0.99), weight_decay=0.0, fused=True)


def _channels_last(network: nn.Module) -> None:
    """The layout that convolutions are fastest in, on CPUs and GPUs alike; in place."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
