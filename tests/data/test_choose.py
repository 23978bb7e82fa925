"""Which pictures are taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from tintype.data.choose import chosen, drawn, measure, split_holdout
from tintype.data.open import open_sources
from tintype.errors import DataError
from tintype.recipe.data import DataSpec


@pytest.fixture
def mixed(folder: Path) -> Path:
    """The folder's eight, of which 1 is gray, 3 of one color; 5 is damaged."""
    with Image.open(folder / "1.jpg") as image:
        image.convert("L").save(folder / "1.jpg", quality=95)
    Image.new("RGB", (96, 80), (200, 40, 40)).save(folder / "3.jpg", quality=95)
    (folder / "5.jpg").write_bytes((folder / "5.jpg").read_bytes()[:600])
    return folder


def kept(place: Path, cache: Path, **keys: object) -> list[int]:
    return chosen(open_sources([place]), DataSpec(**keys), cache).tolist()


def test_each_threshold_leaves_out_its_own(mixed, tmp_path, capsys):
    cache = tmp_path / "kept.npz"
    assert kept(mixed, cache) == list(range(8))
    assert not cache.exists()
    assert kept(mixed, cache, min_chroma=2) == [0, 2, 3, 4, 6, 7]
    assert kept(mixed, cache, min_color_std=2) == [0, 2, 4, 6, 7]
    assert kept(mixed, cache, min_contrast=2) == [0, 1, 2, 4, 6, 7]
    strict = kept(mixed, cache, min_chroma=2, min_color_std=6, min_contrast=2)
    assert strict == [0, 2, 4]
    told = capsys.readouterr().err
    assert "3 of 8 pictures pass the filter; 1 cannot be read" in told


@pytest.mark.parametrize("form", ["folder", "pairs", "arrays"])
def test_measures_equal_scikit_image(form, request, cuts):
    source = open_sources([request.getfixturevalue(form)])
    got = measure(source, 0)
    small = cuts[0].resize((77, 64), Image.Resampling.BICUBIC)
    lab = rgb2lab(np.asarray(small)).reshape(-1, 3)
    ab = lab[:, 1:]
    from_mean = np.hypot(*(ab - ab.mean(0)).T)
    want = (np.hypot(*ab.T).mean(), (from_mean**2).mean() ** 0.5, lab[:, 0].std())
    assert np.allclose(got, want, rtol=0.05)


def test_what_was_kept_is_found_again(mixed, tmp_path, capsys):
    cache = tmp_path / "run" / "kept.npz"
    first = kept(mixed, cache, min_chroma=2)
    written = cache.read_bytes()
    for file in mixed.glob("*.jpg"):  # the names are the same: nothing is measured again
        file.write_bytes(b"")
    assert kept(mixed, cache, min_chroma=2) == first
    assert cache.read_bytes() == written
    with pytest.raises(DataError, match="0 of 8 pictures pass"):
        kept(mixed, cache, min_chroma=90)


def test_a_damaged_cache_is_made_anew(folder, tmp_path):
    cache = tmp_path / "kept.npz"
    first = kept(folder, cache, min_contrast=1)
    cache.write_bytes(cache.read_bytes()[:100])
    assert kept(folder, cache, min_contrast=1) == first
    (folder / "8.jpg").write_bytes((folder / "0.jpg").read_bytes())
    assert len(kept(folder, cache, min_contrast=1)) == len(first) + 1


def test_nothing_kept_is_told(folder, tmp_path):
    with pytest.raises(DataError, match=r"0 of 8 pictures pass the filter\. Lower data\.min_"):
        kept(folder, tmp_path / "kept.npz", min_chroma=99)
    assert not (tmp_path / "kept.npz").exists()


def test_a_draw_is_seeded_and_at_most_all():
    ten = drawn(1000, DataSpec(draw_images=10, draw_seed=123))
    assert ten.tolist() == sorted(set(ten.tolist()))
    assert len(ten) == 10
    assert np.array_equal(drawn(1000, DataSpec(draw_images=10, draw_seed=123)), ten)
    assert not np.array_equal(drawn(1000, DataSpec(draw_images=10, draw_seed=124)), ten)
    assert drawn(7, DataSpec(draw_images=10)).tolist() == list(range(7))


def test_the_draw_comes_before_the_filter(folder, tmp_path):
    spec = {"draw_images": 5, "draw_seed": 3}
    few = kept(folder, tmp_path / "kept.npz", **spec)
    assert kept(folder, tmp_path / "kept.npz", **spec, min_contrast=1) == few


def test_holdout_is_apart_and_seeded():
    keep, held = split_holdout(50, 8, seed=1)
    assert len(held) == 8
    assert sorted([*keep, *held]) == list(range(50))
    assert split_holdout(50, 8, seed=1)[1].tolist() == held.tolist()
    with pytest.raises(DataError, match="too few"):
        split_holdout(8, 8, seed=1)
