"""What is asked and what is answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tintype.formats import DEFAULT_QUALITY
from tintype.likely import MOST_VARIANTS
from tintype.models.card import ModelCard

LONGEST_HINTS = 100_000  # characters; they travel to the child in one message
SMALLEST_PREVIEW_PX, LARGEST_PREVIEW_PX = 16, 8192

Strength = Annotated[float, Field(ge=0, le=1.5, allow_inf_nan=False)]


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value  # as forms send what was left out


class Options(BaseModel):
    """How a photograph is colored: form fields, or query parameters with a raw body."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="A name from `/v1/models`; the server's default where it is left out."
    )
    strength: Strength = Field(1.0, description="0 is gray, 1 the model's own color.")
    variant: int = Field(
        0,
        ge=0,
        le=MOST_VARIANTS,
        description="0 is the model's own coloring; from 1 on other likely ones, the likeliest "
        "first, of models whose card says `gives_confidence`.",
    )
    keep_tint: bool = Field(False, description="Color over the tint that is there, as sepia.")
    format: Annotated[
        Literal["jpeg", "png", "tiff", "webp", "avif"] | None, BeforeValidator(_empty_is_none)
    ] = Field(None, description="By default that of the photograph, or the nearest.")
    quality: int = Field(DEFAULT_QUALITY, ge=1, le=100, description="Of JPEG, WebP and AVIF.")
    hints: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None, max_length=LONGEST_HINTS, description="JSON: points and strokes with their colors."
    )
    preview_px: Annotated[int | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        ge=SMALLEST_PREVIEW_PX,
        le=LARGEST_PREVIEW_PX,
        description="Longest side, at most; the photograph is made smaller first. Hints stay in "
        "pixels of the whole, upright photograph.",
    )

    @classmethod
    def fields(cls) -> frozenset[str]:
        """Their names."""
        return frozenset(cls.model_fields)


Status = Literal["queued", "running", "done", "failed"]


class ProblemDetails(BaseModel):
    """RFC 9457: why a request is refused, with the value and the fix."""

    type: str
    title: str
    status: int
    detail: str
    hint: str | None = None


class Links(BaseModel):
    """Where to ask for the job, and for its result."""

    self: str
    result: str


class JobStatus(BaseModel):
    """How far a job is. `position` is its place in the line while it waits, from 1, else 0."""

    id: str
    status: Status
    progress: float = Field(ge=0, le=1)
    position: int = Field(ge=0)
    problem: ProblemDetails | None = None
    links: Links


class Models(BaseModel):
    """What colors."""

    default: str
    models: list[ModelCard]


class LimitsTold(BaseModel):
    """What is taken, and of what kinds."""

    max_bytes: int
    max_pixels: int
    queue: int
    workers: int
    time_s: float
    keep_s: float
    formats_in: list[str]
    formats_out: list[str]


class Health(BaseModel):
    """The server is there."""

    status: Literal["ok"] = "ok"
