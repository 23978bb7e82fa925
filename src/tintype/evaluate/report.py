"""The report: a page that opens anywhere, offline, and the same figures for papers and programs."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from PIL import Image

from tintype import __version__
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
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}.") from None
    parts = exhibits(evaluation)
    sheet = io.BytesIO()
    contact_sheet(parts).save(sheet, "PNG", optimize=True)
    write(folder / "table.md", table.to_markdown(evaluation.table))
    write(folder / "table.tex", table.to_latex(evaluation.table))
    write(folder / "table.json", record.to_json(evaluation))
    write(folder / "sheet.png", sheet.getvalue())
    page = folder / "index.html"
    write(page, to_html(evaluation, parts))
    return page


def write(path: Path, content: str | bytes) -> None:
    """Replace a file, whole or not at all. Raises OutputError."""
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
    heads = "".join(f"<th>{escape(head)}</th>" for head in table.headings(figures, group))
    baselines = [row.name for row in BASELINES]
    body = "".join(
        f"<tr{' class=baseline' * (name in baselines)}><th>{escape(name)}</th>"
        f"{_cells(line, figures)}</tr>"
        for name, line in figures.lines[group].items()
    )
    return (
        '<div class="scroll"><table>'
        f"<thead><tr><th>{figures.n(group)} pictures</th>{heads}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


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
        body += f"<tr><th>{escape(row)}</th>{''.join(cells)}</tr>"
    return (
        f"<h2>Against {escape(name)}</h2>"
        "<p>The share of pictures on which a row is nearer to the truth, a tie being half, and its "
        "95&nbsp;% interval (Wilson, of those decided). Where that holds one half (=), no "
        "difference is shown. Below: the mean difference.</p>"
        f'<div class="scroll"><table><thead><tr><th></th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _exhibit(exhibit: Exhibit) -> str:
    figures = []
    for row, rgb_u8 in exhibit.made.items():
        label = f"{exhibit.picture}, {row}"
        told = escape(exhibit.picture) if row == "truth" else f"{exhibit.de00[row]:.1f}"
        figures.append(
            f'<figure><img src="{_data_uri(rgb_u8)}" alt="{escape(label)}" '
            f'data-picture="{escape(exhibit.picture)}" data-row="{escape(row)}">'
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
