"""`tintype export`."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  tintype export runs/first -o first.onnx
  tintype export runs/first/checkpoints/look-000200000.pt -o earlier.onnx
  tintype export runs/first/checkpoints/look-*.pt -o mean.onnx
  tintype colorize photo.jpg --model first.onnx
"""


@click.command(epilog=EPILOG)
@click.argument(
    "sources", metavar="RUN_OR_CHECKPOINT...", type=click.Path(path_type=Path), nargs=-1,
    required=True,
)  # fmt: skip
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="The model file to write."
)
@click.option(
    "--card", type=click.Path(path_type=Path, dir_okay=False),
    help="The model card as JSON; without it one is made from the recipe.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace the model file if it is there.")
def export(sources: tuple[Path, ...], out: Path, card: Path | None, overwrite: bool) -> None:
    """Turn a trained run into a model file that colors photographs without torch.

    Of several checkpoints the mean of the weights is taken, which often colors better than each.
    The file is compared with the trained network before it is written.
    """
    from tintype.errors import MissingExtra, ModelError
    from tintype.models.card import ModelCard

    if card is not None and not card.is_file():
        raise ModelError(f"{card}: no such model card.")
    try:
        own = ModelCard.from_json(card.read_text("utf-8"), where=str(card)) if card else None
    except UnicodeDecodeError:
        raise ModelError(f"{card}: the model card is not text in UTF-8.") from None
    try:
        from tintype.export import export as run
    except ModuleNotFoundError as error:
        raise MissingExtra.named("train", f"tintype export (it lacks {error.name})") from None
    written = run(sources, out, own, overwrite=overwrite)
    click.echo(f"{out}  {written.name}  {written.parameters / 1e6:.1f} million parameters")
