"""The table as text: for a terminal, as Markdown, LaTeX and JSON."""

from __future__ import annotations

import math

from tintype.evaluate.columns import BY_KEY, Column
from tintype.evaluate.summary import Figure, Line, Table, Win

NOTHING = "–"
_CELL_WIDTH = 16
_LATEX = {
    **{character: rf"\{character}" for character in "#$%&_{}"},
    **{"±": r"$\pm$", "−": "$-$", "∞": r"$\infty$", "–": "--"},
    **{"↓": r"$\downarrow$", "↑": r"$\uparrow$", "→": r"$\to$"},
}


def to_terminal(table: Table) -> str:
    """A block for each group: a figure a line, with half its 95 % interval, and a row a column."""
    lines: list[str] = []
    for group, rows in table.lines.items():
        heads = headings(table, group)
        width = max(map(len, heads)) + 1
        lines += ["", f"{f'{group}, {table.n(group)} pictures':{width}}{_cells(list(rows))}"]
        for head, column in zip(heads, table.columns, strict=True):
            figures = [line.figures.get(column.key, Figure(math.nan)) for line in rows.values()]
            cells = _cells([with_spread(figure, column) for figure in figures])
            lines.append(f"{head:{width}}{cells}")
    return "\n".join(lines)


def against_to_terminal(table: Table, against: str) -> str:
    """For each row the share of pictures on which it beats another, figure by figure."""
    told = {
        f"{row}, {BY_KEY[key].label}": win_in_words(win, BY_KEY[key])
        for row, wins in table.against.items()
        for key, win in wins.items()
    }
    width = max(map(len, told), default=0) + 1
    lines = ["", f"share of pictures won against {against} and mean difference, 95 % intervals"]
    return "\n".join(lines + [f"{label:{width}}{words}" for label, words in told.items()])


def win_in_words(win: Win, column: Column) -> str:
    """The share with its interval, whether it tells two rows apart, and by how much they differ."""
    words = "no difference shown"
    if win.is_different:
        words = "wins more often" if win.share.value > 0.5 else "wins less often"
    share = f"{win.share.value:6.1%} [{win.share.low:.1%}, {win.share.high:.1%}]"
    return f"{share}  {words}; mean difference {with_spread(win.difference, column)}"


def to_markdown(table: Table) -> str:
    """A table for each group, rows down, figures with half their 95 % intervals across."""
    parts = []
    for group, rows in table.lines.items():
        heads = headings(table, group)
        parts.append(f"| {group}, {table.n(group)} pictures | {' | '.join(heads)} |")
        parts.append("| --- |" + " ---: |" * len(heads))
        for name, line in rows.items():
            parts.append(f"| {name.replace('|', '&#124;')} | {' | '.join(_told(line, table))} |")
        parts.append("")
    return "\n".join(parts)


def to_latex(table: Table) -> str:
    """The same of all pictures, as a tabular for booktabs."""
    group, rows = next(iter(table.lines.items()))
    heads = [_latex(head) for head in headings(table, group)]
    lines = [
        rf"\begin{{tabular}}{{l{'r' * len(heads)}}}",
        r"\toprule",
        " & ".join(["", *heads]) + r" \\",
        r"\midrule",
    ]
    for name, line in rows.items():
        told = [text.replace("-", "−") for text in _told(line, table)]
        lines.append(" & ".join(map(_latex, [name, *told])) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _told(line: Line, table: Table) -> list[str]:
    return [with_spread(line.figures.get(c.key, Figure(math.nan)), c) for c in table.columns]


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def headings(table: Table, group: str) -> list[str]:
    """What stands over each column; a Frechet distance says of how many pictures it is."""
    return [
        f"{column.label}{f', N={table.n(group)}' * (column.key == 'fd')} {column.arrow}".strip()
        for column in table.columns
    ]


def number(value: float, column: Column) -> str:
    """A figure with its column's digits."""
    if math.isnan(value):
        return NOTHING
    return "∞" if math.isinf(value) else f"{value:.{column.digits}f}"


def with_spread(figure: Figure, column: Column) -> str:
    """A figure and the larger half of its 95 % interval."""
    told = number(figure.value, column)
    if math.isnan(figure.low) or figure.low == figure.high:
        return told
    half = max(figure.high - figure.value, figure.value - figure.low)
    return f"{told} ±{number(half, column)}"


def _cells(texts: list[str]) -> str:
    return "".join(f"{text[-_CELL_WIDTH + 1 :]:>{_CELL_WIDTH}}" for text in texts)
