"""What a recipe says of the pictures it is trained on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tintype.recipe.part import Part


class DataSpec(Part):
    """How pictures are read, and which of them are taken. The draw comes first."""

    form: Literal["auto", "rgb", "lab", "pair"] = "auto"
    """`rgb`: pictures; `lab`: arrays of lightness and chroma; `pair`: a folder of gray pictures
    beside one of their color pictures. `auto` finds it from the folder."""
    draw_images: int | None = Field(None, ge=1)
    """A seeded draw of at most so many pictures."""
    draw_seed: int = Field(0, ge=0)
    min_chroma: float = Field(0.0, ge=0)
    """Pictures whose mean chroma, in Lab units, is below this are left out."""
    min_color_std: float = Field(0.0, ge=0)
    """The least standard deviation of color: the root mean square distance of a and b from their
    mean, in Lab units."""
    min_contrast: float = Field(0.0, ge=0)
    """The least standard deviation of the lightness L, in [0, 100]."""

    @property
    def filters(self) -> bool:
        """Whether pictures must be measured."""
        return max(self.min_chroma, self.min_color_std, self.min_contrast) > 0
