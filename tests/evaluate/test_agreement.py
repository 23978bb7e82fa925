"""The figures are those of an independent measure, on photographs that are not in here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance

Run = Callable[..., subprocess.CompletedProcess[str]]

SHARED = Path(os.environ.get("TINTYPE_SHARED", Path(__file__).parents[3] / "shared"))
MEASURE = SHARED / "measure.py"
PHOTOGRAPHS = SHARED / "data" / "val"
WEIGHTS = SHARED / "weights" / "mobilenet_v2_1.0_224.safetensors"
EVERY = 18


@pytest.mark.skipif(
    not (MEASURE.is_file() and PHOTOGRAPHS.is_dir() and WEIGHTS.is_file()),
    reason="TINTYPE_SHARED names no folder with the independent measure and its photographs",
)
def test_three_digits(evaluate: Run, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the independent measure needs it")
    truth, results = tmp_path / "truth", tmp_path / "warm"
    truth.mkdir()
    results.mkdir()
    for file in sorted(PHOTOGRAPHS.iterdir())[::EVERY]:
        (truth / file.name).symlink_to(file)
        with Image.open(file) as image:
            pale = ImageEnhance.Color(image.convert("RGB")).enhance(0.4)
        Image.blend(pale, Image.new("RGB", pale.size, "orange"), 0.1).save(
            results / f"{file.stem}.png"
        )
    theirs = tmp_path / "theirs.json"
    subprocess.run(
        [sys.executable, MEASURE, "--truth", truth, results, "gray", "half", "--json", theirs],
        check=True,
        capture_output=True,
    )
    ours = tmp_path / "ours.json"
    done = evaluate(results, "--data", truth, "--judge", WEIGHTS, "--json", ours)
    assert done.returncode == 0, done.stderr
    found = json.loads(ours.read_text("utf-8"))["groups"]
    compared = 0
    for group, rows in json.loads(theirs.read_text("utf-8")).items():
        for row, figures in rows.items():
            line = found[group][Path(row).name]
            assert line["n"] == figures["n"]
            for key in ("de00", "cf_err", "cf", "patchy", "fd320", "recog"):
                if figures[key] is not None:
                    mean = line[key.replace("fd320", "fd")]["mean"]
                    assert mean == pytest.approx(figures[key], abs=5e-4, rel=5e-4), (group, row)
                    compared += 1
    assert compared > 50
