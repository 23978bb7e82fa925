"""Places: listed in an order, written whole, and their failures in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tintype import files
from tintype.engines.remote.place import Place
from tintype.errors import PhotoError, TintypeError

KEYS = ["a/1.jpg", "a/1.jpg.png", "a/2.jpg", "a/b/3.jpg", "c.jpg"]


@pytest.fixture(params=["file", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place of each kind."""
    urls = {"file": f"file://{tmp_path}/place", "memory": "memory://place"}
    url = urls.get(request.param) or request.getfixturevalue("s3") + "/place"
    fs, root = fsspec.core.url_to_fs(url)
    if fs.exists(root):
        fs.rm(root, recursive=True)
    return Place(url)


def test_what_is_written_is_listed_read_and_removed(place: Place, tmp_path: Path) -> None:
    for key in (*KEYS, "a/.hidden", ".x/4.jpg", "5.jpg.part", "_tintype/plan/6.jsonl"):
        place.write(key, key.encode())
    found = {one.key: one for one in place.list()}
    assert sorted(found) == KEYS
    assert list(found).index("a/1.jpg") < list(found).index("a/1.jpg.png")
    assert {one.bytes for one in found.values()} == {7, 11, 9, 5}
    assert all(one.version for one in found.values())
    assert place.head("a/b/3.jpg", 3) == b"a/b"
    place.fetch("a/2.jpg", tmp_path / "copy")
    place.store(tmp_path / "copy", "d/2.jpg", overwrite=False)
    assert place.read("d/2.jpg") == b"a/2.jpg"
    place.remove("d/2.jpg")
    place.remove("d/2.jpg")
    assert place.read("d/2.jpg") is None
    is_there = place.presence(["a/1.jpg", "b.jpg"])
    assert [is_there(key) for key in ("a/1.jpg", "b.jpg", "c.jpg", "e")] == [
        True,
        False,
        True,
        False,
    ]


def test_more_than_a_page_of_s3(s3: str) -> None:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    place = Place(s3 + "/many")
    keys = [f"{number:04}.jpg" for number in range(1100)]
    for key in keys:  # past the wire, which takes long
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object("archive", f"many/{key}", b"")
    assert [one.key for one in place.list()] == keys
    is_there = place.presence(keys[:3])
    assert [is_there(key) for key in ("0001.jpg", "1099.jpg", "1100.jpg")] == [True, True, False]


def test_what_cannot_be_read_is_one_line(s3: str, tmp_path: Path) -> None:
    for url in ("s3://no-such-bucket/x", f"file://{tmp_path}/nowhere"):
        with pytest.raises(PhotoError, match=f"^{url}: cannot be read: .*no"):
            list(Place(url).list())
    with pytest.raises(PhotoError, match=f"^{s3}/gone.jpg: cannot be read: "):
        Place(s3).fetch("gone.jpg", tmp_path / "gone")
    with pytest.raises(TintypeError, match="gopher://x: Protocol not known: gopher"):
        Place("gopher://x")


def test_places_that_overlap(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    place = Place(f"file://{tmp_path}/a")
    for other in (f"{tmp_path}/a/b", f"{tmp_path}/link/a", f"file://{tmp_path}", f"{tmp_path}/a/"):
        assert place.overlaps(Place(other))
        assert Place(other).overlaps(place)
    assert not place.overlaps(Place(f"{tmp_path}/ab"))
    assert not place.overlaps(Place(f"memory://{tmp_path}/a"))


def test_names_of_disks_are_taken_as_they_are(tmp_path: Path) -> None:
    for place in (Place(f"{tmp_path}/a::b"), Place(f"file://{tmp_path}/a::b/")):
        place.write("c.jpg", b"")
        assert (tmp_path / "a::b/c.jpg").is_file()
        assert [one.key for one in place.list()] == ["c.jpg"]
    assert Place("file:///").url_of("a.jpg") == "file:///a.jpg"
    assert Place("/").url_of("a.jpg") == "/a.jpg"
    assert Place("/").overlaps(Place(str(tmp_path)))


@pytest.mark.parametrize("url", ["ftp://user:secret@host/a", "https://secret@host/a"])
def test_credentials_in_a_url_are_refused_and_not_told(url: str) -> None:
    with pytest.raises(TintypeError, match="Give credentials where fsspec") as told:
        Place(url)
    assert "secret" not in str(told.value)


def test_place_that_cannot_be_reached_is_one_line() -> None:
    with pytest.raises(TintypeError, match=r"^ftp://127\.0\.0\.1:1/a: Connection refused"):
        Place("ftp://127.0.0.1:1/a")


def test_folders_come_in_the_order_of_names() -> None:
    place = Place("memory://order")
    for key in ("b/2.jpg", "a/c/3.jpg", "b.jpg", "a/1.jpg"):
        place.write(key, b"x")
    assert [one.key for one in place.list()] == ["b.jpg", "a/1.jpg", "a/c/3.jpg", "b/2.jpg"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(PhotoError, match=f"{tmp_path}/closed: this folder cannot be read"):
        list(Place(str(tmp_path)).list())


def test_names_that_a_disk_does_not_tell_apart(tmp_path: Path, monkeypatch: Any) -> None:
    place = Place(str(tmp_path))
    for name in ("A.jpg", "b.jpg"):
        place.write(name, b"")
    if not (tmp_path / "a.jpg").exists():  # a disk that folds case, as far as it is asked
        monkeypatch.setattr(os.path, "lexists", lambda path: Path(path).parent == tmp_path)
        monkeypatch.setattr(files, "folds_case", lambda folder: True)
    assert (place.twin("a.jpg"), place.twin("b.jpg")) == ("A.jpg", None)
