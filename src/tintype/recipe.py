"""Recipes: all that decides how a network is trained, typed and checked before time is spent.

A recipe is YAML. `base: NAME` starts from another recipe and changes what is said; `--set
stages.gan.lr_g=1e-4` changes one key from the command line. Unknown keys are errors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tintype.errors import RecipeError, closest


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MobileUNetSpec(_Part):
    """The small generator (`tintype.nn.generators.MobileUNet`)."""

    kind: Literal["mobile-unet"]
    widths: tuple[int, int, int, int] = (128, 96, 64, 32)
    encoder_weights: str = "bundled"
    """`bundled` (the encoder inside the model that comes with tintype), `none`, or a file."""
    frozen_blocks: int = Field(0, ge=0, le=17)
    """The stem and this many encoder blocks keep their starting weights."""


class PatchDiscriminatorSpec(_Part):
    """PatchGAN over luminance and chroma (`tintype.nn.discriminators.PatchDiscriminator`)."""

    kind: Literal["patch"]
    width: int = Field(64, ge=4)
    layers: int = Field(3, ge=1, le=5)


class _Stage(_Part):
    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    total_images: int = Field(ge=1)
    batch_images: int = Field(32, ge=1)
    load_px: int = Field(144, ge=16)
    """Short side that pictures are shrunk to before the crop; never enlarged past `crop_px`."""
    crop_px: int = Field(128, ge=32, multiple_of=32)
    min_px: int = Field(0, ge=0)
    """Pictures with a shorter short side than this are left out of the stage."""
    lr_g: float = Field(gt=0)
    encoder_lr_scale: float = Field(0.2, gt=0)
    schedule: Literal["constant", "cosine"] = "cosine"
    final_lr_scale: float = Field(0.0, ge=0, le=1)
    """What is left of the learning rates at the stage's end, under `cosine`."""
    warmup_images: int = Field(0, ge=0)
    """Learning rates rise in a straight line over this many images."""
    smooth_l1_beta: float = Field(4.0, gt=0)
    """Chroma errors under this many Lab units count quadratically."""


class PretrainStage(_Stage):
    """The generator alone, on the smooth L1 distance of its chroma."""

    kind: Literal["pretrain"]


class GanStage(_Stage):
    """Generator against discriminator; L1 keeps the generator near the truth."""

    kind: Literal["gan"]
    lr_d: float = Field(gt=0)
    loss: Literal["hinge", "bce"] = "hinge"
    adversarial_weight: float = Field(1.0, ge=0)
    lambda_l1: float = Field(1.0, ge=0)


Stage = Annotated[PretrainStage | GanStage, Field(discriminator="kind")]


class Recipe(_Part):
    """A training run from beginning to end. Lengths count images, not epochs."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str
    summary: str = ""
    seed: int = Field(0, ge=0)
    generator: MobileUNetSpec
    discriminator: PatchDiscriminatorSpec | None = None
    stages: tuple[Stage, ...] = Field(min_length=1)
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed"
    ema_decay: float = Field(0.999, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    holdout_images: int = Field(64, ge=1)
    """Pictures kept out of training for the looks, where no other set is given for them."""
    look_every_images: int = Field(10_000, ge=1)
    checkpoint_every_images: int = Field(10_000, ge=1)
    workers: int = Field(1, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"stages: two stages have one name: {', '.join(names)}")
        if self.discriminator is None and any(s.kind == "gan" for s in self.stages):
            raise ValueError("discriminator: a gan stage needs one")
        for stage in self.stages:
            if self.discriminator is not None and stage.kind == "gan":
                # chroma has half the size, each layer halves it, and the last two need 3 pixels
                least_px = 2 * 3 * 2**self.discriminator.layers
                if stage.crop_px < least_px:
                    raise ValueError(
                        f"stages.{stage.name}.crop_px: {stage.crop_px} is too small for a "
                        f"discriminator of {self.discriminator.layers} layers, which needs "
                        f"{least_px}"
                    )
        return self

    @property
    def total_images(self) -> int:
        """Images over all stages."""
        return sum(stage.total_images for stage in self.stages)

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


def load_recipe(name_or_path: str, settings: Iterable[str] = ()) -> Recipe:
    """A recipe by name or file, with `key.path=value` settings applied.

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
    for setting in settings:
        _set(tree, setting)
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise RecipeError(f"recipe {name_or_path}: {_first_problem(error, tree)}") from None


def _read(name_or_path: str) -> dict[str, Any]:
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        if not path.is_file():
            raise RecipeError(f"recipe {path}: no such file.")
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"recipe {path}: cannot be read as text ({error}).") from None
    elif name_or_path in recipe_names():
        text = (resources.files("tintype.recipes") / f"{name_or_path}.yaml").read_text("utf-8")
    else:
        known = recipe_names()
        raise RecipeError(
            f"No recipe is named {name_or_path!r}.",
            hint=closest(name_or_path, known) or f"Known: {', '.join(known)}; or a .yaml file.",
        )
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
    out = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(out.get(key), Mapping):
            value = _merged(out[key], value)
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
        node[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise RecipeError(f"--set {setting}: {text!r} is not a YAML value.") from None
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
    key = ".".join(str(part) for part in path) or "recipe"
    if first["type"] == "extra_forbidden":
        parts = (Recipe, MobileUNetSpec, PatchDiscriminatorSpec, PretrainStage, GanStage)
        known = {name for part in parts for name in part.model_fields}
        hint = closest(str(path[-1]), sorted(known))
        return f"unknown key {key}. {hint}".rstrip()
    got = "" if isinstance(first["input"], dict | list | tuple) else f" (it is {first['input']!r})"
    return f"{key}: {first['msg']}{got}."
