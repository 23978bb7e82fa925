"""A run on each form of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from tintype.train import checkpoint
from tintype.train.loop import train


def pairs(photos: Path, out: Path) -> None:
    for name, mode in (("color", "RGB"), ("gray", "L")):
        (out / name).mkdir(parents=True)
        for file in photos.iterdir():
            with Image.open(file) as image:
                image.convert(mode).save(out / name / f"{file.stem}.png")


def arrays(photos: Path, out: Path) -> None:
    out.mkdir()
    lab = np.stack([rgb2lab(np.asarray(Image.open(file))) for file in sorted(photos.iterdir())])
    lab_u8 = np.round(lab * [2.55, 1, 1] + [0, 128, 128]).astype(np.uint8)
    np.save(out / "l.npy", lab_u8[..., 0])
    np.save(out / "ab.npy", lab_u8[..., 1:])


@pytest.mark.parametrize("make", [pairs, arrays])
def test_a_run_on_filtered_pairs_and_arrays(make, photo_folder, tmp_path, small_recipe):
    make(photo_folder, tmp_path / "data")
    recipe = small_recipe("data.min_chroma=1", "data.draw_images=20", "data.draw_seed=123")
    latest = train(recipe, [tmp_path / "data"], tmp_path / "run")
    assert checkpoint.load(latest)["images"] == 24
    with np.load(tmp_path / "run" / "kept.npz") as kept:
        numbers = kept["kept"]
    assert 15 < len(numbers) <= 20
    assert train(recipe, [tmp_path / "data"], tmp_path / "run") == latest
