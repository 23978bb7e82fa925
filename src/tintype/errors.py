"""Everything that tintype raises on purpose.

::

    TintypeError
    ├── PhotoError                 a picture cannot be read or is not one
    │   ├── UnsupportedFormat      its kind of file is not one we read or write
    │   └── PhotoTooLarge          beyond the limits in `settings`
    ├── OutputError                a result cannot be written
    │   ├── OutputExists           something is there already and stays
    │   └── OutputUnavailable      no further result can be written either
    ├── HintError                  a color hint is none, or has no place in the picture
    ├── ModelError                 a model file is missing, damaged or of the wrong shape
    │   └── UnknownModel           no model of that name
    ├── RecipeError                a recipe has an unknown key or an impossible value
    ├── DataError                  pictures to train on or to measure with are missing or unusable
    ├── CheckpointError            a checkpoint is damaged or of another network
    ├── TrainingDiverged           a loss is no longer a number
    └── MissingExtra               an optional dependency is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

NAMED_AT_MOST = 3
"""Of many files or keys that are at fault."""


class TintypeError(Exception):
    """One clear line: what failed, on which file or key, why, and what to do.

    `public_message` is the text for strangers (a web client): it holds no path of this machine.
    `hint` is what to do next, when there is something to do.
    """

    exit_code = 1
    http_status = 500

    def __init__(
        self, message: str, *, hint: str | None = None, public_message: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.public_message = public_message or "The request could not be served."

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only arguments are lost by the default: errors travel between processes whole
        return (_restore, (type(self), self.message, self.hint, self.public_message))


def _restore(
    kind: type[TintypeError], message: str, hint: str | None, public_message: str
) -> TintypeError:
    return kind(message, hint=hint, public_message=public_message)


class PhotoError(TintypeError):
    """A picture cannot be read: missing, truncated, damaged, or not a picture at all."""

    http_status = 422


class UnsupportedFormat(PhotoError):
    """The file is of a kind that is not read or written here."""

    http_status = 415


class PhotoTooLarge(PhotoError):
    """The picture is beyond the pixel limit in `settings`."""

    http_status = 413


class OutputError(TintypeError):
    """A result cannot be written."""


class OutputExists(OutputError):
    """The output is there already, and it was not said that it may be replaced."""

    http_status = 409


class OutputUnavailable(OutputError):
    """Nothing more can be written there: the disk is full, or the folder is gone."""


class HintError(TintypeError):
    """A color hint cannot be read, lies outside the picture, or the model takes none."""

    http_status = 422

    def __init__(
        self, message: str, *, hint: str | None = None, public_message: str | None = None
    ) -> None:
        # it repeats what was given, and says nothing of this machine
        super().__init__(message, hint=hint, public_message=public_message or message)


class ModelError(TintypeError):
    """A model file is missing, damaged, or not what its card says."""


class UnknownModel(ModelError):
    """No model goes by that name."""

    http_status = 404


class RecipeError(TintypeError):
    """A recipe has an unknown key or an impossible value."""


class DataError(TintypeError):
    """Pictures to train on or to measure with are missing or unusable."""


class CheckpointError(TintypeError):
    """A checkpoint is damaged, or belongs to another network."""


class TrainingDiverged(TintypeError):
    """A loss is no longer a finite number; it never passes unseen."""


class MissingExtra(TintypeError):
    """An optional dependency is not installed."""

    @classmethod
    def named(cls, extra: str, for_what: str) -> MissingExtra:
        return cls(
            f"{for_what} needs packages that are not installed.",
            hint=f"Install them with: pip install 'tintype[{extra}]'",
        )


def some(names: Iterable[object]) -> str:
    """The first few of many names, and how many more there are."""
    told = [str(name) for name in names]
    more = len(told) - NAMED_AT_MOST
    return ", ".join(told[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def closest(name: str, known: Iterable[str]) -> str:
    """' Did you mean X?' when a known name is near, else ''."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else ""
