"""A small album, and a colorizer that is quick."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintype.colorizer import Colorizer

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Writes a small gray picture at a path in an empty current folder."""
    folder = tmp_path / "album"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def write(name: str, format: str | None = None) -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        ramp = np.tile(np.linspace(20, 230, 24).astype(np.uint8), (16, 1))
        Image.fromarray(ramp).save(path, format)
        return path

    return write


@pytest.fixture
def colorizer(tiny_model: Path) -> Colorizer:
    return Colorizer(tiny_model)
