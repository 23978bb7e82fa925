"""Write the cards of the models in the package into models.md: `python docs/cards.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tintype.models.card import ModelCard
from tintype.models.catalog import catalog
from tintype.models.store import locate
from tintype.runtime import Session

PAGE = Path(__file__).with_name("models.md")
CARDS = re.compile(r"(<!-- cards: .*? -->\n).*(<!-- end of cards -->)", re.DOTALL)


def render(card: ModelCard, size_bytes: int) -> Iterator[str]:
    """One card as Markdown."""
    yield f"## {card.name}\n\n{card.summary}\n"
    yield "| | |\n| --- | --- |"
    yield f"| file | {size_bytes / 1e6:.1f} MB, {card.parameters / 1e6:.2f} million parameters |"
    yield f"| license of the weights | {card.weights_license} |"
    yield f"| working size | short side {card.working_px} px, multiples of {card.multiple_of} |"
    yield f"| pictures seen | {card.images_seen:,} |"
    yield f"| starting weights | {card.starting_weights} |\n"
    for scores in card.scores:
        yield f"**Scores.** {scores.protocol}\n"
        yield "| " + " | ".join(scores.values) + " |"
        yield "| " + " | ".join("---" for _ in scores.values) + " |"
        yield "| " + " | ".join(f"{value:g}" for value in scores.values.values()) + " |\n"
    if card.limits:
        yield "**Limits.**\n"
        yield "\n".join(f"- {limit}" for limit in card.limits) + "\n"
    yield f"**Training data.** {card.training_data_terms}\n"
    if card.training_data:
        yield "| collection | pictures | source | terms |\n| --- | --- | --- | --- |"
        for data in card.training_data:
            yield f"| {data.name} | {data.pictures:,} | {data.source} | {data.terms} |"
        yield ""
    yield f"**Recipe.**\n\n```text\n{card.recipe.strip()}\n```"


def page(text: str) -> str:
    """`text` of the page with the cards as they are now."""
    files = [locate(name) for name in catalog().models]
    cards = "\n".join(
        line for file in files for line in render(Session(file).card, file.stat().st_size)
    )
    return CARDS.sub(lambda found: f"{found[1]}\n{cards}\n{found[2]}", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
