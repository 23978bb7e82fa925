"""Networks, as recipes name them. `tintype.nn.build` makes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tintype.recipe.part import Part


class MobileUNetSpec(Part):
    """The small generator (`tintype.nn.generators.MobileUNet`)."""

    kind: Literal["mobile-unet"]
    widths: tuple[int, int, int, int] = (128, 96, 64, 32)
    encoder_weights: str = "bundled"
    """`bundled` (the encoder inside the model that comes with tintype), `none`, or a file."""
    frozen_blocks: int = Field(0, ge=0, le=17)
    """The stem and this many encoder blocks keep their starting weights."""

    @property
    def multiple_of(self) -> int:
        """Heights and widths must be multiples of this many pixels."""
        return 32


class PatchDiscriminatorSpec(Part):
    """PatchGAN over gray and color (`tintype.nn.discriminators.PatchDiscriminator`)."""

    kind: Literal["patch"]
    width: int = Field(64, ge=4)
    layers: int = Field(3, ge=1, le=5)
    shrink: Literal[1, 2] = 1
    """Pictures are judged at this fraction of their size. Made chroma that was enlarged twofold
    is judged at 2: at full size the enlargement would betray it."""

    @property
    def least_px(self) -> int:
        """The smallest picture: each layer halves it, and the last two need 3 pixels."""
        return self.shrink * 3 * (1 << self.layers)


GeneratorSpec = Annotated[MobileUNetSpec, Field(discriminator="kind")]
DiscriminatorSpec = Annotated[PatchDiscriminatorSpec, Field(discriminator="kind")]
