"""Black-and-white photographs in, believable color out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tintype.colorizer import Colorizer, colorize
    from tintype.errors import (
        CheckpointError,
        DataError,
        HintError,
        MissingExtra,
        ModelError,
        OutputError,
        OutputExists,
        OutputUnavailable,
        PhotoError,
        PhotoTooLarge,
        RecipeError,
        TintypeError,
        TrainingDiverged,
        UnknownModel,
        UnsupportedFormat,
    )
    from tintype.hints import Hints, Point, Stroke
    from tintype.image import Photo
    from tintype.models.card import ModelCard

__version__ = "0.1.0"
__all__ = [
    "CheckpointError",
    "Colorizer",
    "DataError",
    "HintError",
    "Hints",
    "MissingExtra",
    "ModelCard",
    "ModelError",
    "OutputError",
    "OutputExists",
    "OutputUnavailable",
    "Photo",
    "PhotoError",
    "PhotoTooLarge",
    "Point",
    "RecipeError",
    "Stroke",
    "TintypeError",
    "TrainingDiverged",
    "UnknownModel",
    "UnsupportedFormat",
    "colorize",
]

_HOMES = {
    "Colorizer": "tintype.colorizer",
    "Hints": "tintype.hints",
    "ModelCard": "tintype.models.card",
    "Photo": "tintype.image",
    "Point": "tintype.hints",
    "Stroke": "tintype.hints",
    "colorize": "tintype.colorizer",
}


def __getattr__(name: str) -> object:
    """Import a public name's module when the name is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'tintype' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES.get(name, "tintype.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
