"""Folders from outside: foreseen, shared, resumed, shown; and single files through pipes."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintype.provenance import is_our_result

Run = Callable[..., subprocess.CompletedProcess[str]]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_dry_run_tells_and_does_nothing(tintype: Run, album: Path) -> None:
    (album / "text.jpg").write_text("no picture")
    before = files(album)
    (album / "gone.jpg").symlink_to("nowhere")
    command = ("colorize", ".", "-o", "../out", "--dry-run", "--model", "no such model")
    done = tintype(*command)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "camera.jpg -> ../out/camera.jpg",
        "größe 写真.png -> ../out/größe 写真.png",
        "1969/astronaut.jpg -> ../out/1969/astronaut.jpg",
    ]
    assert done.stderr.splitlines() == [
        "tintype: failed: gone.jpg: cannot be read: No such file or directory.",
        "tintype: failed: text.jpg: is not a picture of a kind that is read here.",
        "tintype: 3 to color, 0 skipped, 2 failed",
    ]
    told = [json.loads(line)["status"] for line in tintype(*command, "--json").stdout.splitlines()]
    assert sorted(told) == ["failed", "failed", "planned", "planned", "planned"]
    assert files(album) == before
    assert not (album.parent / "out").exists()


def test_failures_are_told_again_and_tried_when_asked(
    tintype: Run, album: Path, tiny_model: Path
) -> None:
    content = (album / "camera.jpg").read_bytes()
    (album / "cut.jpg").write_bytes(content[: len(content) // 2])
    command = ("colorize", ".", "-o", "../out", "--model", tiny_model)
    first = tintype(*command)
    again = tintype(*command)
    assert (first.returncode, again.returncode) == (1, 1)
    assert "--retry-failed tries it again" in again.stderr
    assert again.stderr.endswith("tintype: 0 colored, 3 skipped, 1 failed\n")
    (album / "cut.jpg").write_bytes(content)
    mended = tintype(*command, "--retry-failed")
    assert (mended.returncode, mended.stdout) == (0, "../out/cut.jpg\n")


def test_shards_share_a_folder(tintype: Run, album: Path, tiny_model: Path) -> None:
    for number in range(6):
        shutil.copy(album / "camera.jpg", album / f"{number}.jpg")
    command = ("colorize", ".", "-o", "../out", "--model", tiny_model)
    told = [tintype(*command, "--shard", f"{index}/2").stdout.splitlines() for index in (1, 2)]
    assert all(told)
    assert len(told[0]) + len(told[1]) == len({*told[0], *told[1]}) == 9
    rest = tintype(*command)
    assert rest.stderr.endswith("tintype: 0 colored, 9 skipped, 0 failed\n")
    assert files(album.parent / "out")[-3:-1] == ["manifest.1-of-2.jsonl", "manifest.2-of-2.jsonl"]


@pytest.mark.parametrize("part", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2"])
def test_impossible_part(tintype: Run, part: str) -> None:
    done = tintype("colorize", ".", "--shard", part)
    assert done.returncode == 2
    assert "is not a part such as" in done.stderr


def test_paths_stay_on_one_line(tintype: Run, album: Path, tiny_model: Path) -> None:
    (album / "camera.jpg").rename(album / "two\nlines.jpg")
    (album / "b\x1b[31m.jpg").write_bytes(b"\xff\xd8\xff")
    done = tintype("colorize", ".", "--model", tiny_model)
    assert "two\\nlines.color.jpg" in done.stdout.splitlines()
    assert (album / "two\nlines.color.jpg").exists()
    assert "\x1b" not in done.stderr
    assert "b\\x1b[31m.jpg" in done.stderr
    missing = tintype("colorize", "no\nsuch.jpg", "-o", "-", "--model", tiny_model)
    assert len(missing.stderr.splitlines()) == 1


def test_compare_and_sheet(tintype: Run, album: Path, tiny_model: Path) -> None:
    command = (
        "colorize",
        ".",
        "-o",
        "../out",
        "--compare",
        "--sheet",
        "../sheet.jpg",
        "--model",
        tiny_model,
    )
    done = tintype(*command)
    assert done.returncode == 0, done.stderr
    out = album.parent / "out"
    assert files(out) == [
        "1969/astronaut.jpg",
        "1969/astronaut.jpg.compare.jpg",
        "camera.jpg",
        "camera.jpg.compare.jpg",
        "größe 写真.png",
        "größe 写真.png.compare.jpg",
        "manifest.jsonl",
    ]
    with Image.open(out / "camera.jpg.compare.jpg") as opened:
        chroma = np.ptp(np.asarray(opened).astype(int), axis=-1)
        assert opened.size == (512 + 12 + 512, 512)
        assert chroma[:, :500].max() < 12 < chroma[:, 540:].mean()
    with Image.open(album.parent / "sheet.jpg") as opened:
        assert opened.width > 3 * 220
    # ours are known again: they are no photographs, and are made anew
    assert tintype("colorize", "../out", "--dry-run").stderr.startswith("tintype: 0 to color")
    (out / "camera.jpg.compare.jpg").unlink()
    again = tintype(*command)
    assert "0 colored, 3 skipped" in again.stderr
    assert is_our_result(out / "camera.jpg.compare.jpg")


def test_sheet_spares_what_is_not_ours(tintype: Run, album: Path, tiny_model: Path) -> None:
    before = (album / "camera.jpg").read_bytes()
    done = tintype("colorize", "1969", "--sheet", "camera.jpg", "--model", tiny_model)
    assert done.returncode == 1
    assert "camera.jpg: is there already, and is no picture of tintype." in done.stderr
    assert (album / "camera.jpg").read_bytes() == before
    assert tintype("colorize", ".", "--sheet", "sheet.png").returncode == 2


def pipe(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tintype", "colorize", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, timeout=60)


def test_from_pipe_to_pipe(album: Path, tiny_model: Path) -> None:
    content = (album / "camera.jpg").read_bytes()
    done = pipe("-", "-o", "-", "--model", tiny_model, given=content)
    assert (done.returncode, done.stderr) == (0, b"")
    assert is_our_result(done.stdout)
    with Image.open(io.BytesIO(done.stdout)) as opened:
        assert (opened.format, opened.size, opened.mode) == ("JPEG", (512, 512), "RGB")
    result = album / "camera.color.jpg"
    assert pipe(album / "camera.jpg", "--model", tiny_model).returncode == 0
    assert result.read_bytes() == done.stdout  # whichever way it came and went
    half = pipe(album / "camera.jpg", "-o", "-", "--model", tiny_model)
    assert half.stdout == done.stdout
    other = pipe("-", "-o", album / "new.png", "--model", tiny_model, given=content)
    assert (other.returncode, other.stdout) == (0, f"{album / 'new.png'}\n".encode())
    assert is_our_result(album / "new.png")
    as_png = pipe("-", "-o", "-", "--format", "PNG", "--model", tiny_model, given=content)
    assert as_png.stdout.startswith(b"\x89PNG")
    as_jpeg = pipe("-", "-o", "-", "--format", "jpg", "--model", tiny_model, given=content)
    assert as_jpeg.stdout == done.stdout
    misnamed = pipe("-", "-o", album / "b.png", "--format", "jpeg", given=content)
    assert misnamed.returncode == 1
    assert b"b.png: goes by the name of another format than jpeg." in misnamed.stderr
    assert not (album / "b.png").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", b"standard input: is empty."),
        (b"no picture", b"standard input: is not a picture"),
        (b"\xff\xd8\xff\xe0 and no more", b"standard input: "),
    ],
)
def test_pipe_gives_a_picture_or_nothing(tiny_model: Path, given: bytes, said: bytes) -> None:
    done = pipe("-", "-o", "-", "--model", tiny_model, given=given)
    assert (done.returncode, done.stdout) == (1, b"")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_pipe_colors_nothing_twice(album: Path, tiny_model: Path) -> None:
    once = pipe(album / "camera.jpg", "-o", "-", "--model", tiny_model).stdout
    done = pipe("-", "-o", "-", "--model", tiny_model, given=once)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"was colored by tintype before" in done.stderr


def test_a_closed_end_of_a_pipe() -> None:
    for closed, ends in (("<&-", "- -o -"), (">&-", "x.jpg -o -")):
        line = f"exec {sys.executable} -m tintype colorize {ends} {closed}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, check=False, timeout=60)
        assert done.returncode == 2
        assert b"which is closed" in done.stderr


@pytest.mark.parametrize(
    "more", [[], ["-o", "-", "--json"], ["-o", "-", "--compare"], ["x", "-o", "-"]]
)
def test_what_does_not_go_with_a_pipe(more: list[str]) -> None:
    done = pipe("-", *more, "--reference", "missing.jpg")
    assert done.returncode == 2
    assert b"- stands for one photograph" in done.stderr


def test_full_disk_of_results(tintype: Run, album: Path, tiny_model: Path, tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=120k", "none", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs to mount a small disk, which only root may")
    try:
        done = tintype("colorize", ".", "-o", place / "out", "--jobs", "1", "--model", tiny_model)
        told = done.stderr.splitlines()
        assert done.returncode == 1
        assert "not tried" in told[-2]
        assert told[-1].startswith("tintype: error: ")
        assert told[-1].endswith("No space left on device. Make room, and run again to go on.")
        assert not [path for path in place.rglob("*") if path.name.startswith(".")]
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
