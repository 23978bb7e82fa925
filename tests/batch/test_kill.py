"""Kill -9 in the middle of a folder, again and again, and go on each time.

    TINTYPE_KILL=500x10 python -m pytest tests/batch/test_kill.py -s

is the large run, of 500 files and ten kills; without it a small one takes its place.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

FILES, KILLS = map(int, os.environ.get("TINTYPE_KILL", "60x3").split("x"))
KINDS = (".jpg", ".png", ".tif", ".webp", ".bmp")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Photographs of five kinds in folders, no two alike."""
    root = tmp_path / "archive"
    rng = np.random.default_rng(0)
    picture = data.camera()
    for number in range(FILES):
        path = root / f"{number % 7}" / f"{number:03}{KINDS[number % len(KINDS)]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        top, left = rng.integers(0, 200, 2)
        Image.fromarray(picture[top : top + 300, left : left + 300]).save(path)
    return root


def sums(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.jsonl"
    }


def test_what_is_killed_goes_on(archive: Path, tiny_model: Path, tmp_path: Path) -> None:
    originals = sums(archive)

    def start(out: Path) -> subprocess.Popen[str]:
        command = ["colorize", archive, "-o", out, "--model", tiny_model, "--jobs", "3"]
        return subprocess.Popen(
            [sys.executable, "-m", "tintype", *map(str, command)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def end(process: subprocess.Popen[str]) -> str:
        told = process.communicate(timeout=600)[1]
        assert process.returncode == 0, told
        return told

    assert end(start(tmp_path / "undisturbed")).endswith(
        f"tintype: {FILES} colored, 0 skipped, 0 failed\n"
    )
    expected = sums(tmp_path / "undisturbed")
    assert len(expected) == FILES

    out = tmp_path / "out"
    manifest = out / "manifest.jsonl"
    rng = random.Random(0)
    done_at = []
    for kill in range(1, KILLS + 1):
        process = start(out)
        enough = FILES * kill // (KILLS + 2)
        while not manifest.exists() or manifest.read_bytes().count(b"\n") < enough:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.05))  # anywhere in the next ones
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        found = sums(out)
        assert found.items() <= expected.items()  # nothing half-written, nothing left behind
        done_at.append(len(found))
    told = end(start(out))
    assert f"{done_at[-1]} skipped, 0 failed" in told
    assert sums(out) == expected
    assert sums(archive) == originals
    outputs = [json.loads(line)["output"] for line in manifest.read_text("utf-8").splitlines()]
    assert len(outputs) == len(set(outputs))
    print(f"\n{FILES} files, {KILLS} kills, whole results at each: {done_at}")
