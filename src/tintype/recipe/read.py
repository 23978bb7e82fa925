"""Recipes: all that decides how a network is trained, typed and checked before time is spent.

A recipe is YAML. `base: NAME` starts from another recipe and changes what is said; `--set
stages.gan.lr_g=1e-4` changes one key from the command line. Unknown keys are errors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from tintype.errors import RecipeError, closest
from tintype.recipe.data import DataSpec
from tintype.recipe.networks import DiscriminatorSpec, GeneratorSpec
from tintype.recipe.part import Part
from tintype.recipe.stages import Stage


class MachineSpec(Part):
    """What a run is spread over; none of it changes what is learned, but for rounding."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: int = Field(1, ge=1)
    """Devices (on CPUs, processes) of each machine."""
    nodes: int = Field(1, ge=1)
    strategy: Literal["auto", "ddp"] = "auto"
    deterministic: bool = False
    """Only algorithms that give the same bits every time; slower on GPUs, always so on CPUs."""


class Recipe(Part):
    """A training run from beginning to end. Lengths count images, not epochs."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str
    summary: str = ""
    seed: int = Field(0, ge=0)
    init: str | None = None
    """Start from these weights: a model's name or .onnx file, a run folder, a checkpoint."""
    data: DataSpec = DataSpec()
    generator: GeneratorSpec
    discriminator: DiscriminatorSpec | None = None
    stages: tuple[Stage, ...] = Field(min_length=1)
    precision: Literal["auto", "bf16-mixed", "32-true"] = "auto"
    """`auto` is bf16-mixed where the device multiplies bfloat16 itself. Where it does not, as on
    most CPUs, bf16-mixed is many times slower, and `auto` is 32-true."""
    ema_decay: float = Field(0.999, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    holdout_images: int = Field(64, ge=1)
    """Pictures kept out of training for the looks, where no other set is given for them."""
    look_images: int = Field(64, ge=1)
    """Held-out pictures that are colored and scored at every look."""
    look_every_images: int = Field(10_000, ge=1)
    judge: str | None = None
    """Weights of a network that judges the looks, as `tintype evaluate --judge` takes them."""
    checkpoint_every_images: int = Field(10_000, ge=1)
    workers: int = Field(1, ge=0)
    """Processes that decode pictures, on each device."""
    machine: MachineSpec = MachineSpec()

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stages: two stages have one name: {', '.join(names)}")
        needs_discriminator = ("discriminator", "gan")
        if self.discriminator is None and any(s.kind in needs_discriminator for s in self.stages):
            raise ValueError("discriminator: a gan stage needs one")
        tells = getattr(self.generator, "tells_likely", False)
        learns = [s.kind == "likely" or getattr(s, "likely_weight", 0.0) > 0 for s in self.stages]
        if tells and not any(learns):
            raise ValueError(
                "generator.tells_likely: no stage is of the kind likely or has a likely_weight"
            )
        for stage, learns_likely in zip(self.stages, learns, strict=True):
            key = f"stages.{stage.name}"
            multiple = self.generator.multiple_of
            if stage.crop_px % multiple:
                raise ValueError(
                    f"{key}.crop_px: {stage.crop_px} is no multiple of {multiple}, "
                    f"which this generator needs"
                )
            if self.discriminator is not None and stage.kind in needs_discriminator:
                least_px = self.discriminator.least_px
                if stage.crop_px < least_px:
                    raise ValueError(
                        f"{key}.crop_px: {stage.crop_px} is too small for the discriminator, "
                        f"which needs {least_px}"
                    )
                sized = self.discriminator.kind == "image"
                if sized and stage.crop_px != least_px:
                    raise ValueError(
                        f"discriminator.crop_px: {least_px} is not {key}.crop_px, which is "
                        f"{stage.crop_px}: this discriminator takes one size only"
                    )
            if stage.hints and not getattr(self.generator, "takes_hints", False):
                raise ValueError(
                    f"{key}.hints: this generator takes none; set generator.takes_hints where "
                    f"it can, or hints to 0"
                )
            if learns_likely and not tells:
                raise ValueError(
                    f"{key}: this generator does not tell how likely colors are; set "
                    f"generator.tells_likely where it can, or leave out what trains it"
                )
            devices = self.machine.devices * self.machine.nodes
            if stage.batch_images % devices:
                raise ValueError(
                    f"{key}.batch_images: {stage.batch_images} cannot be shared by "
                    f"{devices} devices"
                )
        return self

    def to_yaml(self) -> str:
        """The whole recipe, defaults included."""
        return yaml.safe_dump(
            self.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True
        )


def recipe_names() -> list[str]:
    """The recipes that come with tintype."""
    folder = resources.files("tintype.recipes")
    return sorted(
        p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml")
    )


def recipe_text(name_or_path: str) -> str:
    """A recipe as it was written, comments and all. Raises RecipeError where there is none."""
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if not path.is_file():
            raise RecipeError(f"recipe {path}: no such file.")
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"recipe {path}: cannot be read as text ({error}).") from None
    known = recipe_names()
    if name_or_path not in known:
        raise RecipeError(
            f"No recipe is named {name_or_path!r}.",
            hint=closest(name_or_path, known) or f"Known: {', '.join(known)}; or a .yaml file.",
        )
    return (resources.files("tintype.recipes") / f"{name_or_path}.yaml").read_text("utf-8")


def load_recipe(name_or_path: str, settings: Iterable[str] = (), **keys: str) -> Recipe:
    """A recipe by name or file, with `keys` of its top and then `key.path=value` settings applied.

    Raises RecipeError, in one line that names the key, when anything in it is wrong.
    """
    tree = _read(name_or_path)
    if "base" in tree:
        base = str(tree.pop("base"))
        beside = Path(name_or_path).parent / base
        below = _read(str(beside) if beside.is_file() else base)
        if "base" in below:
            raise RecipeError(f"recipe {base}: it is a base and has one itself; one level only.")
        tree = _merged(below, tree)
    tree |= keys
    for setting in settings:
        _set(tree, setting)
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise RecipeError(f"recipe {name_or_path}: {_first_problem(error, tree)}") from None


def _read(name_or_path: str) -> dict[str, Any]:
    text = recipe_text(name_or_path)
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" line {where.line + 1}:" if where else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise RecipeError(f"recipe {name_or_path}:{line} {problem}.") from None
    if not isinstance(tree, dict):
        raise RecipeError(f"recipe {name_or_path}: it holds no keys.")
    return tree


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A part of another kind takes the place of the one below: their keys are not the same."""
    out = dict(below)
    for key, value in above.items():
        under = out.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            kind = under.get("kind")
            value = _merged(under, value) if value.get("kind", kind) == kind else value
        out[key] = value
    return out


def _set(tree: dict[str, Any], setting: str) -> None:
    """Apply `a.b=value`; a part of `stages` is found by its name."""
    path, equals, text = setting.partition("=")
    if not equals or not path:
        raise RecipeError(f"--set {setting}: it must read key=value.")
    *parents, last = path.split(".")
    node: Any = tree
    for step in parents:
        if isinstance(node, list):
            stages = [item for item in node if isinstance(item, dict)]
            found = [item for item in stages if item.get("name") == step]
            if not found:
                known = [str(item.get("name")) for item in stages]
                raise RecipeError(
                    f"--set {setting}: there is no stage {step!r}.",
                    hint=closest(step, known) or f"Stages: {', '.join(known)}.",
                )
            node = found[0]
        else:
            node = node.setdefault(step, {}) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        raise RecipeError(f"--set {setting}: {'.'.join(parents)} is a value, not a group of keys.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise RecipeError(f"--set {setting}: {text!r} is not a YAML value.") from None
    if last == "kind" and "name" not in node and node.get(last) != value:
        node.clear()  # the keys of another kind are not the same; stages share most of theirs
    node[last] = value
    if isinstance(node[last], str):  # YAML reads 1e-3 as text
        with contextlib.suppress(ValueError):
            node[last] = float(text)


def _first_problem(error: ValidationError, tree: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    path = list(first["loc"])
    if len(path) > 1 and path[0] == "stages":  # by name, as --set has it, without the union's tag
        stage = tree["stages"][path[1]]
        named = stage.get("name", path[1]) if isinstance(stage, dict) else path[1]
        path[1:3] = [named]
    key = ".".join(str(part) for part in path)
    if first["type"] == "extra_forbidden":
        known = _keys(Recipe)
        hint = closest(str(path[-1]), sorted(known))
        return f"unknown key {key}. {hint}".rstrip()
    got = "" if isinstance(first["input"], dict | list | tuple) else f" (it is {first['input']!r})"
    what = first["msg"].removeprefix("Value error, ")
    return f"{key}: {what}{got}." if key else f"{what}."


def _keys(annotation: Any) -> set[str]:
    """Every key that a recipe can have, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        return set(fields).union(*(_keys(field.annotation) for field in fields.values()))
    return set().union(*(_keys(part) for part in get_args(annotation)))
