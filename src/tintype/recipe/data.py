"""What a recipe says of the pictures it is trained on."""

from __future__ import annotations

from tintype.recipe.part import Part


class DataSpec(Part):
    """Where pictures are looked for, and which of them are taken."""
