"""What all parts of a recipe have in common."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A typed group of keys: unknown ones are errors, values do not change, numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
