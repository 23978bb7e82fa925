"""The report: a page that opens anywhere, offline, and the same figures for papers and programs."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from PIL import Image

from tintype import __version__, formats
from tintype.errors import OutputError
from tintype.evaluate import plot, record, table
from tintype.evaluate.columns import BY_KEY
from tintype.evaluate.compare import BASELINES
from tintype.evaluate.metrics.lab import RgbU8
from tintype.evaluate.run import Evaluation
from tintype.evaluate.sheet import Exhibit, contact_sheet, exhibits
from tintype.evaluate.summary import ALL, Figure, Line, Table
from tintype.files import replacing

PLOTTED = ("de00", "psnr", "cf_diff", "patchy", "bleed", "lpips")
_LONG_SIDE_PX = 512
_JPEG_QUALITY = 90


def write_report(evaluation: Evaluation, folder: Path) -> Path:
    """Write index.html, table.md, table.tex, table.json and sheet.png; gives the page's path.

    What is there by these names is replaced. Raises OutputError where the folder cannot be written.
    """
    parts = exhibits(evaluation)
    sheet = io.BytesIO()
    contact_sheet(parts).save(sheet, "PNG", optimize=True)
    write(folder / "table.md", table.to_markdown(evaluation.table))
    write(folder / "table.tex", table.to_latex(evaluation.table))
    write(folder / "table.json", record.to_json(evaluation))
    write(folder / "sheet.png", sheet.getvalue())
    page = page_in(folder)
    write(page, to_html(evaluation, parts))
    return page


def page_in(folder: Path) -> Path:
    """The page of a report's folder."""
    return folder / "index.html"


class _Writable(Exception):
    """What was tried works, and must not be done."""


def check_writable(path: Path) -> None:
    """Raise OutputError where `write` would, before time is spent on what it would write.

    Nothing is left behind, and no folder is made.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder.", hint="Name a file.")
    if path.is_file() and formats.is_picture(path):
        raise OutputError(
            f"{path}: is a picture; originals are never replaced.", hint="Name another file."
        )
    place = next(folder for folder in path.parents if os.path.lexists(folder))
    with (
        contextlib.suppress(_Writable),
        replacing(place / path.name, overwrite=True),
    ):
        raise _Writable


def write(path: Path, content: str | bytes) -> None:
    """Replace a file, whole or not at all, in a folder that is made if need be.

    Raises OutputError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: cannot be made: {error.strerror}.") from None
    if isinstance(content, str):
        content = content.encode(errors="replace")  # names of files need not be text
    with (
        replacing(path, overwrite=True) as descriptor,
        open(descriptor, "wb", closefd=False) as file,
    ):
        file.write(content)


def to_html(evaluation: Evaluation, parts: Mapping[str, Sequence[Exhibit]]) -> str:
    """The page, pictures inside."""
    comparison, figures = evaluation.comparison, evaluation.table
    compared = [row.name for row in comparison.rows if row not in BASELINES]
    facts = [
        f"{len(comparison.pictures)} pictures of {evaluation.data.resolve().name}",
        f"protocol: {evaluation.protocol.about}",
        f"judge: {evaluation.judge.name}" if evaluation.judge else "no judge",
        f"tintype {__version__}",
    ]
    plots = (
        (key, plot.distributions(
            BY_KEY[key], {row.name: comparison.column(row.name, key) for row in comparison.rows}
        ))
        for key in PLOTTED
    )  # fmt: skip
    page = Template(resources.files("tintype.evaluate").joinpath("report.html").read_text("utf-8"))
    return page.substitute(
        title=escape(f"Color of {', '.join(compared)}, measured"),
        subtitle=escape(" · ".join(facts)),
        warnings="".join(f'<p class="quiet">Note: {escape(w)}</p>' for w in evaluation.warnings),
        table=_table(figures, ALL),
        groups="".join(
            f"<details><summary>{escape(group)}</summary>{_table(figures, group)}</details>"
            for group in figures.lines
            if group != ALL
        ),
        against=_against(figures, evaluation.against),
        plots="".join(
            f"<figure><h3>{escape(BY_KEY[key].label)} {BY_KEY[key].arrow}</h3>{svg}</figure>"
            for key, svg in plots
            if svg
        ),
        sheets="".join(
            f"<h3>{part.capitalize()}</h3>" + "".join(map(_exhibit, members))
            for part, members in parts.items()
        ),
        meanings="".join(
            f"<dt>{escape(c.label)} {c.arrow}</dt><dd>{escape(c.about)}</dd>"
            for c in figures.columns
        ),
    )


def _table(figures: Table, group: str) -> str:
    heads = "".join(f"<th>{_breakable(head)}</th>" for head in table.headings(figures, group))
    baselines = [row.name for row in BASELINES]
    body = "".join(
        f"<tr{' class=baseline' * (name in baselines)}><th><span>{escape(name)}</span></th>"
        f"{_cells(line, figures)}</tr>"
        for name, line in figures.lines[group].items()
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Figures, {escape(group)}">'
        f"<table><thead><tr><th>{figures.n(group)} pictures</th>{heads}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _breakable(head: str) -> str:
    """A heading that may go on below after what joins the parts of a judge's name."""
    head, space, arrow = escape(head).rpartition(" ")
    joint = "&nbsp;" if space and not arrow.isalpha() else space
    return re.sub("([-_@.])", r"\1<wbr>", head) + joint + arrow


def _cells(line: Line, figures: Table) -> str:
    cells = []
    for column in figures.columns:
        told = table.with_spread(line.figures.get(column.key, Figure(float("nan"))), column)
        value, _, half = told.partition(" ")
        cells.append(f"<td>{value}{f'<small>{half}</small>' if half else ''}</td>")
    return "".join(cells)


def _against(figures: Table, name: str | None) -> str:
    if not name:
        return ""
    keys = list(dict.fromkeys(key for wins in figures.against.values() for key in wins))
    heads = "".join(f"<th>{escape(BY_KEY[key].label)}</th>" for key in keys)
    body = ""
    for row, wins in figures.against.items():
        cells = (
            f"<td>{win.share.value:.0%}{'' if win.is_different else ' ='}"
            f"<small>{win.share.low:.0%} to {win.share.high:.0%}</small>"
            f"<small>mean {table.with_spread(win.difference, BY_KEY[key])}</small></td>"
            if (win := wins.get(key))
            else f"<td>{table.NOTHING}</td>"
            for key in keys
        )
        body += f"<tr><th><span>{escape(row)}</span></th>{''.join(cells)}</tr>"
    return (
        f"<h2>Against {escape(name)}</h2>"
        "<p>The share of pictures on which a row is nearer to the truth, a tie being half, and its "
        "95&nbsp;% interval (Wilson, of those decided). Where that holds one half (=), no "
        "difference is shown. Below: the mean difference.</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Picture by picture">'
        f"<table><thead><tr><th></th>{heads}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _exhibit(exhibit: Exhibit) -> str:
    figures = []
    for row, rgb_u8 in exhibit.made.items():
        label = f"{exhibit.picture}, {row}"
        told = escape(exhibit.picture) if row == "truth" else f"{exhibit.de00[row]:.1f}"
        figures.append(
            f'<figure><button type="button"><img src="{_data_uri(rgb_u8)}" alt="{escape(label)}" '
            f'data-picture="{escape(exhibit.picture)}" data-row="{escape(row)}"></button>'
            f"<figcaption><b>{escape(row)}</b> {told}</figcaption></figure>"
        )
    return f'<div class="exhibit">{"".join(figures)}</div>'


def _data_uri(rgb_u8: RgbU8) -> str:
    image = Image.fromarray(rgb_u8)
    image.thumbnail((_LONG_SIDE_PX, _LONG_SIDE_PX), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    # chroma at full resolution: it is what the page is about
    image.save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
