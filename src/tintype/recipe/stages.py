"""Stages of a training run, as recipes name them. Lengths count images, or epochs of the data."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tintype.recipe.part import Part

Beta = Annotated[float, Field(ge=0, lt=1)]
"""Of Adam: how much of the running mean of gradients, and of their squares, is kept."""


class _Stage(Part):
    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    total_images: int | None = Field(None, ge=1)
    epochs: float | None = Field(None, gt=0)
    """The stage's length, one or the other: in images, or in times through the pictures."""
    batch_images: int = Field(32, ge=1)
    """The batch of all devices together."""
    load_px: int = Field(144, ge=16)
    """Short side that pictures are shrunk to before the crop; never enlarged past `crop_px`."""
    crop_px: int = Field(128, ge=16)
    min_px: int = Field(0, ge=0)
    """Pictures with a shorter short side than this are left out of the stage."""
    old_look: float = Field(0.0, ge=0, le=1)
    """The share of pictures whose luminance is made to look old (`tintype.data.old_look`)."""
    hints: float = Field(0.0, ge=0, le=1)
    """The share of pictures of which some true colors are told (`tintype.data.reveal`), for
    generators that take hints."""
    schedule: Literal["constant", "linear", "cosine", "plateau"] = "cosine"
    """`linear` holds the rates for the first half, then lets them fall in a straight line;
    `plateau` lowers them when the looks' L1 no longer falls."""
    final_lr_scale: float = Field(0.0, ge=0, le=1)
    """What is left of the learning rates at the stage's end, under `linear` and `cosine`; the
    least that is left under `plateau`."""
    plateau_looks: int = Field(3, ge=1)
    """Looks without a better L1 before `plateau` lowers the rates."""
    plateau_factor: float = Field(0.5, gt=0, lt=1)
    warmup_images: int = Field(0, ge=0)
    """Learning rates rise in a straight line over this many images."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.total_images is None) == (self.epochs is None):
            raise ValueError("give one of total_images and epochs")
        return self

    def images(self, pictures: int) -> int:
        """The stage's length in images on a set of so many pictures."""
        if self.total_images is not None:
            return self.total_images
        assert self.epochs is not None
        return max(1, round(self.epochs * pictures))


class RaritySpec(Part):
    """Colors that are rare in the data count more (Zhang et al. 2016, equation 4, as a weight)."""

    uniform: float = Field(0.5, gt=0, le=1)
    """How much of the uniform distribution is mixed in before inverting; 1 weighs all alike."""
    smooth_lab: float = Field(5.0, gt=0)
    """Standard deviation, in Lab units, of the smoothing of the histogram."""


class PerceptualSpec(Part):
    """Distance of a frozen encoder's features, beside that of colors (Johnson et al. 2016)."""

    weights: str
    """A .safetensors file of MobileNetV2 over RGB, batch norm folded."""
    weight: float = Field(1.0, gt=0)


class _MovesGenerator(_Stage):
    lr_g: float = Field(gt=0)
    encoder_lr_scale: float = Field(0.2, gt=0)
    """The encoder, which comes trained, moves at this share of `lr_g`."""
    l1: Literal["l1", "huber"] = "huber"
    """Distance of colors: mean absolute error, or the same but quadratic under `huber_lab`."""
    huber_lab: float = Field(4.0, gt=0)
    """Chroma errors under this many Lab units count quadratically."""
    rarity: RaritySpec | None = None
    perceptual: PerceptualSpec | None = None
    blotch_weight: float = Field(0.0, ge=0)
    """The weight of made color varying more than the true one where that is smooth, for each Lab
    unit; one coat should have one color."""
    colorfulness_weight: float = Field(0.0, ge=0)
    """The weight of a crop being more or less colorful than the true one, for each Lab unit; by
    Hasler and Suesstrunk's formula for CIELab, where looks and `tintype evaluate` take theirs for
    sRGB."""
    likely_weight: float = Field(0.0, ge=0)
    """The weight of the cross-entropy of told colors, for generators that tell how likely each is;
    about 3 nats at first."""


class _MovesDiscriminator(_Stage):
    lr_d: float = Field(gt=0)
    loss: Literal["vanilla", "lsgan", "hinge"] = "hinge"
    label_smoothing: float = Field(0.0, ge=0, lt=0.5)
    """One-sided: `vanilla` and `lsgan` want real pictures at 1 minus this."""


class PretrainStage(_MovesGenerator):
    """The generator alone, on the distance of its color from the truth."""

    kind: Literal["pretrain"]
    betas: tuple[Beta, Beta] = (0.9, 0.99)


class LikelyStage(_Stage):
    """The head that tells how likely each color is, alone; the colors stay as they are."""

    kind: Literal["likely"]
    lr_g: float = Field(gt=0)
    betas: tuple[Beta, Beta] = (0.9, 0.99)


class DiscriminatorStage(_MovesDiscriminator):
    """The discriminator alone, on what the generator makes as it stands."""

    kind: Literal["discriminator"]
    betas: tuple[Beta, Beta] = (0.5, 0.99)


class GanStage(_MovesGenerator, _MovesDiscriminator):
    """Generator against discriminator; L1 keeps the generator near the truth."""

    kind: Literal["gan"]
    betas: tuple[Beta, Beta] = (0.5, 0.99)
    adversarial_weight: float = Field(1.0, ge=0)
    lambda_l1: float = Field(100.0, ge=0)
    """The weight of L1, in the networks' own units: ab / 110, or RGB in [0, 1]."""
    d_every_steps: int = Field(1, ge=1)
    """The discriminator moves in one step of so many."""
    d_waits_above: float = Field(1.0, gt=0.5, le=1)
    """The discriminator waits while it tells more than this share of patches rightly."""
    stop_after_looks: int | None = Field(None, ge=1)
    """End the stage after so many looks in a row whose score was no better than the run's best.
    What follows goes on from that best look, and it is what is exported."""


Stage = Annotated[
    PretrainStage | LikelyStage | DiscriminatorStage | GanStage, Field(discriminator="kind")
]
