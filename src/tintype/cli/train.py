"""`tintype train`."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  tintype train tintype-small --data photos/ --out runs/first
  tintype train finetune --data album/ --out runs/album
  tintype train tintype-small --data shards/ --out runs/wide --set stages.gan.lr_g=1e-4
  tintype train tintype-small --data shards/ --out runs/wide --dry-run
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
    help="Pictures for the looks; without it some of the data are held out.",
)  # fmt: skip
@click.option(
    "--init", metavar="MODEL",
    help="Start from a trained model: a name, an .onnx file, a run or a checkpoint.",
)  # fmt: skip
@click.option(
    "--judge", metavar="WEIGHTS",
    help="A network that judges the looks, as tintype evaluate takes it.",
)  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a recipe key.")
@click.option(
    "--dry-run", is_flag=True,
    help="Print the recipe, what was found, and what it will cost; train nothing.",
)  # fmt: skip
def train(
    recipe: str,
    data: tuple[Path, ...],
    out: Path,
    val: tuple[Path, ...],
    init: str | None,
    judge: str | None,
    settings: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Train RECIPE (a name or a .yaml file) on your pictures."""
    from tintype.errors import MissingExtra
    from tintype.recipe import load_recipe

    given = {key: value for key, value in (("init", init), ("judge", judge)) if value}
    loaded = load_recipe(recipe, settings, **given)
    try:
        from tintype.train.estimate import describe
        from tintype.train.loop import train as run
    except ModuleNotFoundError as error:
        raise MissingExtra.named("train", f"tintype train (it lacks {error.name})") from None
    if dry_run:
        click.echo(describe(loaded, list(data), out, list(val) or None))
        return
    click.echo(run(loaded, list(data), out, list(val) or None))
