"""The page about the models says what the model files say."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_page_is_up_to_date() -> None:
    text = (DOCS / "models.md").read_text("utf-8")
    assert runpy.run_path(str(DOCS / "cards.py"))["page"](text) == text, "run python docs/cards.py"
