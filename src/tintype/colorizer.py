"""Photograph and model in, colored photograph out. Every door goes through here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Unpack, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype import runtime
from tintype.color import srgb_to_lab
from tintype.errors import HintError, OutputError
from tintype.formats import Saving
from tintype.hints import Hints
from tintype.image import Photo
from tintype.models import store
from tintype.models.card import ModelCard
from tintype.provenance import is_our_result

AnyPath = str | os.PathLike[str]

DEFAULT_MODEL = "tintype-small"
STRONGEST = 1.5  # beyond it colors leave what exists, one after the other


class Colorizer:
    """Colors photographs with one model.

    `model` is a name from `tintype models`, the path of an .onnx or its bytes; `threads` defaults
    to the settings' number. Raises UnknownModel or ModelError. May be shared between threads,
    carried over a fork and pickled: sessions belong to the process and are reused.
    """

    card: ModelCard

    def __init__(
        self, model: AnyPath | bytes = DEFAULT_MODEL, *, threads: int | None = None
    ) -> None:
        self._model = model if isinstance(model, bytes) else store.locate(model)
        self._threads = threads
        self.card = self._session().card

    @overload
    def __call__(
        self,
        photo: NDArray[np.generic],
        *,
        strength: float = ...,
        keep_tint: bool = ...,
        hints: Hints | None = ...,
    ) -> NDArray[np.generic]: ...
    @overload
    def __call__(
        self,
        photo: Image.Image,
        *,
        strength: float = ...,
        keep_tint: bool = ...,
        hints: Hints | None = ...,
    ) -> Image.Image: ...
    @overload
    def __call__(
        self,
        photo: bytes,
        *,
        strength: float = ...,
        keep_tint: bool = ...,
        hints: Hints | None = ...,
    ) -> bytes: ...
    @overload
    def __call__(
        self,
        photo: AnyPath | Photo,
        *,
        strength: float = ...,
        keep_tint: bool = ...,
        hints: Hints | None = ...,
    ) -> Photo: ...
    def __call__(
        self,
        photo: Any,
        *,
        strength: float = 1.0,
        keep_tint: bool = False,
        hints: Hints | None = None,
    ) -> Any:
        """Color one photograph and give it back as the kind of thing that it came as.

        An array (H, W) or (H, W, C), uint8 or uint16, gives an array (H, W, 3) of the same type,
        alpha kept; a PIL image a PIL image; an encoded file's bytes bytes of the same format; a
        path or a `Photo` a `Photo`, to be saved. `strength`, from 0 to 1.5, scales the color: 0 is
        gray, 1 the model's own. With `keep_tint` the color lies over the photograph's own, as paint
        does over a sepia print. `hints` say what places of it get what color, where the card's
        `takes_hints` says so; of several pages they are for the first. Raises PhotoError,
        ModelError, HintError; ValueError for another strength.
        """
        if not 0 <= strength <= STRONGEST:  # NaN fails here too
            raise ValueError(f"strength is {strength}; it must be a number from 0 to {STRONGEST}")
        if hints and not self.card.takes_hints:
            raise HintError(
                f"{self.card.name}: this model takes no hints.",
                hint="`tintype models` says which do.",
            )
        opened = photo if isinstance(photo, Photo) else Photo.open(photo)

        def color(page: Photo, hints: Hints | None = None) -> Photo:
            gray_l = page.luminance(self.card.working_px)
            planes = None
            if hints:
                ab, mask = hints.planes((page.width, page.height), gray_l.shape[::-1])
                planes = ab[None], mask[None]
            chroma_ab = self._session().predict(gray_l[None, None], planes)[0]
            chroma_ab = chroma_ab * np.float32(strength)
            if keep_tint:
                chroma_ab = chroma_ab + _tint(page, *gray_l.shape)
            return page.with_chroma(chroma_ab, model=self.card.name)

        colored = color(opened, hints).with_pages(color)
        if isinstance(photo, np.ndarray):
            return colored.to_array()
        if isinstance(photo, Image.Image):
            return colored.to_pil()
        if isinstance(photo, bytes):
            return colored.to_bytes()
        return colored

    def _session(self) -> runtime.Session:
        return runtime.session(self._model, self._threads)


def _tint(photo: Photo, height: int, width: int) -> NDArray[np.float32]:
    """The photograph's own a and b, (2, height, width)."""
    lab = srgb_to_lab(photo.thumbnail(max(height, width)) / 255)
    planes = (Image.fromarray(lab[..., i].astype(np.float32)) for i in (1, 2))
    fitted = (plane.resize((width, height), Image.Resampling.BICUBIC) for plane in planes)
    return np.stack([np.asarray(plane) for plane in fitted])


def colorize(
    path_in: AnyPath,
    path_out: AnyPath,
    *,
    model: AnyPath = DEFAULT_MODEL,
    strength: float = 1.0,
    keep_tint: bool = False,
    hints: Hints | None = None,
    overwrite: bool = False,
    **saving: Unpack[Saving],
) -> Path:
    """Color one file into another, in the format of `path_out`'s name, and return its path.

    `saving` is explained at `formats.Saving`.

    Raises PhotoError, ModelError, HintError, OutputExists unless `overwrite`, and OutputError when
    the result cannot be written or would replace what is no result of tintype.
    """
    path = Path(path_out)
    colored = Colorizer(model)(path_in, strength=strength, keep_tint=keep_tint, hints=hints)
    save_result(colored, path, overwrite=overwrite, **saving)
    return path


def save_result(colored: Photo, path: Path, *, overwrite: bool, **saving: Unpack[Saving]) -> None:
    """Save a colored photograph; `overwrite` replaces an earlier result and nothing else."""
    if overwrite and os.path.lexists(path) and not is_our_result(path):
        raise OutputError(
            f"{path}: is not a result of tintype, and originals are never replaced.",
            hint="Name another output.",
        )
    colored.save(path, overwrite=overwrite, **saving)
