"""Names stay apart where there is little room, and break neither Markdown nor LaTeX."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tintype.evaluate.columns import BY_KEY
from tintype.evaluate.names import printable, shortened, text_width
from tintype.evaluate.plot import distributions
from tintype.evaluate.summary import Figure, Line, Table
from tintype.evaluate.table import number, to_latex, to_markdown, to_terminal

LONG = [f"model-of-a-very-long-name-step-{step}-seed-1.onnx" for step in (1000, 2000)]
ODD = r"a|b<i>&amp;\c_d_^~`e`*f*[g](h)$%#{}--"


def table(*names: str, groups: tuple[str, ...] = ("all",)) -> Table:
    rows = {name: Line(3, {"de00": Figure(1.25)}) for name in names}
    return Table([BY_KEY["de00"]], dict.fromkeys(groups, rows), {})


def test_both_ends_are_kept() -> None:
    (short,) = shortened([LONG[0]], 15)
    head, tail = short.split("…")
    assert len(short) == 15
    assert LONG[0].startswith(head)
    assert LONG[0].endswith(tail)
    assert min(len(head), len(tail)) == 7
    assert shortened(["tintype-small"], 15) == ["tintype-small"]


@given(st.lists(st.text("ab", min_size=20), max_size=9, unique=True), st.integers(8, 18))
def test_what_differs_stays_apart(names: list[str], width: int) -> None:
    short = shortened(names, width)
    assert len(set(short)) == len(names)
    assert all(len(name) <= width for name in short)


def test_by_the_width_of_letters() -> None:
    width = text_width(14)
    narrow, wide = shortened(["i" * 60, "W" * 60], 100, width)
    assert width(narrow) <= 100
    assert width(wide) <= 100
    assert len(narrow) > 2 * len(wide)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "a\udcffb", "a\u2028b"])
def test_what_cannot_be_printed(name: str) -> None:
    assert printable(name).startswith("a?")
    for told in (to_terminal, to_markdown, to_latex):
        lines = told(table(name)).split("\n")
        assert all(line.isprintable() for line in lines)
        assert len(lines) == len(told(table("ab")).split("\n"))


def test_a_terminal_shows_long_names_apart() -> None:
    head, figures = to_terminal(table(*LONG, "名前" * 9, groups=("a" * 90,))).splitlines()[1:]
    assert len(set(head.split()[-3:])) == 3
    assert head.index("pictures") < 40
    assert len(figures) == len(head) + 7  # as many columns: seven letters are two wide


def test_plots_show_long_names_apart() -> None:
    values = np.random.default_rng(0).normal(size=(2, 30))
    svg = distributions(BY_KEY["de00"], dict(zip(LONG, values, strict=True)))
    labels = [part.split("<title>")[0] for part in svg.split('class="row"')[1:]]
    shown = {label.partition(">")[2] for label in labels}
    assert len(shown) == 2
    assert all(len(label) < 24 and "…" in label for label in shown)


def test_markdown_shows_the_names() -> None:
    text = to_markdown(table(ODD, "plain", groups=(ODD,)))
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    cells = [
        "".join(child.content for child in token.children or [])
        for token in tokens
        if token.type == "inline"
    ]
    assert cells == [f"{ODD}, 3 pictures", "CIEDE2000 ↓", ODD, "1.25", "plain", "1.25"]
    plain = {"text", "text_special"}
    assert {child.type for token in tokens for child in token.children or []} <= plain


def test_latex_shows_the_names() -> None:
    line = next(line for line in to_latex(table(ODD)).splitlines() if "1.25" in line)
    assert line == (
        r"a\textbar{}b\textless{}i\textgreater{}\&amp;\textbackslash{}c\_d\_"
        r"\textasciicircum{}\textasciitilde{}\textasciigrave{}e\textasciigrave{}*f*[g](h)"
        r"\$\%\#\{\}-{}- & 1.25 \\"
    )


def test_no_zero_is_negative() -> None:
    assert number(-0.004, BY_KEY["de00"]) == "0.00"
    assert number(-0.006, BY_KEY["de00"]) == "-0.01"
