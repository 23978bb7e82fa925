"""Every form of pictures, read, and refused where something is wrong with it."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import pickle
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from tintype.data.choose import short_sides
from tintype.data.decode import view_size
from tintype.data.open import open_sources
from tintype.data.source import fingerprint
from tintype.errors import DataError
from tintype.recipe.data import DataSpec

NOBODY = 65534
VIEW = {"load_px": 72, "crop_px": 64}
WHOLE = {"load_px": 80, "crop_px": 64}


# what is read


def test_shards_and_folder_hold_the_same_pictures(folder, shards):
    from_files, from_shards = open_sources([folder]), open_sources([shards])
    assert len(from_files) == len(from_shards) == 8
    assert from_files.form == from_shards.form == "rgb"
    seen = [{s.view(i, **VIEW).tobytes() for i in range(8)} for s in (from_files, from_shards)]
    assert seen[0] == seen[1]
    assert from_shards.name(0) == "train-00000.tar/0.jpg"
    assert from_files.name(7) == str(folder / "below" / "7.jpg")


def test_sources_are_joined(folder, shards):
    both = open_sources([folder, shards / "train-00001.tar"])
    assert len(both) == 12
    assert both.name(0) == "train-00001.tar/1.jpg"
    assert np.array_equal(both.view(4, **VIEW), open_sources([folder]).view(0, **VIEW))
    assert both.short_side(5) == 80


def test_a_list_names_pictures_beside_it(folder):
    (folder / "list.txt").write_text("\ufeffbelow/7.jpg\r\n\r\n3.jpg\r\n", "utf-8")
    source = open_sources([folder / "list.txt"])
    assert [Path(source.name(i)).name for i in range(len(source))] == ["7.jpg", "3.jpg"]
    assert source.view(0, **VIEW).shape == (72, 86, 3)


@pytest.mark.parametrize("size", [(40, 300), (96, 96), (500, 70)])
def test_every_shape_reaches_the_crop(size, tmp_path):
    Image.fromarray(data.coffee()).resize(size).save(tmp_path / "x.png")
    height, width, channels = open_sources([tmp_path]).view(0, **VIEW).shape
    assert channels == 3
    assert min(width, height) == max(min(72, min(size)), 64)
    assert width / height == pytest.approx(size[0] / size[1], rel=0.02)


@given(
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    load_px=st.integers(1, 600),
    crop_px=st.integers(1, 600),
)
def test_a_view_is_as_large_as_asked(width, height, load_px, crop_px):
    wide, high = view_size(width, height, load_px=load_px, crop_px=crop_px)
    short = min(width, height)
    assert min(wide, high) == max(min(load_px, short), crop_px)
    scale = min(wide, high) / short
    assert max(abs(wide - width * scale), abs(high - height * scale)) <= 0.5


def test_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(data.coffee())
    image.save(tmp_path / "x.png", exif=exif)
    view = open_sources([tmp_path]).view(0, load_px=400, crop_px=64)
    assert np.array_equal(view, np.asarray(image.transpose(Image.Transpose.ROTATE_270)))


def test_pairs_are_gray_in_front_of_color(pairs, cuts):
    source = open_sources([pairs])
    assert (source.form, len(source)) == ("pair", 8)
    for i, cut in enumerate(cuts):
        want = np.dstack([np.asarray(cut.convert("L")), np.asarray(cut)])
        assert np.array_equal(source.view(i, **WHOLE), want)
    assert source.view(0, **VIEW).shape == (72, 86, 4)


@pytest.mark.parametrize(
    ("color", "gray"),
    [
        ("landscape Images/color", "landscape Images/gray"),
        ("train_color", "train_black"),
        ("Colour", "grayscale"),
    ],
)
def test_public_spellings_of_pairs(pairs, tmp_path, color, gray):
    for name, spelled in (("color", color), ("gray", gray)):
        shutil.copytree(pairs / name, tmp_path / "set" / spelled)
    assert open_sources([tmp_path / "set"]).form == "pair"


def test_pairs_of_other_formats_match(pairs):
    for file in (pairs / "gray").iterdir():
        with Image.open(file) as image:
            image.save(file.with_suffix(".jpg"))
        file.unlink()
    assert len(open_sources([pairs])) == 8


def test_arrays_are_the_lab_of_the_pictures(arrays, lab_u8):
    source = open_sources([arrays])
    assert (source.form, len(source)) == ("lab", 8)
    for i in range(8):
        assert np.array_equal(source.view(i, **WHOLE), lab_u8[i])
    small = source.view(7, load_px=40, crop_px=32)
    assert small.shape == (40, 48, 3)
    assert np.abs(small.mean((0, 1)) - lab_u8[7].mean((0, 1))).max() < 1
    assert source.view(0, load_px=64, crop_px=160).shape[0] == 160


def test_lightness_may_have_a_channel_of_its_own(arrays, lab_u8):
    np.save(arrays / "l" / "gray_scale.npy", lab_u8[..., :1])
    assert np.array_equal(open_sources([arrays]).view(2, **WHOLE), lab_u8[2])


def test_two_sets_of_arrays_are_joined(arrays, tmp_path, lab_u8):
    shutil.copytree(arrays, tmp_path / "more")
    both = open_sources([arrays, tmp_path / "more"])
    assert len(both) == 16
    assert np.array_equal(both.view(15, **WHOLE), lab_u8[7])


def test_short_sides_come_from_the_header(folder, shards, pairs, arrays, damage):
    damage(folder / "3.jpg")
    (folder / "4.jpg").write_bytes(b"no picture")
    assert short_sides(open_sources([folder])).tolist() == [80, 80, 80, 80, 0, 80, 80, 80]
    for place in (shards, pairs, arrays):
        assert set(short_sides(open_sources([place]))) == {80}


def test_the_recipe_may_say_the_form(pairs, arrays, folder):
    assert len(open_sources([pairs], DataSpec(form="rgb"))) == 16
    assert open_sources([pairs], DataSpec(form="pair")).form == "pair"
    shutil.copy(folder / "0.jpg", arrays)
    assert len(open_sources([arrays], DataSpec(form="lab"))) == 8
    assert len(open_sources([arrays], DataSpec(form="rgb"))) == 1


def test_hidden_files_are_not_pictures(folder):
    shutil.copy(folder / "0.jpg", folder / ".half.jpg")
    (folder / ".thumbnails").mkdir()
    shutil.copy(folder / "0.jpg", folder / ".thumbnails")
    shutil.copy(folder / "0.jpg", folder / "below" / "whole.JPG")
    assert len(open_sources([folder])) == 9


def test_shards_and_pictures_may_share_a_tree(folder, shards):
    shutil.copy(shards / "train-00000.tar", folder / "below")
    assert len(open_sources([folder])) == 12


@pytest.mark.parametrize("form", ["folder", "shards", "pairs", "arrays"])
def test_a_source_may_be_handed_to_other_processes(form, request):
    source = open_sources([request.getfixturevalue(form)])
    want = source.view(3, **VIEW)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert np.array_equal(pool.apply(source.view, (3,), VIEW), want)


def test_a_forked_worker_reads_its_own(shards):
    source = open_sources([shards])
    want = source.view(3, **VIEW)
    child = os.fork()
    if child == 0:
        same = all(np.array_equal(source.view(3, **VIEW), want) for _ in range(50))
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("form", ["folder", "shards", "pairs", "arrays"])
def test_a_set_is_known_again_where_it_was_moved(form, request, tmp_path):
    place = request.getfixturevalue(form)
    before = fingerprint(open_sources([place]))
    place.rename(tmp_path / "moved")
    assert fingerprint(open_sources([tmp_path / "moved"])) == before


# what is refused


def test_missing_and_empty_places_are_named(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path / 'none'}: no such"):
        open_sources([tmp_path / "none"])
    with pytest.raises(DataError, match="no such"):
        open_sources([tmp_path / "none"], DataSpec(form="rgb"))
    with pytest.raises(DataError, match="no pictures"):
        open_sources([tmp_path])
    (tmp_path / "x.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"not a tar file, a list \(\.txt\) or a folder"):
        open_sources([tmp_path / "x.zip"])


def test_a_folder_that_cannot_be_read_is_named():
    with tempfile.TemporaryDirectory() as name:  # where every user may go
        photos = Path(name, "photos")
        (photos / "locked").mkdir(parents=True)
        Path(name).chmod(0o755)
        (photos / "locked").chmod(0)
        child = os.fork()
        if child == 0:
            if os.geteuid() == 0:  # root may read every folder
                os.setuid(NOBODY)
            try:
                open_sources([photos])
            except DataError as error:
                os._exit(f"{photos / 'locked'}: cannot be read" not in str(error))
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0


def test_a_compressed_shard_is_refused(tmp_path, shards):
    packed = gzip.compress((shards / "train-00000.tar").read_bytes())
    (tmp_path / "x.tar").write_bytes(packed)
    with pytest.raises(DataError, match="without compression"):
        open_sources([tmp_path / "x.tar"])


def test_what_a_list_lacks_is_named(folder, tmp_path):
    (folder / "list.txt").write_text("0.jpg\nnone.jpg\n")
    with pytest.raises(DataError, match=r"list\.txt: 1 of its 2 pictures are not there: .*none"):
        open_sources([folder / "list.txt"])
    shutil.copy(folder / "0.jpg", tmp_path / "picture.txt")
    with pytest.raises(DataError, match="cannot be read as a list"):
        open_sources([tmp_path / "picture.txt"])


@pytest.mark.parametrize("form", ["folder", "shards", "pairs"])
def test_a_truncated_picture_is_named(form, request, damage):
    place = request.getfixturevalue(form)
    source = open_sources([place])
    damage(
        {"folder": place / "0.jpg", "shards": place / "train-00000.tar"}.get(form)
        or place / "gray" / "0.png"
    )
    number = {"folder": 0, "shards": 3, "pairs": 0}[form]
    with pytest.raises(
        DataError, match=r"0\.jpg: not a whole|ends before byte|0\.png: not a whole"
    ):
        source.view(number, **VIEW)


def test_a_picture_of_sixteen_bits_is_not_taken_for_white(tmp_path):
    Image.fromarray(np.full((80, 80), 30000, np.uint16)).save(tmp_path / "x.png")
    with pytest.raises(DataError, match="more than 8 bits"):
        open_sources([tmp_path]).view(0, **VIEW)


def test_unmatched_pairs_are_named(pairs):
    (pairs / "gray" / "3.png").unlink()
    with pytest.raises(DataError, match=r"gray: 1 of 8 pictures are missing in it: 3\. Each"):
        open_sources([pairs])
    (pairs / "color" / "3.png").unlink()
    for i in (0, 1, 2, 4):
        (pairs / "color" / f"{i}.png").unlink()
    with pytest.raises(DataError, match=r"color: 4 of 7 .*: 0, 1, 2 and 1 more\."):
        open_sources([pairs])


def test_a_pair_of_two_sizes_is_named(pairs):
    with Image.open(pairs / "gray" / "2.png") as image:
        image.resize((95, 80)).save(pairs / "gray" / "2.png")
    source = open_sources([pairs])
    with pytest.raises(DataError, match=r"gray/2\.png is 95x80 px, .*color/2\.png is 96x80"):
        source.view(2, **VIEW)


def test_two_pictures_of_one_name_are_no_pair(pairs):
    shutil.copy(pairs / "gray" / "2.png", pairs / "gray" / "2.jpg")
    with pytest.raises(DataError, match="two pictures of one name"):
        open_sources([pairs])


def test_two_pairs_of_folders_are_unclear(pairs):
    for name in ("color", "gray"):
        shutil.copytree(pairs / name, pairs / f"test_{name}")
    with pytest.raises(DataError, match="more than one pair of folders"):
        open_sources([pairs])


def test_a_folder_without_pairs_or_arrays_is_told(folder):
    with pytest.raises(DataError, match="no pair of folders"):
        open_sources([folder], DataSpec(form="pair"))
    with pytest.raises(DataError, match=r"no \.npy arrays"):
        open_sources([folder], DataSpec(form="lab"))


def test_pictures_and_arrays_together_are_unclear(arrays, folder):
    shutil.copy(folder / "0.jpg", arrays)
    with pytest.raises(DataError, match=r"pictures and \.npy arrays"):
        open_sources([arrays])


def test_forms_are_not_mixed(folder, arrays):
    with pytest.raises(DataError, match=r"holds pictures, .* arrays"):
        open_sources([folder, arrays])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda l, ab: (l[:7], ab), "lightness of 7 pictures, chroma of 8"),
        (lambda l, ab: (l[:, :, :90], ab), "lightness of 80x90 px, chroma of 80x96"),
        (lambda l, ab: (l.astype(np.float32), ab), r"gray_scale\.npy: its values are float32"),
        (lambda l, ab: (l, ab.astype(np.int8)), r"ab1\.npy: its values are int8, not uint8"),
        (lambda l, ab: (l[..., None].repeat(3, 3), ab), "its shape is 8x80x96x3"),
        (lambda l, ab: (l, ab[..., 0]), r"no array of chroma, \(N, H, W, 2\)"),
        (lambda l, ab: (np.asfortranarray(l), ab), "Fortran"),
        (lambda l, ab: (l[:0], ab), "empty"),
    ],
)
def test_arrays_that_are_wrong_are_told(tmp_path, lab_u8, change, told):
    l, ab = change(lab_u8[..., 0], lab_u8[..., 1:])
    np.save(tmp_path / "gray_scale.npy", l)
    np.save(tmp_path / "ab1.npy", ab)
    with pytest.raises(DataError, match=told):
        open_sources([tmp_path])


def test_arrays_of_two_sizes_are_named(arrays, lab_u8):
    np.save(arrays / "ab" / "ab" / "ab2.npy", lab_u8[3:6, :, :64, 1:])
    with pytest.raises(DataError, match=r"ab2\.npy: its pictures are 80x64x2, those of ab1\.npy"):
        open_sources([arrays])


def test_a_cut_array_is_named(arrays, damage):
    source = open_sources([arrays])
    damage(arrays / "l" / "gray_scale.npy")
    with pytest.raises(DataError, match=r"gray_scale\.npy: it ends before byte"):
        source.view(7, **VIEW)
    with pytest.raises(DataError, match=r"gray_scale\.npy: not a whole \.npy array"):
        open_sources([arrays])


def test_no_array_runs_code(arrays):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    (arrays / "l" / "gray_scale.npy").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match=r"not a whole \.npy array"):
        open_sources([arrays])
