"""`tintype recipes`: what there is to train by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tintype.recipe import Recipe

HEADS = ["name", "generator", "discriminator", "crop_px"]


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  tintype recipes
  tintype recipes show coco-pix2pix
  tintype recipes --json | jq .name""",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a recipe.")
@click.pass_context
def recipes(context: click.Context, as_json: bool) -> None:
    """List the recipes that come with tintype.

    With each its networks and the sizes in pixels that it trains at.
    """
    if context.invoked_subcommand is not None:
        return
    from tintype.recipe import load_recipe, recipe_names

    found = [_facts(load_recipe(name)) for name in recipe_names()]
    if as_json:
        click.echo("\n".join(map(json.dumps, found)))
        return
    cells = [HEADS, *([_cell(facts[key]) for key in HEADS] for facts in found)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    click.echo(lines[0])
    for line, facts in zip(lines[1:], found, strict=True):
        click.echo(f"{line}\n  {facts['summary']}")


@recipes.command(
    epilog="""\b
Examples:
  tintype recipes show coco-pix2pix
  tintype recipes show dcgan-lab > mine.yaml"""
)
@click.argument("name")
def show(name: str) -> None:
    """Print the recipe NAME: where it comes from, and every key that it sets."""
    from tintype.recipe import recipe_text

    click.echo(recipe_text(name), nl=False)


def _facts(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "generator": recipe.generator.kind,
        "discriminator": recipe.discriminator and recipe.discriminator.kind,
        "crop_px": sorted({stage.crop_px for stage in recipe.stages}),
        "stages": [stage.name for stage in recipe.stages],
    }


def _cell(value: str | list[object] | None) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else value or "none"
