"""Photograph and model in, colored photograph out. Every door goes through here."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Unpack, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype import runtime
from tintype.errors import OutputError
from tintype.formats import Saving
from tintype.image import Photo
from tintype.models import store
from tintype.models.card import ModelCard
from tintype.provenance import is_our_result

AnyPath = str | os.PathLike[str]

DEFAULT_MODEL = "tintype-small"


class Colorizer:
    """Colors photographs with one model.

    `model` is a name from `tintype models` or the path of an .onnx; `threads` defaults to
    the settings' number. Raises UnknownModel or ModelError. May be shared between threads, carried
    over a fork and pickled: sessions belong to the process and are reused.
    """

    card: ModelCard

    def __init__(self, model: AnyPath = DEFAULT_MODEL, *, threads: int | None = None) -> None:
        self._path = store.locate(model)
        self._threads = threads
        self.card = self._session().card

    @overload
    def __call__(
        self, photo: NDArray[np.generic], *, strength: float = ...
    ) -> NDArray[np.generic]: ...
    @overload
    def __call__(self, photo: Image.Image, *, strength: float = ...) -> Image.Image: ...
    @overload
    def __call__(self, photo: bytes, *, strength: float = ...) -> bytes: ...
    @overload
    def __call__(self, photo: AnyPath | Photo, *, strength: float = ...) -> Photo: ...
    def __call__(self, photo: Any, *, strength: float = 1.0) -> Any:
        """Color one photograph and give it back as the kind of thing that it came as.

        An array (H, W) or (H, W, C), uint8 or uint16, gives an array (H, W, 3) of the same type,
        alpha kept; a PIL image a PIL image; an encoded file's bytes bytes of the same format; a
        path or a `Photo` a `Photo`, to be saved. `strength` scales the color: 0 is gray, 1 the
        model's own. Raises PhotoError, ModelError; ValueError for a strength below 0.
        """
        if not (math.isfinite(strength) and strength >= 0):
            raise ValueError(f"strength is {strength}; it must be a number from 0 up")
        opened = photo if isinstance(photo, Photo) else Photo.open(photo)

        def color(page: Photo) -> Photo:
            gray_l = page.luminance(self.card.working_px)
            chroma_ab = self._session().predict(gray_l[None, None])[0]
            return page.with_chroma(chroma_ab, strength, model=self.card.name)

        colored = color(opened).with_pages(color)
        if isinstance(photo, np.ndarray):
            return colored.to_array()
        if isinstance(photo, Image.Image):
            return colored.to_pil()
        if isinstance(photo, bytes):
            return colored.to_bytes()
        return colored

    def _session(self) -> runtime.Session:
        return runtime.session(self._path, self._threads)


def colorize(
    path_in: AnyPath,
    path_out: AnyPath,
    *,
    model: AnyPath = DEFAULT_MODEL,
    strength: float = 1.0,
    overwrite: bool = False,
    **saving: Unpack[Saving],
) -> Path:
    """Color one file into another, in the format of `path_out`'s name, and return its path.

    `saving` is explained at `formats.Saving`.

    Raises PhotoError, ModelError, OutputExists unless `overwrite`, and OutputError when the result
    cannot be written or would replace what is no result of tintype.
    """
    path = Path(path_out)
    save_result(Colorizer(model)(path_in, strength=strength), path, overwrite=overwrite, **saving)
    return path


def save_result(colored: Photo, path: Path, *, overwrite: bool, **saving: Unpack[Saving]) -> None:
    """Save a colored photograph; `overwrite` replaces an earlier result and nothing else."""
    if overwrite and os.path.lexists(path) and not is_our_result(path):
        raise OutputError(
            f"{path}: is not a result of tintype, and originals are never replaced.",
            hint="Name another output.",
        )
    colored.save(path, overwrite=overwrite, **saving)
