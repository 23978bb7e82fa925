"""Batches by position."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tintype.data.loader import Crops, batches
from tintype.data.open import open_sources
from tintype.errors import DataError


def crops_of(path: Path, seed: int = 3) -> Crops:
    source = open_sources([path])
    return Crops(source, np.arange(len(source)), seed=seed, load_px=72, crop_px=64)


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


def test_ranks_share_each_batch(photo_folder):
    def stream(**share: int) -> list[torch.Tensor]:
        parts = batches(
            crops_of(photo_folder), first=6, last=33, batch_images=6, workers=0, **share
        )
        return [rgb for rgb, _ in parts]

    whole = stream()
    assert [len(rgb) for rgb in whole] == [6, 6, 6, 6]
    shares = [stream(rank=rank, world=3) for rank in range(3)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert torch.equal(batch, torch.cat(parts))


def test_pairs_are_cropped_alike(photo_folder, tmp_path):
    (tmp_path / "gray").mkdir()
    (tmp_path / "color").mkdir()
    for file in sorted(photo_folder.iterdir())[:6]:
        with Image.open(file) as image:
            image.save(tmp_path / "color" / f"{file.stem}.png")
            image.convert("L").save(tmp_path / "gray" / f"{file.stem}.png")
    source = open_sources([tmp_path])
    crops = Crops(source, np.arange(6), seed=3, load_px=96, crop_px=64)
    for position in range(12):
        pair, _ = crops[position]
        made = Image.fromarray(pair[1:].permute(1, 2, 0).numpy()).convert("L")
        assert np.array_equal(np.asarray(made), pair[0].numpy())
