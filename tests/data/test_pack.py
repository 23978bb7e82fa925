"""Shards out of folders."""

from __future__ import annotations

import signal
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest
from PIL import Image

from tintype.data.open import open_sources
from tintype.data.pack import pack
from tintype.errors import DataError, OutputExists


def test_pictures_are_packed_as_they_are(folder, tmp_path):
    packed = pack(folder, tmp_path / "out", short_px=None, per_shard=3)
    assert (packed.shards, packed.pictures, packed.damaged) == (3, 8, [])
    assert [f.name for f in sorted((tmp_path / "out").iterdir())] == [
        "00000.tar", "00001.tar", "00002.tar",
    ]  # fmt: skip
    before, after = open_sources([folder]), open_sources([tmp_path / "out"])
    assert len(after) == 8
    for i in range(8):
        assert after.name(i).endswith(f"/{i:08d}/{i}.jpg")
        want = before.view(i, load_px=80, crop_px=64)
        assert np.array_equal(after.view(i, load_px=80, crop_px=64), want)
    with tarfile.open(tmp_path / "out" / "00000.tar") as tar:
        assert tar.extractfile(tar.next()).read() == (folder / "0.jpg").read_bytes()


def test_pictures_are_packed_smaller(folder, tmp_path):
    with Image.open(folder / "0.jpg") as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(folder / "0.png", exif=exif)
    pack(folder, tmp_path / "out", short_px=40, per_shard=100)
    source = open_sources([tmp_path / "out"])
    assert {source.short_side(i) for i in range(9)} == {40}
    assert source.view(1, load_px=99, crop_px=40).shape == (48, 40, 3)  # it was lying
    small = open_sources([folder]).view(3, load_px=40, crop_px=40).astype(int)
    again = source.view(3, load_px=40, crop_px=40)
    assert np.abs(again - small).mean() < 2


def test_nothing_is_enlarged(folder, tmp_path):
    pack(folder, tmp_path / "out", short_px=500, per_shard=100)
    assert open_sources([tmp_path / "out"]).short_side(0) == 80


def test_the_same_pictures_give_the_same_bytes(folder, tmp_path):
    for name in ("one", "two"):
        pack(folder, tmp_path / name, short_px=40, per_shard=5)
    for shard in ("00000.tar", "00001.tar"):
        assert (tmp_path / "one" / shard).read_bytes() == (tmp_path / "two" / shard).read_bytes()


def test_shards_are_packed_anew(shards, tmp_path):
    assert pack(shards, tmp_path / "out", short_px=40, per_shard=100).pictures == 8


def test_damaged_pictures_are_left_out_and_named(folder, tmp_path, damage):
    damage(folder / "3.jpg")
    packed = pack(folder, tmp_path / "out", short_px=40, per_shard=100)
    assert packed.pictures == 7
    assert len(packed.damaged) == 1
    assert "3.jpg: not a whole picture" in packed.damaged[0]


def test_what_is_there_stays(folder, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(OutputExists, match="out: is there already"):
        pack(folder, tmp_path / "out", short_px=None, per_shard=100)
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_what_is_not_packed_is_told(pairs, arrays, tmp_path):
    for place in (pairs, arrays):
        with pytest.raises(DataError, match="only pictures are packed"):
            pack(place, tmp_path / "out", short_px=None, per_shard=100)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures"):
        pack(tmp_path / "empty", tmp_path / "out", short_px=None, per_shard=100)
    with pytest.raises(DataError, match="no such"):
        pack(tmp_path / "none", tmp_path / "out", short_px=None, per_shard=100)
    (tmp_path / "empty" / "x.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="none of its 1 pictures can be read"):
        pack(tmp_path / "empty", tmp_path / "out", short_px=40, per_shard=100)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_packing_leaves_nothing(cuts, tmp_path, kind):
    place = tmp_path / "photos"
    place.mkdir()
    cuts[0].resize((2000, 2000)).save(place / "0.png")
    for i in range(1, 60):
        (place / f"{i}.png").hardlink_to(place / "0.png")
    command = ["data", "pack", "photos", "out", "--short-px", "1000", "--per-shard", "5"]
    with subprocess.Popen(
        [sys.executable, "-m", "tintype", *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.time() + 60
        while not list(tmp_path.glob(".*.part")) and time.time() < deadline:
            time.sleep(0.01)
        process.send_signal(kind)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + kind
    assert told.strip() in ("tintype: interrupted", "tintype: terminated")
    assert [p.name for p in tmp_path.iterdir()] == ["photos"]
