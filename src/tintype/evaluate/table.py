"""The table as text: for a terminal, as Markdown, LaTeX and JSON."""

from __future__ import annotations

import math
import re
import unicodedata

from tintype.evaluate.columns import BY_KEY, Column
from tintype.evaluate.names import printable, shortened
from tintype.evaluate.summary import Figure, Line, Table, Win

NOTHING = "–"
_CELL_WIDTH = 16
_GROUP_WIDTH = 24
_MARKDOWN = {character: rf"\{character}" for character in r"\`*_[]<>|~&"}
_LATEX = {
    **{character: rf"\{character}" for character in "#$%&_{}"},
    **{"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"},
    **{"`": r"\textasciigrave{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"},
    **{"±": r"$\pm$", "−": "$-$", "∞": r"$\infty$", "–": r"\textendash{}"},
    **{"↓": r"$\downarrow$", "↑": r"$\uparrow$", "→": r"$\to$"},
}


def to_terminal(table: Table) -> str:
    """A block for each group: a figure a line, with half its 95 % interval, and a row a column."""
    lines: list[str] = []
    groups = shortened(list(table.lines), _GROUP_WIDTH, _columns)
    for short, (group, rows) in zip(groups, table.lines.items(), strict=True):
        heads = headings(table, group)
        title = f"{short}, {table.n(group)} pictures"
        width = max(map(_columns, [title, *heads])) + 1
        names = shortened(list(rows), _CELL_WIDTH - 1, _columns)
        lines += ["", _left(title, width) + _cells(names)]
        for head, column in zip(heads, table.columns, strict=True):
            figures = [line.figures.get(column.key, Figure(math.nan)) for line in rows.values()]
            cells = _cells([with_spread(figure, column) for figure in figures])
            lines.append(_left(head, width) + cells)
    return "\n".join(lines)


def against_to_terminal(table: Table, against: str) -> str:
    """For each row the share of pictures on which it beats another, figure by figure."""
    told = {
        f"{printable(row)}, {BY_KEY[key].label}": win_in_words(win, BY_KEY[key])
        for row, wins in table.against.items()
        for key, win in wins.items()
    }
    width = max(map(_columns, told), default=0) + 1
    lines = [
        "",
        f"share of pictures won against {printable(against)} and mean difference, 95 % intervals",
    ]
    return "\n".join(lines + [_left(label, width) + words for label, words in told.items()])


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
        heads = [_markdown(head) for head in headings(table, group)]
        parts.append(f"| {_markdown(group)}, {table.n(group)} pictures | {' | '.join(heads)} |")
        parts.append("| --- |" + " ---: |" * len(heads))
        for name, line in rows.items():
            parts.append(f"| {_markdown(name)} | {' | '.join(_told(line, table))} |")
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


def _markdown(text: str) -> str:
    return "".join(_MARKDOWN.get(character, character) for character in printable(text))


def _latex(text: str) -> str:
    escaped = "".join(_LATEX.get(character, character) for character in printable(text))
    return re.sub("-(?=-)", "-{}", escaped)  # two would become a dash


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
    # what rounds to -0 is 0
    return "∞" if math.isinf(value) else f"{round(value, column.digits) + 0.0:.{column.digits}f}"


def with_spread(figure: Figure, column: Column) -> str:
    """A figure and the larger half of its 95 % interval."""
    told = number(figure.value, column)
    if math.isnan(figure.low) or figure.low == figure.high:
        return told
    half = max(figure.high - figure.value, figure.value - figure.low)
    return f"{told} ±{number(half, column)}"


def _cells(texts: list[str]) -> str:
    return "".join(" " * (_CELL_WIDTH - _columns(text)) + text for text in texts)


def _left(text: str, width: int) -> str:
    return text + " " * (width - _columns(text))


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes: two for a wide character."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
