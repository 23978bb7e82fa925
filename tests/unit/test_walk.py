"""What is found in a folder, and what cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tintype.errors import DataError
from tintype.evaluate.pictures import true_pictures
from tintype.walk import walk


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    """A folder of the album whose path is longer than the system opens; root cannot read it."""
    album = tmp_path / "album"
    album.mkdir()
    (album / "a.jpg").touch()
    name, path = "deep" * 60, album
    descriptor = os.open(album, os.O_RDONLY)
    while len(os.fspath(path)) < os.pathconf("/", "PC_PATH_MAX"):
        path /= name
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    return path


def test_order_and_what_is_passed_over(tmp_path: Path) -> None:
    for name in ("b/2", "b/1.jpg", "a/x.part", "a/X.JPG~", ".h/3", "a/.3", "c.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "b" / "loop").symlink_to("..", target_is_directory=True)
    told: list[Path] = []
    found = [str(file.relative_to(tmp_path)) for file in walk(tmp_path, told.append)]
    assert found == ["c.jpg", "b/1.jpg", "b/2"]
    assert told == []


def test_a_folder_that_cannot_be_read_is_named(unreadable: Path) -> None:
    album = next(path for path in unreadable.parents if path.name == "album")
    told: list[Path] = []
    assert list(walk(album, told.append)) == [album / "a.jpg"]
    assert told == [unreadable]
    with pytest.raises(DataError, match=unreadable.name):
        true_pictures(album)
