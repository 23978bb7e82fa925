"""At a terminal: a bar that shows how far it is, and Ctrl-C in the middle of a folder."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from PIL import Image


def test_interrupt_leaves_only_whole_results(
    album: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    for number in range(400):
        shutil.copy(album / "camera.jpg", album / f"{number:03}.jpg")
    process = subprocess.Popen(
        [sys.executable, "-m", "tintype", "colorize", ".", "-o", "../out", "--model", tiny_model],
        cwd=album,
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
    made = [path for path in (album.parent / "out").rglob("*") if path.is_file()]
    assert 0 < len(made) < 400  # the first line came while there was more to do
    assert announced <= {path.name for path in made}
    assert not [path for path in made if path.name.startswith(".")]
    for path in made:
        with Image.open(path) as opened:
            opened.load()
            assert opened.size == (512, 512)


def test_terminal_shows_a_bar(album: Path, tiny_model: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    done = subprocess.run(
        [sys.executable, "-m", "tintype", "colorize", ".", "--model", tiny_model],
        cwd=album,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3
    assert "coloring: 100%" in shown
    assert "3/3 [" in shown
    assert " photos/s]" in shown
