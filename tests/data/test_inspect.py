"""`tintype data inspect`, from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def tintype(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "tintype", "data", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_folder_is_told(folder, damage):
    damage(folder / "3.jpg")
    for i in (1, 4):
        with Image.open(folder / f"{i}.jpg") as image:
            image.convert("L").save(folder / f"{i}.jpg")
    with Image.open(folder / "0.jpg") as image:
        image.resize((60, 50)).save(folder / "0.jpg")
    done = tintype("inspect", folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "form         rgb (pictures)"
    assert lines[1] == "pictures     8"
    assert lines[2] == "short side   50 to 80 px, median 80"
    assert any(line.startswith("near gray    2 (25.0%)") for line in lines)
    assert lines[-2] == "damaged      1"
    assert lines[-1].startswith(f"  {folder / '3.jpg'}: not a whole picture")


@pytest.mark.parametrize(
    ("form", "place"),
    [("rgb", "folder"), ("rgb", "shards"), ("pair", "pairs"), ("lab", "arrays")],
)
def test_every_form_is_told_and_seen(form, place, request, tmp_path):
    sheet = tmp_path / "sheet.jpg"
    done = tintype("inspect", request.getfixturevalue(place), "--json", "--sheet", sheet)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["form"], facts["pictures"], facts["damaged"]) == (form, 8, {})
    assert facts["short_side_px"] == {"min": 80, "median": 80, "max": 80}
    assert 0 < facts["chroma"]["p5"] < facts["chroma"]["p50"] < facts["chroma"]["p95"] < 100
    with Image.open(sheet) as image:
        pixels = np.asarray(image).astype(int)
    assert pixels.shape[1] > 1000
    astronaut = pixels[8:136, 8:136]
    colorful = astronaut.max(2) - astronaut.min(2)
    assert (colorful.mean() > 10) == (form != "pair")  # of pairs the gray one is in front
    if form == "pair":
        beside = pixels[8:136, 136:264]
        assert np.abs(beside.mean(2) - astronaut.mean(2)).mean() < 12
        assert (beside.max(2) - beside.min(2)).mean() > 10


def test_the_sheet_of_arrays_has_the_true_colors(arrays, cuts, tmp_path):
    tintype("inspect", arrays, "--sheet", tmp_path / "sheet.jpg")
    with Image.open(tmp_path / "sheet.jpg") as image:
        tile = np.asarray(image)[8:136, 8:136].mean((0, 1))
    want = np.asarray(cuts[0].resize((154, 128)))[:, 13:141].mean((0, 1))
    assert np.abs(tile - want).max() < 3


def test_what_is_wrong_is_one_line(tmp_path, pairs):
    (pairs / "gray" / "3.png").unlink()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "x.jpg").write_bytes(b"no picture")
    for place, told in (
        (tmp_path / "none", "no such file or folder"),
        (pairs, "1 of 8 pictures are missing in it: 3."),
        (tmp_path / "broken", "None of 1 pictures can be read."),
    ):
        done = tintype("inspect", place)
        assert done.returncode == 1
        assert done.stderr.startswith("tintype: error: ")
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1
    done = tintype("inspect", pairs, "--sheet", "sheet.gif")
    assert done.returncode == 2
    assert "sheet.gif: a contact sheet is a JPEG" in done.stderr


def test_a_sheet_never_replaces_a_photograph(folder, tmp_path):
    before = (folder / "0.jpg").read_bytes()
    done = tintype("inspect", folder, "--sheet", folder / "0.jpg")
    assert done.returncode == 1
    assert "is no picture of tintype" in done.stderr
    assert (folder / "0.jpg").read_bytes() == before
    for _ in range(2):
        assert tintype("inspect", folder, "--sheet", tmp_path / "sheet.jpg").returncode == 0


def test_no_torch_is_needed(folder, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from tintype.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    for arguments in (["inspect", str(folder)], ["pack", str(folder), str(tmp_path / "out")]):
        done = subprocess.run(
            [sys.executable, "-c", program, "data", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


def test_packing_is_told(folder, tmp_path, damage):
    damage(folder / "3.jpg")
    done = tintype("pack", folder, tmp_path / "out", "--short-px", "40", "--per-shard", "2")
    assert done.returncode == 0
    assert done.stdout == f"{tmp_path / 'out'}  7 pictures in 4 shards\n"
    assert done.stderr.startswith("tintype: left out: ")
    assert len(done.stderr.splitlines()) == 1
    again = tintype("pack", folder, tmp_path / "out")
    assert again.returncode == 1
    assert "is there already and stays" in again.stderr


def test_an_unknown_set_names_those_there_are():
    done = tintype("get", "imagenet")
    assert done.returncode == 2
    assert "'coco-sample'" in done.stderr
    assert Path("imagenet").exists() is False


def test_the_form_may_be_said(pairs):
    (pairs / "gray" / "3.png").unlink()
    done = tintype("inspect", pairs, "--form", "rgb", "--json")
    facts = json.loads(done.stdout)
    assert (facts["form"], facts["pictures"], facts["near_gray"]) == ("rgb", 15, 7)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are seen on Linux")
def test_an_interrupt_ends_it_at_once(cuts, tmp_path):
    cuts[0].resize((2000, 2000)).save(tmp_path / "0.png")
    for i in range(1, 1000):
        (tmp_path / f"{i}.png").hardlink_to(tmp_path / "0.png")
    command = [sys.executable, "-m", "tintype", "data", "inspect", str(tmp_path)]
    settings = os.environ | {"OMP_NUM_THREADS": "1"}  # so that threads are those that measure
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=settings) as process:
        threads, deadline = Path(f"/proc/{process.pid}/task"), time.time() + 60
        while len(list(threads.iterdir())) < 2 and time.time() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)  # all of them take more than a minute
    assert (process.returncode, told.strip()) == (130, "tintype: interrupted")
