"""Which models go by which names."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from tintype.errors import UnknownModel, closest


class Entry(BaseModel):
    """One file of weights: in the package, or behind `url` with its hash."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    license: str
    url: str | None = None
    sha256: str | None = None

    @model_validator(mode="after")
    def _downloads_are_checked(self) -> Entry:
        if self.url and not self.sha256:
            raise ValueError("an entry with a url needs its sha256")
        return self


class Catalog(BaseModel):
    """`models` by their full name (`name.tag`); `aliases` point at the newest tag of a name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    aliases: dict[str, str]
    models: dict[str, Entry]

    def find(self, name: str) -> Entry:
        """The entry of a name or alias. Raises UnknownModel, naming the closest."""
        entry = self.models.get(self.aliases.get(name, name))
        if entry is None:
            known = [*self.aliases, *self.models]
            raise UnknownModel(
                f"There is no model '{name}'.",
                hint=closest(name, known) or "See `tintype models`, or give the path of an .onnx.",
                public_message="There is no model of that name.",
            )
        return entry

    def aliases_of(self, name: str) -> list[str]:
        """The short names of a model."""
        return [alias for alias, target in self.aliases.items() if target == name]


@cache
def catalog() -> Catalog:
    """The catalog that comes with the package."""
    text = Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8")
    return Catalog.model_validate(tomllib.loads(text))
