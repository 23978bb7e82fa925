import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from skimage.color import rgb2lab

from tintype.color import srgb_to_lab
from tintype.data.color_torch import lab_from_rgb_u8, rgb_u8_from_lab
from tintype.data.loader import Crops, batches, decode, short_sides, split_holdout
from tintype.data.source import open_sources
from tintype.errors import DataError


def crops_of(path: Path, seed: int = 3) -> Crops:
    source = open_sources([path])
    return Crops(source, np.arange(len(source)), seed=seed, load_px=72, crop_px=64)


def test_lab_equals_scikit_image():
    rgb = data.astronaut()[:128, :128]
    l, ab = lab_from_rgb_u8(torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None])
    want = rgb2lab(rgb).transpose(2, 0, 1)
    got = torch.cat([l, ab], 1)[0].numpy()
    assert np.abs(got - want).max() < 0.02  # scikit-image rounds its matrix elsewhere


def test_lab_equals_our_own_in_numpy():
    rgb = data.coffee()[:128, :128]
    l, ab = lab_from_rgb_u8(torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None])
    got = torch.cat([l, ab], 1)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(got, srgb_to_lab(rgb / 255), atol=2e-3)


def test_lab_round_trip_gives_the_same_codes():
    rgb = torch.from_numpy(data.coffee().transpose(2, 0, 1).copy())[None]
    assert torch.equal(rgb_u8_from_lab(*lab_from_rgb_u8(rgb)), rgb)


def test_shards_and_folder_hold_the_same_pictures(photo_folder, shard_folder):
    folder, shards = open_sources([photo_folder]), open_sources([shard_folder])
    assert len(folder) == len(shards) == 24
    assert {folder.read(i) for i in range(24)} == {shards.read(i) for i in range(24)}
    assert shards.name(0) == "train-00000.tar/00.jpg"


def test_sources_are_joined(photo_folder, shard_folder):
    both = open_sources([photo_folder, shard_folder / "train-00001.tar"])
    assert len(both) == 36
    assert both.name(0) == "train-00001.tar/01.jpg"
    assert both.read(12) == (photo_folder / "00.jpg").read_bytes()


def test_a_position_is_a_pure_function_of_the_seed(photo_folder):
    first, again = crops_of(photo_folder), crops_of(photo_folder)
    forward = [first[p] for p in range(30)]
    backward = [again[p] for p in reversed(range(30))][::-1]
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(forward, backward, strict=True))
    other = crops_of(photo_folder, seed=4)
    assert not all(torch.equal(a, other[p][0]) for p, (a, _) in enumerate(forward))


def test_an_epoch_shows_each_picture_once(photo_folder):
    crops = crops_of(photo_folder)
    for epoch in range(3):
        shown = [crops.index(epoch * 24 + i) for i in range(24)]
        assert sorted(shown) == list(range(24))


def test_workers_change_nothing(photo_folder):
    def stream(workers: int) -> torch.Tensor:
        parts = batches(crops_of(photo_folder), first=8, last=40, batch_images=8, workers=workers)
        return torch.cat([rgb for rgb, _ in parts])

    assert torch.equal(stream(0), stream(2))


def test_both_mirrorings_occur(photo_folder):
    source = open_sources([photo_folder])
    crops = Crops(source, np.array([5]), seed=0, load_px=64, crop_px=64)
    views = {crops[p][0].numpy().tobytes() for p in range(16)}
    assert len(views) == 2


@pytest.mark.parametrize("size", [(40, 300), (96, 96), (500, 70)])
def test_every_shape_reaches_the_crop(size, tmp_path):
    Image.fromarray(data.coffee()).resize(size).save(tmp_path / "x.png")
    image = decode((tmp_path / "x.png").read_bytes(), load_px=72, crop_px=64, name="x")
    assert min(image.size) == max(min(72, min(size)), 64)
    assert image.size[0] / image.size[1] == pytest.approx(size[0] / size[1], rel=0.02)


def test_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(data.coffee()).save(tmp_path / "x.jpg", exif=exif)
    image = decode((tmp_path / "x.jpg").read_bytes(), load_px=72, crop_px=64, name="x")
    assert image.height > image.width


def test_a_truncated_picture_is_named(photo_folder):
    whole = (photo_folder / "00.jpg").read_bytes()
    with pytest.raises(DataError, match=r"00\.jpg: not a whole picture"):
        decode(whole[: len(whole) // 2], load_px=72, crop_px=64, name="00.jpg")


def test_short_sides(tmp_path):
    Image.new("RGB", (30, 50)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert short_sides(open_sources([tmp_path])).tolist() == [30, 0]


def test_holdout_is_apart_and_seeded():
    keep, held = split_holdout(50, 8, seed=1)
    assert len(held) == 8
    assert sorted([*keep, *held]) == list(range(50))
    assert split_holdout(50, 8, seed=1)[1].tolist() == held.tolist()
    with pytest.raises(DataError, match="too few"):
        split_holdout(8, 8, seed=1)


def test_missing_and_empty_places_are_named(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path / 'none'}: no such"):
        open_sources([tmp_path / "none"])
    with pytest.raises(DataError, match="no pictures"):
        open_sources([tmp_path])
    (tmp_path / "x.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="not a tar file or a folder"):
        open_sources([tmp_path / "x.zip"])


def test_a_compressed_shard_is_refused(tmp_path, shard_folder):
    import gzip

    packed = gzip.compress((shard_folder / "train-00000.tar").read_bytes())
    (tmp_path / "x.tar").write_bytes(packed)
    with pytest.raises(DataError, match="without compression"):
        open_sources([tmp_path / "x.tar"])


def test_a_forked_worker_reads_its_own(shard_folder):
    source = open_sources([shard_folder])
    want = source.read(3)
    child = os.fork()
    if child == 0:
        os._exit(0 if all(source.read(3) == want for _ in range(50)) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_damaged_picture_is_passed_over_and_told(photo_folder, tmp_path):
    for file in sorted(photo_folder.iterdir())[:6]:
        content = file.read_bytes()
        (tmp_path / file.name).write_bytes(content if file.stem != "03" else content[:500])
    crops = crops_of(tmp_path)
    damaged = {crops[p][1] for p in range(6)}
    assert damaged == {-1, 3}
    at = next(p for p in range(6) if crops.index(p) == 3)
    (rgb, _), follower = crops[at], Crops(
        crops.source, np.array([crops.index(at, 1)]), seed=3, load_px=72, crop_px=64
    )  # fmt: skip
    assert torch.equal(rgb, follower[at][0])  # the next in order, cropped as this position says


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_but_damaged_pictures_is_one_line(tmp_path, workers):
    for i in range(12):
        (tmp_path / f"{i}.jpg").write_bytes(b"\xff\xd8\xff")
    stream = batches(crops_of(tmp_path), first=0, last=8, batch_images=4, workers=workers)
    with pytest.raises(DataError, match="cannot be read") as caught:
        list(stream)
    assert "\n" not in str(caught.value)


def test_a_picture_of_sixteen_bits_is_not_taken_for_white(tmp_path):
    Image.fromarray(np.full((80, 80), 30000, np.uint16)).save(tmp_path / "x.png")
    with pytest.raises(DataError, match="more than 8 bits"):
        decode((tmp_path / "x.png").read_bytes(), load_px=72, crop_px=64, name="x.png")


def test_hidden_files_are_not_pictures(photo_folder, tmp_path):
    content = (photo_folder / "00.jpg").read_bytes()
    (tmp_path / ".half.jpg").write_bytes(content)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "whole.JPG").write_bytes(content)
    assert len(open_sources([tmp_path])) == 1


def test_shards_and_pictures_may_share_a_tree(photo_folder, shard_folder, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.tar").write_bytes((shard_folder / "train-00000.tar").read_bytes())
    (tmp_path / "b.jpg").write_bytes((photo_folder / "00.jpg").read_bytes())
    assert len(open_sources([tmp_path])) == 13
