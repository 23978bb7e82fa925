"""`tintype colorize --hint` and `--hints` from outside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import color

Run = Callable[..., subprocess.CompletedProcess[str]]


def redness(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(color.rgb2lab(np.asarray(image))[..., 1])


def test_points_and_a_file_of_them(tintype: Run, album: Path, hint_model: Path) -> None:
    strokes = [{"points": [[20, 480], [480, 480]], "color": "#ff0000", "radius": 16}]
    (album / "hints.json").write_text(json.dumps({"strokes": strokes}))
    command = ("colorize", "camera.jpg", "--model", hint_model)
    assert tintype(*command, "-o", "auto.png").returncode == 0
    hinted = tintype(
        *command, "-o", "hinted.png", "--hints", "hints.json",
        "--hint", "60,60=00ff00", "--hint", "450,60=#00ff00",
    )  # fmt: skip
    assert (hinted.returncode, hinted.stdout, hinted.stderr) == (0, "hinted.png\n", "")
    change = redness(album / "hinted.png") - redness(album / "auto.png")
    assert change[470:490, 40:460].mean() > 10
    assert change[50:70, 50:70].mean() < -10
    assert change[50:70, 440:460].mean() < -10
    assert np.abs(change[200:340, 200:340]).max() < 3


def test_hints_through_a_pipe(tintype: Run, album: Path, hint_model: Path) -> None:
    with (album / "camera.jpg").open("rb") as file:
        done = tintype(
            "colorize", "-", "-o", "piped.png", "--model", hint_model, "--hint", "60,60=ff0000",
            stdin=file,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    change = redness(album / "piped.png")
    assert change[50:70, 50:70].mean() > change[400:].mean() + 10


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("camera.jpg", "--hint", "1,2=red"), 1, "error: '1,2=red': color: 'red' is not a color"),
        (("camera.jpg", "--hint", "512,2=ff0000"), 1, "failed: the hint at 512,2 is outside"),
        (("camera.jpg", "--hints", "none.json"), 1, "error: none.json: cannot be read: No such"),
        ((".", "--hint", "1,2=ff0000"), 2, "error: hints are for one photograph at a time"),
    ],
)
def test_mistakes_are_told_in_one_line(
    tintype: Run,
    album: Path,
    hint_model: Path,
    arguments: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    before = sorted(album.rglob("*"))
    done = tintype("colorize", *arguments, "--model", hint_model)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(album.rglob("*")) == before


def test_model_without_hints_is_told(tintype: Run, album: Path, tiny_model: Path) -> None:
    done = tintype("colorize", "camera.jpg", "--model", tiny_model, "--hint", "1,2=ff0000")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tintype: error: tiny.v1: this model takes no hints.")
    assert not (album / "camera.color.jpg").exists()
