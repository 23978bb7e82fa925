"""`tintype train`."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  tintype train tintype-small --data photos/ --out runs/first
  tintype train tintype-small --data shards/ --out runs/wide --set stages.gan.lr_g=1e-4
The same command again goes on where the last one stopped.
"""


@click.command(epilog=EPILOG)
@click.argument("recipe")
@click.option(
    "--data", "data", type=click.Path(path_type=Path), multiple=True, required=True,
    help="Folder of pictures, tar shard or folder of shards; may be given several times.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The run folder.")
@click.option(
    "--val", type=click.Path(path_type=Path), multiple=True,
    help="Pictures for the sheets; without it some of the data are held out.",
)  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a recipe key.")
def train(
    recipe: str, data: tuple[Path, ...], out: Path, val: tuple[Path, ...], settings: tuple[str, ...]
) -> None:
    """Train RECIPE (a name or a .yaml file) on your pictures."""
    from tintype.errors import MissingExtra
    from tintype.recipe import load_recipe

    loaded = load_recipe(recipe, settings)
    try:
        from tintype.train.loop import train as run
    except ModuleNotFoundError as error:
        raise MissingExtra.named("train", f"tintype train (it lacks {error.name})") from None
    latest = run(loaded, list(data), out, list(val) or None)
    click.echo(latest)
