"""Names of rows and groups, as they are shown: short enough for their place, and told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import ImageFont


def shortened(
    names: Sequence[str], width: float, measure: Callable[[str], float] = len
) -> list[str]:
    """Each name no wider than `width`, by `measure`: too long ones keep their ends, around an …

    Names that are different stay so: those that would become alike are numbered, in their order.
    What cannot be printed, as a line break, becomes a question mark.
    """
    taken: set[str] = set()
    found = []
    for name in map(printable, names):
        short, number = _cut(name, "", width, measure), 1
        while short in taken:
            number += 1
            short = _cut(name, f" ({number})", width, measure)
        taken.add(short)
        found.append(short)
    return found


def printable(name: str) -> str:
    """A name that fits on a line and breaks no terminal: `?` for what cannot be printed."""
    return "".join(character if character.isprintable() else "?" for character in name)


def text_width(size_px: float) -> Callable[[str], float]:
    """A measure of text in px, by the font that Pillow brings."""
    return ImageFont.load_default(size_px).getlength


def _cut(name: str, end: str, width: float, measure: Callable[[str], float]) -> str:
    kept, short = len(name), name + end
    while measure(short) > width and kept > 1:
        kept -= 1
        head, tail = (kept + 1) // 2, kept // 2
        short = f"{name[:head]}…{name[len(name) - tail :]}{end}"
    return short
