"""Networks from the specs of recipes: the table of all there are."""

from __future__ import annotations

from torch import nn

from tintype.nn.discriminators import (
    ImageDiscriminator,
    PatchDiscriminator,
    ProjectedDiscriminator,
)
from tintype.nn.generators import Generator, MobileUNet
from tintype.nn.resnet_unet import ResNetUNet
from tintype.nn.unet import SimpleUNet, UNet
from tintype.recipe.networks import DiscriminatorSpec, GeneratorSpec

GENERATORS: dict[str, type[Generator]] = {
    "mobile-unet": MobileUNet,
    "unet": UNet,
    "simple-unet": SimpleUNet,
    "resnet-unet": ResNetUNet,
}
DISCRIMINATORS: dict[str, type[nn.Module]] = {
    "patch": PatchDiscriminator,
    "image": ImageDiscriminator,
    "projected": ProjectedDiscriminator,
}
NOT_OF_THE_NETWORK = {"kind", "encoder_weights", "frozen_blocks", "weights"}
"""Keys of a spec that say how a network starts and moves, not what it is."""


def build_generator(spec: GeneratorSpec) -> Generator:
    """The generator that a spec describes, with random weights."""
    return GENERATORS[spec.kind](**spec.model_dump(exclude=NOT_OF_THE_NETWORK))


def build_discriminator(spec: DiscriminatorSpec, color_channels: int) -> nn.Module:
    """The discriminator that a spec describes, for colors of so many channels, fresh."""
    return DISCRIMINATORS[spec.kind](color_channels, **spec.model_dump(exclude=NOT_OF_THE_NETWORK))
