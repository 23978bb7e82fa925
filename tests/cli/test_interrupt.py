"""Ctrl-C in the middle of a folder."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from PIL import Image


def test_interrupt_leaves_only_whole_results(album: Path, tiny_model: Path, tmp_path: Path) -> None:
    for number in range(400):
        shutil.copy(album / "camera.jpg", album / f"{number:03}.jpg")
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "tintype", "colorize", album, "-o", out, "--model", tiny_model],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told.strip().splitlines() == ["tintype: interrupted"]

    announced = {Path(line).name for line in (first + rest).splitlines()}
    made = [path for path in out.rglob("*") if path.is_file()]
    assert 0 < len(made) < 400
    assert announced <= {path.name for path in made}
    assert not [path for path in made if path.name.startswith(".")]
    for path in made:
        with Image.open(path) as opened:
            opened.load()
            assert opened.size == (512, 512)
