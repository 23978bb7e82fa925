"""`tintype colorize --engine ray`: what a cluster does, told as it comes."""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import closing, redirect_stdout
from typing import Any

import click

from tintype.cli.outcome import tell, told

JOBS = 2  # photographs at a time in a worker: one is colored, another fetched or stored
_TOLD = ("input", "output", "status", "reason", "note", "sha256", "model", "seconds")


def colorize(source: str, destination: str, options: dict[str, Any], *, as_json: bool) -> None:
    """From a folder's URL to another's; `options` are those of `colorize_dataset`."""
    from tqdm import tqdm

    from tintype.engines.ray import colorize_dataset
    from tintype.settings import Settings

    threads = Settings.from_environment().threads if "TINTYPE_THREADS" in os.environ else 1
    del options["keep_times"]  # objects have none
    counts: Counter[str] = Counter()
    outcomes = colorize_dataset(source, destination, threads=threads, **options)
    bar = tqdm(desc="coloring", unit=" photos", disable=not sys.stderr.isatty())
    results = sys.stdout
    with bar, redirect_stdout(sys.stderr), closing(outcomes):  # Ray prints what befalls its nodes
        for outcome in outcomes:
            bar.update()
            counts[outcome.status] += 1
            line = {name: getattr(outcome, name) for name in _TOLD}
            tell(line, as_json=as_json, results=results)
    click.echo(f"tintype: {told(counts, counts.total(), dry_run=False)}", err=True)
    if counts["failed"]:
        raise click.exceptions.Exit(1)
