"""Networks from the specs of recipes: the table of all there are."""

from __future__ import annotations

from torch import nn

from tintype.nn.discriminators import PatchDiscriminator
from tintype.nn.generators import Generator, MobileUNet
from tintype.recipe.networks import DiscriminatorSpec, GeneratorSpec


def build_generator(spec: GeneratorSpec) -> Generator:
    """The generator that a spec describes, with random weights."""
    return MobileUNet(spec.widths)


def build_discriminator(spec: DiscriminatorSpec, color_channels: int) -> nn.Module:
    """The discriminator that a spec describes, for colors of so many channels, fresh."""
    return PatchDiscriminator(color_channels, spec.width, spec.layers, spec.shrink)
