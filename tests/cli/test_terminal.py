"""At a terminal: a bar that shows how far it is, and Ctrl-C in the middle of a folder."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def many(album: Path, request: pytest.FixtureRequest) -> Path:
    """The album with more pictures than are colored at once, small or large."""
    name, size, count = request.param
    first = album / f"000{Path(name).suffix}"
    with Image.open(album / name) as opened:
        opened.resize(size).save(first)
    for number in range(1, count):
        shutil.copy(first, first.with_stem(f"{number:03}"))
    return album


# JPEG is joined in Python's own threads; of PNG nearly all the time is spent within libvips
@pytest.mark.parametrize(
    "many",
    [("camera.jpg", (512, 512), 400), ("größe 写真.png", (3000, 2000), 12)],
    indirect=True,
    ids=["small JPEG", "large PNG"],
)
@pytest.mark.parametrize(
    ("sent", "code", "said"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_interrupt_leaves_only_whole_results(
    many: Path,
    sent: signal.Signals,
    code: int,
    said: str,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    given = sum(path.is_file() for path in many.rglob("*"))
    process = subprocess.Popen(
        [sys.executable, "-m", "tintype", "colorize", ".", "-o", "../out", "--model", tiny_model],
        cwd=many,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    first = process.stdout.readline()
    time.sleep(0.2)  # into the next one
    process.send_signal(sent)
    rest, told = process.communicate(timeout=30)
    assert process.returncode == code, told
    assert told.strip().splitlines() == [f"tintype: {said}"]

    announced = {Path(line).name for line in (first + rest).splitlines()}
    made = [path for path in (many.parent / "out").rglob("*") if path.is_file()]
    made.remove(many.parent / "out" / "manifest.jsonl")
    assert 0 < len(made) < given  # the first line came while there was more to do
    assert announced <= {path.name for path in made}
    assert not [path for path in made if path.name.startswith(".")]
    for path in made:
        with Image.open(path) as opened:
            opened.load()
            assert opened.size in ((512, 512), (3000, 2000))


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
