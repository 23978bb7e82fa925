"""`tintype colorize --engine ray`: what a cluster does, told as it comes."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from contextlib import closing, redirect_stdout
from typing import Any

import click

from tintype.cli import one_line

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
            if as_json:
                line = {name: getattr(outcome, name) for name in _TOLD}
                tqdm.write(json.dumps(line), file=results)
            elif outcome.status == "colored":
                tqdm.write(one_line(outcome.output), file=results)
            if outcome.note:
                tqdm.write(one_line(f"tintype: note: {outcome.note}"), file=sys.stderr)
            if outcome.reason:
                told = f"tintype: {outcome.status}: {outcome.reason}"
                tqdm.write(one_line(told), file=sys.stderr)
    told = ", ".join(f"{counts[key]} {key}" for key in ("colored", "skipped", "failed"))
    click.echo(f"tintype: {told}", err=True)
    if counts["failed"]:
        raise click.exceptions.Exit(1)
