"""`tintype colorize`: photographs and folders of them."""

from __future__ import annotations

import math
import os
import re
import sys
from collections import Counter
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tintype.cli import stream
from tintype.cli.outcome import line, save_sheets, tell, told
from tintype.errors import OutputUnavailable
from tintype.formats import DEFAULT_QUALITY, WRITERS, WRITTEN, Saving

if TYPE_CHECKING:
    from tintype.hints import Hints

JOB_MEMORY_BYTES = 300_000_000  # of one photograph of 24 megapixels, and some to spare


def _finite(_: click.Context, __: click.Parameter, value: float) -> float:
    if not math.isfinite(value):  # which no range excludes
        raise click.BadParameter(f"{value} is not a number from 0 to 1.5.")
    return value


class FormatType(click.Choice[str]):
    """A kind of file that is written, by its name or by an extension of it, as jpg."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read what was given."""
        return super().convert(WRITERS.get(f".{value}".lower(), value), param, ctx)


class ShardType(click.ParamType[Any]):
    """I/N, from 1/N to N/N."""

    name = "I/N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read what was given."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", value)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            self.fail(f"{value!r} is not a part such as 1/4, 2/4, 3/4 or 4/4.", param, ctx)
        return int(found[1]), int(found[2])


@click.command(
    epilog="""\b
Examples:
  tintype colorize photo.jpg                       writes photo.color.jpg beside it
  tintype colorize photo.jpg -o colored.png        to a file, in its format
  tintype colorize albums/ *.tif -o colored/       folders and files, mirrored under colored/
  tintype colorize albums/ --json | jq .output     one JSON object a file
  tintype colorize photo.jpg --hint 120,80=203050  a blue for what is at that place
  tintype colorize photo.jpg --reference sunset.jpg
                                                   colors such as another photograph has
  tintype colorize photo.jpg --variants 3          also photo.color-2.jpg, photo.color-3.jpg
  tintype colorize - -o - < in.jpg > out.jpg       from standard input to standard output
  tintype colorize s3://scans/1911 -o s3://color/1911 --engine ray
                                                   an archive, by a cluster

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
    help="Folder for the results, or a file for a single INPUT; - is standard output. Default: "
    "beside each INPUT.",
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
    type=click.FloatRange(0, 1.5),
    callback=_finite,
    default=1.0,
    show_default=True,
    help="Scales the color: 0 is gray, 1 the model's own, up to 1.5 is livelier.",
)
@click.option("--keep-tint", is_flag=True, help="Color over the tint that is there, as sepia.")
@click.option(
    "--hint",
    "points",
    metavar="X,Y=RRGGBB",
    multiple=True,
    help="A color for a place, in pixels of the upright picture; may be given again.",
)
@click.option(
    "--hints",
    "hints_file",
    metavar="FILE.json",
    type=click.Path(),
    help="Points and strokes of color, for one photograph.",
)
@click.option(
    "--reference",
    metavar="PHOTO",
    type=click.Path(),
    help="A color photograph whose palette guides the colors.",
)
@click.option(
    "--variants",
    metavar="NUMBER",
    type=click.IntRange(1, 9),
    default=1,
    help="So many colorings of each, the model's own first; the others are photo.color-2.jpg "
    "and so on.",
)
@click.option(
    "--confidence",
    is_flag=True,
    help="Also a picture of how sure the model is: white where its color is likely true.",
)
@click.option("--compare", is_flag=True, help="Also a before/after picture of each.")
@click.option(
    "--sheet", metavar="FILE.jpg", type=click.Path(), help="Also a contact sheet of the results."
)
@click.option(
    "--format",
    type=FormatType(WRITTEN),
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
@click.option("--retry-failed", is_flag=True, help="Try again what failed in an earlier run.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be colored and which files are broken; do nothing.",
)
@click.option(
    "--jobs",
    metavar="NUMBER",
    type=click.IntRange(min=1),
    help="Photographs at a time. Default: by cores and free memory.",
)
@click.option(
    "--shard",
    metavar="I/N",
    type=ShardType(),
    default="1/1",
    help="Only part I of N, for N machines with one disk.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Who does it: this machine, or a Ray cluster, from a folder's URL to another's.",
)
@click.option(
    "--address",
    metavar="ADDRESS",
    help="Of the Ray cluster. Default: that in RAY_ADDRESS, or one started here for as long as it "
    "takes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file.")
def colorize(
    inputs: tuple[str, ...],
    output: str | None,
    model: str,
    strength: float,
    keep_tint: bool,
    points: tuple[str, ...],
    hints_file: str | None,
    reference: str | None,
    variants: int,
    confidence: bool,
    compare: bool,
    sheet: str | None,
    format: str | None,
    quality: int,
    depth: str | None,
    strip: bool,
    lossless_luma: bool,
    keep_times: bool,
    overwrite: bool,
    retry_failed: bool,
    dry_run: bool,
    jobs: int | None,
    shard: tuple[int, int],
    engine: str,
    address: str | None,
    as_json: bool,
) -> None:
    """Color photographs and folders of them.

    Originals stay as they are. Each INPUT is a file or a folder, which is taken with all folders
    in it; what is a picture is told by content. The results' paths go to standard output,
    everything else to standard error.
    """
    if sheet and not sheet.lower().endswith((".jpg", ".jpeg")):
        raise click.UsageError(f"{sheet}: a contact sheet is a JPEG; end its name in .jpg.")
    saving: Saving = {
        "quality": quality,
        "depth": int(depth) if depth else None,
        "strip": strip,
        "lossless_luma": lossless_luma,
        "keep_times": keep_times,
    }
    # `Path.is_dir` raises where access is denied
    are_many = len(inputs) > 1 or os.path.isdir(inputs[0])  # noqa: PTH112
    if are_many and (points or hints_file):
        raise click.UsageError("hints are for one photograph at a time: give a single file.")
    coloring: dict[str, Any] = {
        "strength": strength,
        "keep_tint": keep_tint,
        "hints": _hints(points, hints_file) if points or hints_file else None,
    }
    if engine == "ray":
        alone = hints_file or points or reference or variants > 1 or confidence
        alone = alone or compare or sheet or keep_times or dry_run
        if alone or shard[1] > 1 or len(inputs) > 1 or output is None:
            raise click.UsageError(
                "--engine ray goes from one folder's URL to another's, as in `tintype colorize "
                "s3://scans/1911 -o s3://color/1911 --engine ray`, and with no --hint, --hints, "
                "--reference, --variants, --confidence, --compare, --sheet, --keep-times, "
                "--dry-run or --shard."
            )
        from tintype.cli import cluster

        options: dict[str, Any] = {"model": model, "address": address, "jobs": jobs or cluster.JOBS}
        options |= {"strength": strength, "keep_tint": keep_tint, "format": format}
        options |= {"overwrite": overwrite, "retry_failed": retry_failed, **saving}
        cluster.colorize(inputs[0], output, options, as_json=as_json)
        return
    urls = [name for name in (*inputs, output or "") if "://" in name]
    if address or urls:
        what = urls[0] if urls else "--address"
        raise click.UsageError(f"{what}: is for --engine ray.")
    is_piped = stream.NAME in (*inputs, output)
    if is_piped:
        beside = variants > 1 or confidence or compare or sheet
        if len(inputs) > 1 or output is None or beside or dry_run or as_json:
            raise click.UsageError(
                "- stands for one photograph and needs -o, as in `tintype colorize - -o -`; it "
                "goes with no --variants, --confidence, --compare, --sheet, --dry-run or --json."
            )
    jobs = _share_cores(inputs, jobs) if are_many else 1  # before libvips is imported
    if reference is not None:
        from tintype.colorizer import palette_of

        coloring["reference"] = palette_of(reference)  # once for all photographs
    if is_piped:
        assert output is not None
        stream.colorize(inputs[0], output, model, coloring, overwrite, format, saving)
        return

    from tqdm import tqdm

    from tintype.batch import Manifest, Shard, colorize_one, destination, plan
    from tintype.colorizer import Colorizer
    from tintype.engines import local

    silent = not sys.stderr.isatty()
    part = Shard(*shard)
    planned = plan(
        inputs,
        output,
        format=format,
        shard=part,
        compare=compare,
        confidence=confidence,
        variants=variants,
    )
    items = list(tqdm(planned, "looking", unit=" photos", leave=False, disable=silent))
    colorizer = None if dry_run else Colorizer(model)
    if colorizer:
        asked = {"hints": bool(coloring["hints"]), "reference": reference is not None}
        colorizer.check(**asked, variants=variants > 1 or confidence)
    folder = destination(inputs, output) if are_many else None
    manifest = None
    if folder:
        manifest = Manifest(
            folder, part, overwrite=overwrite, retry_failed=retry_failed, read_only=dry_run
        )
    if colorizer is None:
        outcomes = local.foresee(items, manifest, overwrite=overwrite)
    else:
        work = partial(
            colorize_one,
            colorizer=colorizer,
            overwrite=overwrite,
            **coloring,
            **saving,
        )
        outcomes = local.run(items, work, jobs=jobs, manifest=manifest)
    counts: Counter[str] = Counter()
    missing: set[Path] = set()
    stopped: OutputUnavailable | None = None
    with (
        closing(manifest) if manifest else nullcontext(),
        closing(outcomes),
        tqdm(desc="coloring", total=len(items), unit=" photos", disable=silent) as bar,
    ):
        try:
            for result, seconds in outcomes:
                bar.update()
                counts[result.status] += 1
                if result.status == "failed":
                    missing.add(result.item.output)
                tell(line(result, seconds), as_json=as_json)
        except OutputUnavailable as error:
            stopped = error
    if len(items) != 1:
        click.echo(f"tintype: {told(counts, len(items), dry_run)}", err=True)
    if stopped:
        raise stopped
    if sheet and not dry_run:
        save_sheets(Path(sheet), [item.output for item in items if item.output not in missing])
    if counts["failed"]:
        raise click.exceptions.Exit(1)


def _hints(points: tuple[str, ...], file: str | None) -> Hints:
    """Those of the file, and over them those of the command line."""
    from tintype.errors import HintError
    from tintype.hints import Hints

    read = Hints()
    if file:
        try:
            read = Hints.from_json(Path(file).read_bytes(), where=file)
        except OSError as error:
            raise HintError(f"{file}: cannot be read: {error.strerror or error}.") from None
    added = tuple(Hints.parse_point(point) for point in points)
    return Hints(points=read.points + added, strokes=read.strokes)


def _share_cores(inputs: tuple[str, ...], jobs: int | None) -> int:
    """How many photographs at a time; each gets its share of the threads.

    One more than there are cores, so that none rests while a result is flushed to the disk.
    """
    from tintype.settings import Settings, free_memory_bytes

    threads = Settings.from_environment().threads
    if jobs is None:
        free = free_memory_bytes()
        jobs = threads + 1 if free is None else min(threads + 1, free // JOB_MEMORY_BYTES)
    if not any(map(os.path.isdir, inputs)):
        jobs = min(jobs, len(inputs))
    jobs = max(1, jobs)
    # libvips, too, reads it once, when it is loaded
    os.environ["TINTYPE_THREADS"] = str(max(1, threads // jobs))
    return jobs
