"""`tintype data`: pictures to train on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

if TYPE_CHECKING:
    from tintype.data.survey import Survey

FormOrAuto = Literal["auto", "rgb", "lab", "pair"]
PLACE = click.Path(path_type=Path)
SETS = ("coco-sample",)
_FORMS = {
    "rgb": "rgb (pictures)",
    "lab": "lab (arrays of lightness and chroma)",
    "pair": "pair (gray and color pictures)",
}


@click.group(
    epilog="""\b
Examples:
  tintype data inspect photos/ --sheet sheet.jpg
  tintype data pack photos/ shards/ --short-px 256
  tintype data get coco-sample"""
)
def data() -> None:
    """Look at, pack and download pictures to train on."""


@data.command(
    epilog="""\b
Examples:
  tintype data inspect photos/
  tintype data inspect arrays/ --sheet sheet.jpg
  tintype data inspect photos/ --json | jq .damaged"""
)
@click.argument("paths", metavar="PATH...", type=PLACE, nargs=-1, required=True)
@click.option(
    "--form", type=click.Choice(get_args(FormOrAuto)), default="auto", show_default=True,
    help="What to read it as.",
)  # fmt: skip
@click.option("--sheet", metavar="FILE.jpg", type=PLACE, help="Also a contact sheet of some.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect(paths: tuple[Path, ...], form: FormOrAuto, sheet: Path | None, as_json: bool) -> None:
    """Say what there is to train on.

    PATH is what `tintype train --data` takes. Told are the form, how many pictures there are, how
    large, how colorful, how many are nearly gray, and which are damaged. Every picture is read.
    """
    from tintype.data.open import open_sources
    from tintype.data.survey import contact_sheet, survey
    from tintype.recipe.data import DataSpec

    if sheet and sheet.suffix.lower() not in (".jpg", ".jpeg"):
        raise click.UsageError(f"{sheet}: a contact sheet is a JPEG; end its name in .jpg.")
    source = open_sources(paths, DataSpec(form=form))
    found = survey(source)
    click.echo(json.dumps(_facts(found)) if as_json else "\n".join(_lines(found)))
    if sheet:
        from tintype import contact

        contact.save(contact_sheet(source, found), sheet)


@data.command(
    epilog="""\b
Examples:
  tintype data pack photos/ shards/
  tintype data pack photos/ shards/ --short-px 256 --per-shard 5000"""
)
@click.argument("source", metavar="SRC", type=PLACE)
@click.argument("out", type=PLACE)
@click.option(
    "--short-px", type=click.IntRange(min=16),
    help="Write them upright and smaller, as JPEG, the short side at most this many pixels.",
)  # fmt: skip
@click.option(
    "--per-shard", type=click.IntRange(min=1), default=1000, show_default=True,
    help="Pictures in each shard.",
)  # fmt: skip
def pack(source: Path, out: Path, short_px: int | None, per_shard: int) -> None:
    """Write the pictures at SRC into tar shards in the new folder OUT."""
    from tintype.data.pack import pack as run

    packed = run(source, out, short_px=short_px, per_shard=per_shard)
    for problem in packed.damaged:
        click.echo(f"tintype: left out: {problem}", err=True)
    click.echo(f"{out}  {packed.pictures:,} pictures in {packed.shards:,} shards")


@data.command(
    epilog="""\b
Examples:
  tintype data get coco-sample
  tintype data get coco-sample --out pictures/coco"""
)
@click.argument("name", type=click.Choice(SETS))
@click.option("--out", type=PLACE, help="The new folder; without it, one named as the set.")
def get(name: str, out: Path | None) -> None:
    """Download a public set of pictures, check it and unpack it.

    `coco-sample`: photographs of COCO that fastai chose, 3.2 GB.
    """
    from tintype.data import public

    chosen, folder = public.SETS[name], out or Path(name)
    files = public.get(chosen, folder)
    click.echo(f"{folder}  {files:,} files")
    click.echo(f"  terms  {chosen.terms}")


def _facts(found: Survey) -> dict[str, object]:
    from tintype.data.survey import NEAR_GRAY_CHROMA, PERCENTILES

    percentiles = {
        name: dict(zip((f"p{p}" for p in PERCENTILES), values, strict=True))
        for name, values in found.percentiles.items()
    }
    return {
        "form": found.form,
        "pictures": found.pictures,
        "short_side_px": dict(zip(("min", "median", "max"), found.short_side_px, strict=True)),
        **percentiles,
        "near_gray": found.near_gray,
        "near_gray_chroma": NEAR_GRAY_CHROMA,
        "damaged": found.damaged,
    }


def _lines(found: Survey) -> Iterator[str]:
    from tintype.data.survey import NEAR_GRAY_CHROMA

    least, median, most = found.short_side_px
    share = found.near_gray / found.pictures
    yield f"form         {_FORMS[found.form]}"
    yield f"pictures     {found.pictures:,}"
    yield f"short side   {least:,} to {most:,} px, median {median:,}"
    yield "             5 %   half  95 %   are below"
    for name, values in found.percentiles.items():
        yield f"{name:<11}" + "".join(f"{value:7.1f}" for value in values)
    yield f"near gray    {found.near_gray:,} ({share:.1%}), mean chroma under {NEAR_GRAY_CHROMA:g}"
    yield f"damaged      {len(found.damaged):,}"
    for problem in found.damaged.values():
        yield f"  {problem}"
