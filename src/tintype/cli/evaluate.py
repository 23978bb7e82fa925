"""`tintype evaluate`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

EPILOG = """\b
Examples:
  tintype evaluate tintype-small --data photos/
  tintype evaluate tintype-small mine.onnx others/ --data photos/ --against tintype-small
  tintype evaluate mine.onnx --data val/ --judge mobilenet_v2.safetensors --report report/
The same command again goes on where the last one stopped.
"""
FOLDER = click.Path(path_type=Path)


@click.command(epilog=EPILOG)
@click.argument("models", metavar="MODEL_OR_FOLDER...", nargs=-1, required=True)
@click.option("--data", type=FOLDER, required=True, help="Folder of true, colored pictures.")
@click.option(
    "--judge", metavar="WEIGHTS",
    help="MobileNetV2's .safetensors, a timm model's name or folder, or inception. Without a judge "
    "there is no Frechet distance and no recognition.",
)  # fmt: skip
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="The first N pictures only.")
@click.option("--against", metavar="NAME", help="Compare with this row, picture by picture.")
@click.option(
    "--protocol", type=click.Choice(["imagenet-val5k", "coco-stuff", "ade20k"]),
    help="Take and cut the pictures as papers do.",
)  # fmt: skip
@click.option(
    "--report",
    "report_folder",
    metavar="DIR",
    type=FOLDER,
    help="Write a page with tables and pictures.",
)
@click.option("--json", "json_file", metavar="FILE", type=FOLDER, help="Write every figure.")
def evaluate(
    models: tuple[str, ...],
    data: Path,
    judge: str | None,
    limit: int | None,
    against: str | None,
    protocol: str | None,
    report_folder: Path | None,
    json_file: Path | None,
) -> None:
    """Measure color against the truth.

    Each MODEL_OR_FOLDER is a name from `tintype models`, an .onnx file, or a folder of pictures
    that anybody's tool colored, named as the true ones. The rows gray (no color), half (half of the
    true color) and truth stand beside them.
    """
    from tqdm import tqdm

    from tintype.evaluate import record, report, run, table

    # what cannot be written is told of before anything is measured
    for path in (json_file, report_folder and report.page_in(report_folder)):
        if path:
            report.check_writable(path)
    silent = not sys.stderr.isatty()
    with tqdm(desc="measuring", unit=" pictures", leave=False, disable=silent) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        outcome = run.evaluate(
            models, data, judge=judge, limit=limit, against=against, protocol=protocol,
            progress=progress,
        )  # fmt: skip
    click.echo(table.to_terminal(outcome.table))
    if against:
        click.echo(table.against_to_terminal(outcome.table, against))
    for warning in outcome.warnings:
        click.echo(f"tintype: {warning}", err=True)
    if json_file:
        report.write(json_file, record.to_json(outcome))
    if report_folder:
        click.echo(report.write_report(outcome, report_folder))
