"""Folders that are against us: nothing crashes, nothing is lost, nothing is silently gray."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintype.batch import Item, Result, Shard, colorize_one, plan
from tintype.batch.one import Room
from tintype.colorizer import Colorizer
from tintype.engines.local import run
from tintype.errors import OutputUnavailable
from tintype.provenance import is_our_result

Draw = Callable[..., Path]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 kB, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs to mount a small disk, which only root may")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def noise(path: Path, side_px: int = 300) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    Image.fromarray(rng.integers(0, 255, (side_px, side_px), np.uint8)).save(path)
    return path


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.is_file()]


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_full_disk_ends_the_run_and_room_lets_it_go_on(
    draw: Draw, colorizer: Colorizer, small_disk: Path, suffix: str
) -> None:
    for number in range(12):
        noise(Path(f"in/{number:02}.{suffix}"))
    out = small_disk / "out"
    out.mkdir()
    work = partial(colorize_one, colorizer=colorizer)
    told: list[Result] = []
    ended = run(plan(["in"], out), work, jobs=2)
    with pytest.raises(OutputUnavailable, match="No space left on device"):
        told.extend(result for result, _ in ended)
    made = sorted(out.iterdir())
    assert sorted(result.item.output for result in told) == made
    assert len(made) < 12
    for path in made:
        assert is_our_result(path)
        with Image.open(path) as opened:
            opened.load()
    assert not hidden(small_disk)
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    status = [result.status for result, _ in run(plan(["in"], out), work, jobs=2)]
    assert (status.count("skipped"), status.count("colored")) == (len(made), 12 - len(made))


def test_output_folder_that_vanishes_is_not_made_anew(draw: Draw, colorizer: Colorizer) -> None:
    for number in range(6):
        draw(f"in/{number}.jpg")
    Path("disk").mkdir()

    def work(item: Item, *, room: Room) -> Result:
        done = colorize_one(item, colorizer, room=room)
        shutil.rmtree("disk", ignore_errors=True)  # unmounted
        return done

    with pytest.raises(OutputUnavailable, match="the folder for the results is gone"):
        list(run(plan(["in"], "disk"), work, jobs=1))
    assert not Path("disk").exists()


def test_photographs_that_vanish_are_told(draw: Draw, colorizer: Colorizer) -> None:
    for number in range(4):
        draw(f"in/{number}.jpg")
    items = list(plan(["in"], "out"))
    Path("out").mkdir()
    Path("in/2.jpg").unlink()
    shutil.rmtree("in")
    for result, _ in run(items, partial(colorize_one, colorizer=colorizer), jobs=2):
        assert result.status == "failed"
        assert f"{result.item.source}: cannot be read: No such file" in result.reason
        assert result.sha256 is None
    assert not list(Path("out").iterdir())


@pytest.mark.parametrize("change", ["grows", "is replaced", "is cut"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_photograph_that_changes_while_it_is_read(
    draw: Draw, tiny_model: Path, suffix: str, change: str
) -> None:
    source = noise(Path(f"photo.{suffix}"))

    class Slow(Colorizer):
        """The photograph changes between the network's look at it and the writing."""

        def __call__(self, photo: object, **options: object) -> object:  # type: ignore[override]
            colored = super().__call__(photo, **options)  # type: ignore[call-overload]
            if change == "grows":
                with source.open("ab") as file:
                    file.write(b"more")
            elif change == "is cut":
                os.truncate(source, source.stat().st_size // 2)
            else:
                noise(Path(f"other.{suffix}"), 200).replace(source)
            return colored

    result = colorize_one(Item(source, Path(f"out.{suffix}")), Slow(tiny_model))
    assert result.status == "failed"
    assert "changed while it was read" in result.reason
    assert [path.name for path in Path().iterdir()] == [source.name]


def test_loops_of_links_end(draw: Draw) -> None:
    draw("in/a/1.jpg")
    Path("in/a/up").symlink_to("../..", target_is_directory=True)
    Path("in/b").symlink_to("a", target_is_directory=True)
    Path("in/c.jpg").symlink_to("d.jpg")
    Path("in/d.jpg").symlink_to("c.jpg")
    found = {str(item.source): item.problem for item in plan(["in"], "out")}
    assert found.pop("in/a/1.jpg") == ""
    assert found == {
        f"in/{name}": f"in/{name}: cannot be read: Too many levels of symbolic links."
        for name in ("c.jpg", "d.jpg")
    }


NAMES = [
    "new\nline.jpg",
    "tab\t.jpg",
    "\x1b[31mred.jpg",
    " .jpg",
    "-o.jpg",
    "*.jpg",
    "a[1].jpg",
    "é.jpg",
    "%s.jpg",
    "😀.jpg",
]


def test_odd_names_are_mirrored(draw: Draw, colorizer: Colorizer) -> None:
    for name in (*NAMES, "new\nfolder/1.jpg"):
        draw(f"in/{name}")
    for result, _ in run(plan(["in"], "out"), partial(colorize_one, colorizer=colorizer), jobs=2):
        assert result.status == "colored", result.reason
    assert sorted(path.name for path in Path("out").iterdir()) == sorted([*NAMES, "new\nfolder"])


def test_names_that_differ_only_by_case_stay_apart(draw: Draw, colorizer: Colorizer) -> None:
    for name in ("photo.jpg", "Photo.jpg", "PHOTO.JPG", "Album/1.jpg", "album/1.jpg"):
        draw(f"in/{name}")
    items = list(plan(["in"], "out"))
    assert [str(item.twin) for item in items if item.twin] == [
        "out/PHOTO.JPG",
        "out/PHOTO.JPG",
        "out/Album/1.jpg",
    ]
    status = [
        result.status
        for result, _ in run(items, partial(colorize_one, colorizer=colorizer), jobs=2)
    ]
    assert status == ["colored"] * 5
    assert len([path for path in Path("out").rglob("*") if path.is_file()]) == 5
    assert not hidden(Path("out"))
    # what could meet on a disk that does not tell them apart is one machine's work
    shards = [{item.source for item in plan(["in"], "out", shard=Shard(i, 7))} for i in range(1, 8)]
    assert {len(shard) for shard in shards if shard & {Path("in/photo.jpg")}} >= {3}


def test_disk_that_does_not_tell_case(
    draw: Draw, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no such disk here: a folder stands for one in which every name leads somewhere."""
    draw("in/Photo.jpg")
    draw("in/photo.jpg")
    monkeypatch.setattr("tintype.files.folds_case", lambda folder: True)
    results = [
        result
        for result, _ in run(
            plan(["in"], "out"), partial(colorize_one, colorizer=colorizer), jobs=2
        )
    ]
    first, second = sorted(results, key=lambda result: result.status)
    assert (first.item.source, first.status) == (Path("in/Photo.jpg"), "colored")
    assert second.status == "failed"
    assert "in/photo.jpg: its result would fall on out/Photo.jpg" in second.reason


def test_what_stands_in_the_way_is_no_result(draw: Draw, colorizer: Colorizer) -> None:
    draw("in/photo.jpg")
    draw("out/photo.jpg")  # gray, and not ours
    before = Path("out/photo.jpg").read_bytes()
    for overwrite in (False, True):
        (item,) = plan(["in"], "out")
        result = colorize_one(item, colorizer, overwrite=overwrite)
        assert result.status == "failed"
        assert "no result of tintype" in result.reason or "not a result" in result.reason
    assert Path("out/photo.jpg").read_bytes() == before


def test_deep_folders(draw: Draw, colorizer: Colorizer) -> None:
    deep = "in/" + "d/" * 300 + "1.jpg"
    draw(deep)
    ((result, _),) = run(plan(["in"], "out"), partial(colorize_one, colorizer=colorizer), jobs=1)
    assert result.status == "colored", result.reason
    assert is_our_result("out/" + "d/" * 300 + "1.jpg")


def test_name_too_long_for_the_result_is_told(draw: Draw, colorizer: Colorizer) -> None:
    name = "x" * 251 + ".jpg"  # as long as names can be; beside it the mark has no room
    draw(name)
    ((result, _),) = run(plan(["."]), partial(colorize_one, colorizer=colorizer), jobs=1)
    assert result.status == "failed"
    assert "File name too long" in result.reason
    ((result, _),) = run(plan(["."], "out"), partial(colorize_one, colorizer=colorizer), jobs=1)
    assert result.status == "colored", result.reason
