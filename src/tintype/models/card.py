"""What a model says of itself. The card travels inside the ONNX file, as JSON in its metadata."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tintype.errors import ModelError

METADATA_KEY = "tintype.card"


class Scores(BaseModel):
    """Figures, and the protocol they were taken with; never compare across protocols."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: str
    values: dict[str, float]


class TrainingData(BaseModel):
    """One collection the weights were made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    pictures: int
    source: str
    terms: str


class ModelCard(BaseModel):
    """The card of one model.

    `name` carries the tag of its weights (`tintype-small.v1`): better weights come under a new tag,
    and results never move under an old one. Sizes are pixels of the network's input.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    name: str
    summary: str
    weights_license: str
    starting_weights: str = "none"
    training_data: tuple[TrainingData, ...] = ()
    training_data_terms: str
    recipe: str
    parameters: int = Field(gt=0)
    images_seen: int = Field(0, ge=0)
    working_px: int = Field(256, ge=16)
    """Short side at which the network colors best."""
    multiple_of: int = Field(32, ge=1)
    takes_hints: bool = False
    takes_reference: bool = False
    gives_confidence: bool = False
    scores: tuple[Scores, ...] = ()
    limits: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, text: str, *, where: str) -> ModelCard:
        """Read a card; `where` names the file for the message when it is no card."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or "card"
            raise ModelError(
                f"{where}: the model card is not valid: {key}: {first['msg']}."
            ) from None
