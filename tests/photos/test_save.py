"""Files are written whole or not at all, and nothing is overwritten unasked."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tintype import OutputError, OutputExists, OutputUnavailable, Photo, UnsupportedFormat

SUFFIXES = [".jpg", ".jpeg", ".JPG", ".png", ".tif", ".tiff", ".webp"]


@pytest.fixture
def colored(gray_scan, strong_ab, file_of):
    return Photo.open(file_of(gray_scan, "jpeg")).with_chroma(strong_ab)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_extension_says_the_format(suffix, colored, tmp_path):
    path = colored.save(tmp_path / f"out{suffix}")
    assert path == tmp_path / f"out{suffix}"
    assert Photo.open(path).to_array().shape == (256, 256, 3)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["out", "out.bmp", "out.jpg.gz", ".jpg"])
def test_extensions_that_are_not_written(name, colored, tmp_path):
    with pytest.raises(UnsupportedFormat, match="extension"):
        colored.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_bytes_come_back_as_they_came(gray_scan, strong_ab, file_of):
    heads = {"jpeg": b"\xff\xd8\xff", "png": b"\x89PNG", "tiff": b"II*\0", "webp": b"RIFF"}
    for format, head in heads.items():
        photo = Photo.open(file_of(gray_scan, format)).with_chroma(strong_ab)
        assert photo.to_bytes().startswith(head)
        assert photo.to_bytes("png").startswith(heads["png"])
    assert Photo.open(gray_scan).to_bytes().startswith(heads["png"])
    assert Photo.open(file_of(gray_scan, "gif")).to_bytes().startswith(heads["png"])
    with pytest.raises(UnsupportedFormat, match="'gif' is not written"):
        photo.to_bytes("gif")


def test_saving_and_bytes_are_the_same(colored, tmp_path):
    for suffix, format in ((".jpg", "jpeg"), (".png", "png"), (".tif", "tiff"), (".webp", "webp")):
        assert colored.save(tmp_path / f"a{suffix}").read_bytes() == colored.to_bytes(format)


def test_quality(colored):
    for format in ("jpeg", "webp"):
        assert len(colored.to_bytes(format, quality=50)) < len(colored.to_bytes(format, quality=95))


@pytest.mark.parametrize("quality", [0, 101])
def test_quality_has_limits(quality, colored, tmp_path):
    with pytest.raises(ValueError, match=f"quality is {quality}"):
        colored.save(tmp_path / "out.jpg", quality=quality)
    assert not list(tmp_path.iterdir())


def test_what_is_there_stays(colored, tmp_path):
    path = tmp_path / "out.jpg"
    path.write_bytes(b"precious")
    with pytest.raises(OutputExists, match=r"out\.jpg: is there already"):
        colored.save(path)
    assert path.read_bytes() == b"precious"
    colored.save(path, overwrite=True)
    assert Photo.open(path).width == 256
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nowhere.jpg")
    with pytest.raises(OutputExists):
        colored.save(tmp_path / "link.jpg")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.jpg", "out.jpg"]


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "bmp"])
def test_a_source_is_never_replaced(format, gray_scan, strong_ab, file_of, tmp_path):
    path, link = tmp_path / "a.png", tmp_path / "link.png"
    content = file_of(gray_scan, format)
    path.write_bytes(content)
    link.symlink_to(path)
    colored = Photo.open(path).with_chroma(strong_ab)
    for output in (path, link):
        with pytest.raises(OutputError, match="the output is the input itself"):
            colored.save(output, overwrite=True)
    assert path.read_bytes() == content
    assert link.is_symlink()


def test_what_a_format_cannot_hold(tmp_path, strong_ab):
    long = Photo.open(np.zeros((1, 70_000), np.uint8)).with_chroma(strong_ab)
    for name, limit in (("out.webp", 16_383), ("out.jpg", 65_500)):
        said = rf"{name}: \w+ holds {limit} pixels a side, not 70000 x 1\. Write PNG or TIFF\."
        with pytest.raises(OutputError, match=said):
            long.save(tmp_path / name)
        (tmp_path / name).write_bytes(b"precious")
        with pytest.raises(OutputError, match=said):
            long.save(tmp_path / name, overwrite=True)
        assert (tmp_path / name).read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.jpg", "out.webp"]


def test_folders_that_are_not_there(colored, tmp_path):
    with pytest.raises(OutputError, match="No such file or directory"):
        colored.save(tmp_path / "none" / "out.jpg")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="Not a directory"):
        colored.save(tmp_path / "file" / "out.jpg")
    (tmp_path / "dir.jpg").mkdir()
    with pytest.raises(OutputError):
        colored.save(tmp_path / "dir.jpg", overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dir.jpg", "file"]


READ_ONLY = """
import os, sys
from tintype import OutputError, Photo
import numpy as np
photo = Photo.open(np.zeros((8, 8), np.uint8)).with_chroma(np.zeros((2, 1, 1)))
photo.to_bytes()
if os.getuid() == 0:
    os.setuid(65534)  # root may write anywhere
try:
    photo.save(sys.argv[1])
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs POSIX permissions")
def test_a_read_only_folder(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    command = [sys.executable, "-c", READ_ONLY, str(folder / "out.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{folder}/out.png: cannot be written: Permission denied.\n"
    assert not list(folder.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_a_full_disk_is_told_as_such():
    noise = np.random.default_rng(0).integers(0, 255, (400, 400), np.uint8)
    photo = Photo.open(noise, name="in.png").with_chroma(np.zeros((2, 1, 1)))
    said = r"^out: cannot be written: No space left on device\. Make room"
    with Path("/dev/full").open("r+b", buffering=0) as full:
        for format in ("jpeg", "png", "tiff", "webp"):
            with pytest.raises(OutputUnavailable, match=said):
                photo._write(format, full.fileno(), {}, "out")


def test_new_files_have_the_usual_permissions(colored, tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    assert colored.save(tmp_path / "out.jpg").stat().st_mode == usual.stat().st_mode


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff"])
def test_progress_goes_from_nothing_to_all(kind, gray_scan, strong_ab, file_of, tmp_path):
    shares = []
    large = np.tile(gray_scan, (4, 4))
    photo = Photo.open(file_of(large, kind)).with_chroma(strong_ab)
    with (tmp_path / "result").open("w+b") as result:
        photo.write_to(result.fileno(), progress=shares.append)
    assert (tmp_path / "result").read_bytes() == photo.to_bytes()
    assert shares == sorted(shares)
    assert len(shares) > 1
    assert 0 <= shares[0] < 0.6
    assert shares[-1] == 1
