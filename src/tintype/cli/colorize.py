"""`tintype colorize`: photographs and folders of them."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter

import click

from tintype.formats import DEFAULT_QUALITY, WRITTEN, Saving


def _finite(_: click.Context, __: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number from 0 up.")
    return value


@click.command(
    epilog="""\b
Examples:
  tintype colorize photo.jpg                       writes photo.color.jpg beside it
  tintype colorize photo.jpg -o colored.png        to a file, in its format
  tintype colorize albums/ *.tif -o colored/       folders and files, mirrored under colored/
  tintype colorize albums/ --json | jq .output     one JSON object a file

Run again, it goes on: results that exist are skipped. The exit code is 1 if a file failed."""
)
@click.argument(
    "inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(readable=False)
)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=click.Path(readable=False),
    help="Folder for the results, or a file for a single INPUT. Default: beside each INPUT.",
)
@click.option(
    "--model",
    metavar="NAME_OR_PATH",
    default="tintype-small",
    show_default=True,
    help="A name from `tintype models`, or an .onnx file.",
)
@click.option(
    "--strength",
    metavar="NUMBER",
    type=click.FloatRange(min=0),
    callback=_finite,
    default=1.0,
    show_default=True,
    help="Scales the color: 0 is gray, 1 the model's own, more is livelier.",
)
@click.option(
    "--format",
    type=click.Choice(WRITTEN),
    help="The format of all results. Default: that of each input, or the nearest.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=DEFAULT_QUALITY,
    show_default=True,
    help="Of JPEG, WebP and AVIF; 100 is lossless but for JPEG.",
)
@click.option(
    "--depth",
    type=click.Choice(["8", "16", "32"]),
    help="Bits a channel; 32 is floating point. Default: those of the input.",
)
@click.option("--strip", is_flag=True, help="Leave out metadata, but for the mark of the result.")
@click.option(
    "--lossless-luma",
    is_flag=True,
    help="Of a JPEG, keep the coefficients of the luma as they are and only add chroma.",
)
@click.option("--keep-times", is_flag=True, help="Give results the times of their inputs.")
@click.option("--overwrite", is_flag=True, help="Make results of tintype anew; other files stay.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file.")
def colorize(
    inputs: tuple[str, ...],
    output: str | None,
    model: str,
    strength: float,
    format: str | None,
    quality: int,
    depth: str | None,
    strip: bool,
    lossless_luma: bool,
    keep_times: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Color photographs and folders of them.

    Originals stay as they are. Each INPUT is a file or a folder, which is taken with all folders
    in it; what is a picture is told by content. The results' paths go to standard output,
    everything else to standard error.
    """
    from tqdm import tqdm

    from tintype.batch import colorize_one, plan
    from tintype.colorizer import Colorizer

    colorizer = Colorizer(model)
    saving: Saving = {
        "quality": quality,
        "depth": int(depth) if depth else None,
        "strip": strip,
        "lossless_luma": lossless_luma,
        "keep_times": keep_times,
    }
    silent = not sys.stderr.isatty()
    items = list(
        tqdm(
            plan(inputs, output, format=format),
            "looking",
            unit=" photos",
            leave=False,
            disable=silent,
        )
    )
    counts: Counter[str] = Counter()
    for item in tqdm(items, "coloring", unit=" photos", disable=silent):
        result = colorize_one(item, colorizer, strength=strength, overwrite=overwrite, **saving)
        counts[result.status] += 1
        if as_json:
            line = {
                "input": str(item.source),
                "output": str(item.output),
                "status": result.status,
                "reason": result.reason,
                "note": result.note,
            }
            tqdm.write(json.dumps(line), file=sys.stdout)
        elif result.status == "colored":
            tqdm.write(str(item.output), file=sys.stdout)
        if result.note:
            tqdm.write(f"tintype: note: {result.note}", file=sys.stderr)
        if result.status != "colored":
            tqdm.write(f"tintype: {result.status}: {result.reason}", file=sys.stderr)
    if len(items) != 1:
        told = ", ".join(
            f"{counts[status]} {status}" for status in ("colored", "skipped", "failed")
        )
        click.echo(f"tintype: {told}", err=True)
    if counts["failed"]:
        raise click.exceptions.Exit(1)
