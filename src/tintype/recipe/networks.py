"""Networks, as recipes name them. `tintype.nn.build` makes them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tintype.recipe.part import Part

Space = Literal["ab", "rgb"]
Norm = Literal["batch", "instance", "none"]
Activation = Literal["relu", "leaky-relu"]
ResNetDepth = Literal[18, 34, 50, 101]

Width = Annotated[int, Field(ge=1)]
"""Channels."""


class MobileUNetSpec(Part):
    """The small generator (`tintype.nn.generators.MobileUNet`)."""

    kind: Literal["mobile-unet"]
    widths: tuple[Width, Width, Width, Width] = (128, 96, 64, 32)
    encoder_weights: str = "bundled"
    """`bundled` (the encoder inside the model that comes with tintype), `none`, or a file."""
    frozen_blocks: int = Field(0, ge=0, le=17)
    """The stem and this many encoder blocks keep their starting weights."""
    takes_hints: bool = False
    """With a branch for color hints, which the stages' `hints` train."""
    tells_likely: bool = False
    """With a part that tells how likely each color is, which `likely_weight` trains."""

    @property
    def multiple_of(self) -> int:
        """Heights and widths must be multiples of this many pixels."""
        return 32


class UNetSpec(Part):
    """The U-Net of pix2pix (`tintype.nn.unet.UNet`)."""

    kind: Literal["unet"]
    space: Space = "ab"
    """Lightness to ab with a tanh at the end, or gray to RGB with a sigmoid."""
    width: int = Field(64, ge=1)
    """Channels of the first level; doubled three times on the way down."""
    levels: int = Field(8, ge=2, le=9)
    norm: Norm = "batch"
    dropout: float = Field(0.5, ge=0, lt=1)
    """In the three levels above the bottom, on the way up."""
    activation: Activation = "relu"
    """On the way up; on the way down it is always `leaky-relu`."""
    norm_at_ends: bool = False
    """Batch norm after the first convolution and at the bottom too, as DCGAN has it."""

    @property
    def multiple_of(self) -> int:
        """Heights and widths must be multiples of this many pixels."""
        return 1 << self.levels


class SimpleUNetSpec(Part):
    """A plain U-Net of 3x3 convolutions and pooling (`tintype.nn.unet.SimpleUNet`)."""

    kind: Literal["simple-unet"]
    space: Space = "ab"
    width: int = Field(32, ge=1)
    """Channels of the first level; doubled at each level on the way down."""
    levels: int = Field(4, ge=1, le=6)
    norm: Norm = "batch"
    dropout: float = Field(0.0, ge=0, lt=1)
    """At the bottom."""
    activation: Activation = "relu"

    @property
    def multiple_of(self) -> int:
        """Heights and widths must be multiples of this many pixels."""
        return 1 << self.levels


class ResNetUNetSpec(Part):
    """A U-Net on a ResNet that comes trained (`tintype.nn.resnet_unet.ResNetUNet`)."""

    kind: Literal["resnet-unet"]
    depth: ResNetDepth = 18
    space: Space = "ab"
    widths: tuple[Width, Width, Width, Width, Width] = (256, 128, 96, 64, 32)
    """Channels of the way up, from 1/16 of the size to the full size."""
    middle: int = Field(0, ge=0)
    """Channels between two convolutions at the bottom; 0 leaves them out."""
    norm: Norm = "batch"
    """Of the way up; the encoder always has batch norm."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """On the way up."""
    activation: Activation = "relu"
    encoder_weights: str = "hub"
    """`hub` (ImageNet weights by timm from the Hugging Face hub), `none`, a .safetensors or .pth
    file with the names of torchvision or timm, or a folder with model.safetensors in it."""
    frozen_norm: bool = False
    """The encoder's batch norms keep their statistics and weights: for small batches."""

    @property
    def multiple_of(self) -> int:
        """Heights and widths must be multiples of this many pixels."""
        return 32


class PatchDiscriminatorSpec(Part):
    """PatchGAN over gray and color (`tintype.nn.discriminators.PatchDiscriminator`)."""

    kind: Literal["patch"]
    width: int = Field(64, ge=4)
    layers: int = Field(3, ge=1, le=5)
    norm: Norm = "instance"
    shrink: Literal[1, 2] = 1
    """Pictures are judged at this fraction of their size. Made chroma that was enlarged twofold
    is judged at 2: at full size the enlargement would betray it."""

    @property
    def least_px(self) -> int:
        """The smallest picture: each layer halves it, and the last two need 3 pixels."""
        return self.shrink * 3 << self.layers


class ImageDiscriminatorSpec(Part):
    """One verdict on the whole picture (`tintype.nn.discriminators.ImageDiscriminator`)."""

    kind: Literal["image"]
    crop_px: int = Field(128, ge=16)
    """The size of the pictures that it sees, and no other: the crop of every stage it is in."""
    width: int = Field(64, ge=4)
    layers: int = Field(5, ge=1, le=7)
    """Convolutions, each with a pooling that halves the picture."""
    norm: Norm = "batch"
    dropout: float = Field(0.0, ge=0, lt=1)
    """Before the linear layer."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.crop_px % 2**self.layers:
            raise ValueError(
                f"crop_px: {self.crop_px} is no multiple of {2**self.layers}, "
                f"which {self.layers} layers need"
            )
        return self

    @property
    def least_px(self) -> int:
        """The smallest picture, which is the only one."""
        return self.crop_px


class ProjectedDiscriminatorSpec(Part):
    """Small heads on a frozen MobileNetV2 (`tintype.nn.discriminators.ProjectedDiscriminator`)."""

    kind: Literal["projected"]
    weights: str
    """A .safetensors file of MobileNetV2 over RGB, batch norm folded."""
    width: int = Field(64, ge=4)

    @property
    def least_px(self) -> int:
        """The smallest picture: the encoder halves it five times."""
        return 32


GeneratorSpec = Annotated[
    MobileUNetSpec | UNetSpec | SimpleUNetSpec | ResNetUNetSpec, Field(discriminator="kind")
]
DiscriminatorSpec = Annotated[
    PatchDiscriminatorSpec | ImageDiscriminatorSpec | ProjectedDiscriminatorSpec,
    Field(discriminator="kind"),
]
