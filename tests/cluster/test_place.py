"""Places: listed in an order, written whole, and their failures in one line."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

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
