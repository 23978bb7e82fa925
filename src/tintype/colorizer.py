"""Photograph and model in, colored photograph out. Every door goes through here."""

from __future__ import annotations

import os
from dataclasses import replace
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
from tintype.likely import MOST_VARIANTS, Likely, Palette
from tintype.models import store
from tintype.models.card import ModelCard
from tintype.provenance import is_our_result

AnyPath = str | os.PathLike[str]
Planes = tuple[NDArray[np.float32], NDArray[np.float32]]

DEFAULT_MODEL = "tintype-small"
STRONGEST = 1.5  # beyond it colors leave what exists, one after the other
REFERENCE_PX = 256  # the longest side at which a reference is looked at
COLORLESS_LAB, COLORLESS_PERCENT = 4.0, 95  # chroma that nearly all of a gray picture is under


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
        reference: AnyPath | Photo | Palette | None = ...,
        variant: int = ...,
    ) -> NDArray[np.generic]: ...
    @overload
    def __call__(
        self,
        photo: Image.Image,
        *,
        strength: float = ...,
        keep_tint: bool = ...,
        hints: Hints | None = ...,
        reference: AnyPath | Photo | Palette | None = ...,
        variant: int = ...,
    ) -> Image.Image: ...
    @overload
    def __call__(
        self,
        photo: bytes,
        *,
        strength: float = ...,
        keep_tint: bool = ...,
        hints: Hints | None = ...,
        reference: AnyPath | Photo | Palette | None = ...,
        variant: int = ...,
    ) -> bytes: ...
    @overload
    def __call__(
        self,
        photo: AnyPath | Photo,
        *,
        strength: float = ...,
        keep_tint: bool = ...,
        hints: Hints | None = ...,
        reference: AnyPath | Photo | Palette | None = ...,
        variant: int = ...,
    ) -> Photo: ...
    def __call__(
        self,
        photo: Any,
        *,
        strength: float = 1.0,
        keep_tint: bool = False,
        hints: Hints | None = None,
        reference: AnyPath | Photo | Palette | None = None,
        variant: int = 0,
    ) -> Any:
        """Color one photograph and give it back as the kind of thing that it came as.

        An array (H, W) or (H, W, C), uint8 or uint16, gives an array (H, W, 3) of the same type,
        alpha kept; a PIL image a PIL image; an encoded file's bytes bytes of the same format; a
        path or a `Photo` a `Photo`, to be saved. `strength`, from 0 to 1.5, scales the color: 0 is
        gray, 1 the model's own. With `keep_tint` the color lies over the photograph's own, as paint
        does over a sepia print. `hints` say what places of it get what color, where the card's
        `takes_hints` says so; of several pages they are for the first. `reference` is a color
        photograph whose palette guides the colors, where the card's `takes_reference` says so, or
        what `palette_of` made of it, for many.
        `variant` is 0 for the model's own coloring, and from 1 to 8 for other likely ones, the
        likeliest first, where the card's `gives_confidence` says so. Raises PhotoError, ModelError,
        HintError; ValueError for another strength or variant.
        """
        if not 0 <= strength <= STRONGEST:  # NaN fails here too
            raise ValueError(f"strength is {strength}; it must be a number from 0 to {STRONGEST}")
        if variant not in range(MOST_VARIANTS + 1):
            raise ValueError(f"variant is {variant}; it must be from 0 to {MOST_VARIANTS}")
        self.check(hints=bool(hints), reference=reference is not None, variants=variant > 0)
        opened = photo if isinstance(photo, Photo) else Photo.open(photo)
        palette = _palette(reference)

        def color(page: Photo, hints: Hints | None = None) -> Photo:
            gray_l = page.luminance(self.card.working_px)
            planes = _planes(page, gray_l, hints)
            if palette is None and not variant:
                chroma_ab = self._session().predict(gray_l[None, None], planes)[0]
            else:
                own = self._session().likely(gray_l[None, None], planes)
                chroma_ab = self._guided(own, gray_l, planes, palette, variant).ab
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

    def confidence(
        self,
        photo: Any,
        *,
        hints: Hints | None = None,
        reference: AnyPath | Photo | Palette | None = None,
        variant: int = 0,
    ) -> NDArray[np.float32]:
        """How sure the model is of its color, at the size that it works at: (h, w), 0 to 1.

        The chance that the true color is no more than 20 Lab units from the one that is made, as
        the model sees it without a reference; of several pages for the first. Raises as coloring
        does, and HintError for a model that cannot tell.
        """
        self.check(hints=bool(hints), variants=True)
        opened = photo if isinstance(photo, Photo) else Photo.open(photo)
        gray_l = opened.luminance(self.card.working_px)
        planes = _planes(opened, gray_l, hints)
        own = self._session().likely(gray_l[None, None], planes)
        made = self._guided(own, gray_l, planes, _palette(reference), variant)
        return replace(own, ab=made.ab).confidence()

    def _guided(
        self,
        own: Likely,
        gray_l: NDArray[np.float32],
        planes: Planes | None,
        palette: Palette | None,
        variant: int,
    ) -> Likely:
        """The model's own coloring, by a palette, or a variant; hints stay."""
        likely = own if palette is None else own.toward(palette)
        if variant:
            likely = likely.variant(variant)
        if planes and likely is not own:
            plain_ab = self._session().predict(gray_l[None, None])[0]
            likely = likely.keeping(own, planes[1][0], plain_ab)
        return likely

    def check(
        self, *, hints: bool = False, reference: bool = False, variants: bool = False
    ) -> None:
        """Raise HintError where the model cannot do what is asked for."""
        for is_asked, can, what in (
            (hints, self.card.takes_hints, "takes no hints"),
            (reference, self.card.takes_reference, "takes no reference"),
            (variants, self.card.gives_confidence, "does not tell how likely its colors are"),
        ):
            if is_asked and not can:
                raise HintError(
                    f"{self.card.name}: this model {what}.",
                    hint="`tintype models` says which do.",
                )

    def _session(self) -> runtime.Session:
        return runtime.session(self._model, self._threads)


def palette_of(reference: AnyPath | Photo) -> Palette:
    """The colors of a reference. Raises PhotoError, and HintError where it has none."""
    photo = reference if isinstance(reference, Photo) else Photo.open(reference)
    lab = srgb_to_lab(photo.thumbnail(REFERENCE_PX) / 255)
    chroma_ab = np.asarray(lab[..., 1:], np.float32).transpose(2, 0, 1)
    if np.percentile(np.linalg.norm(chroma_ab, axis=0), COLORLESS_PERCENT) < COLORLESS_LAB:
        raise HintError(
            f"{photo.name}: this reference has no colors.", hint="Give a color photograph."
        )
    return Palette.of(chroma_ab)


def _palette(reference: AnyPath | Photo | Palette | None) -> Palette | None:
    if reference is None or isinstance(reference, Palette):
        return reference
    return palette_of(reference)


def _planes(photo: Photo, gray_l: NDArray[np.float32], hints: Hints | None) -> Planes | None:
    """Hints as a session takes them; None where there are none."""
    if not hints:
        return None
    ab, mask = hints.planes((photo.width, photo.height), gray_l.shape[::-1])
    return ab[None], mask[None]


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
    reference: AnyPath | None = None,
    variant: int = 0,
    overwrite: bool = False,
    **saving: Unpack[Saving],
) -> Path:
    """Color one file into another, in the format of `path_out`'s name, and return its path.

    What is not explained here is at `Colorizer`, `saving` at `formats.Saving`.

    Raises PhotoError, ModelError, HintError, OutputExists unless `overwrite`, and OutputError when
    the result cannot be written or would replace what is no result of tintype.
    """
    path = Path(path_out)
    colored = Colorizer(model)(
        path_in,
        strength=strength,
        keep_tint=keep_tint,
        hints=hints,
        reference=reference,
        variant=variant,
    )
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
