"""What is colored and where to: nothing is lost, nothing harmed, nothing colored twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tintype.batch import colorize_one, plan
from tintype.colorizer import Colorizer
from tintype.errors import OutputError
from tintype.provenance import is_our_result

Draw = Callable[..., Path]


def outputs(*inputs: str, output: str | None = None) -> dict[str, str]:
    items = list(plan(inputs, output))
    assert not [item.problem for item in items if item.problem]
    return {str(item.source): str(item.output) for item in items}


def problems(*inputs: str, output: str | None = None) -> dict[str, str]:
    return {str(item.source): item.problem for item in plan(inputs, output) if item.problem}


def test_result_lies_beside(draw: Draw) -> None:
    draw("a/photo.jpg")
    draw("a/PHOTO.TIFF")
    assert outputs("a/photo.jpg", "a/PHOTO.TIFF") == {
        "a/photo.jpg": "a/photo.color.jpg",
        "a/PHOTO.TIFF": "a/PHOTO.color.TIFF",
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("b.png", "b.png"),
        ("new/b.png", "new/b.png"),
        ("there", "there/photo.jpg"),
        ("new", "new/photo.jpg"),
        ("new.v2/", "new.v2/photo.jpg"),
        (".", "photo.color.jpg"),
    ],
)
def test_one_file_goes_to_a_file_or_folder(draw: Draw, given: str, expected: str) -> None:
    draw("photo.jpg")
    Path("there").mkdir()
    assert outputs("photo.jpg", output=given) == {"photo.jpg": expected}


def test_tree_is_mirrored(draw: Draw) -> None:
    for name in ("in/1.jpg", "in/1.png", "in/deep/er/1.jpg", "in/größe 写真.webp"):
        draw(name)
    assert outputs("in", output="out") == {
        "in/1.jpg": "out/1.jpg",
        "in/1.png": "out/1.png",
        "in/größe 写真.webp": "out/größe 写真.webp",
        "in/deep/er/1.jpg": "out/deep/er/1.jpg",
    }


def test_same_names_of_several_folders_stay_apart(draw: Draw) -> None:
    for name in ("a/1.jpg", "b/1.jpg", "c/d/1.jpg"):
        draw(name)
    assert outputs("a/1.jpg", "b", "./c/../c/d", output="out") == {
        "a/1.jpg": "out/a/1.jpg",
        "b/1.jpg": "out/b/1.jpg",
        "c/../c/d/1.jpg": "out/c/d/1.jpg",
    }


def test_input_given_twice_is_taken_once(draw: Draw) -> None:
    draw("a/1.jpg")
    assert list(outputs("a", "a/1.jpg", "./a")) == ["a/1.jpg"]


def test_other_ways_to_name_an_input_are_the_same(draw: Draw) -> None:
    draw("a/1.jpg")
    Path("link").symlink_to("a", target_is_directory=True)
    assert list(outputs("a/1.jpg", "a/../a/1.jpg", "link/1.jpg", "link/../a/1.jpg")) == ["a/1.jpg"]


def test_content_tells_what_is_a_picture(draw: Draw) -> None:
    draw("in/scan", "JPEG")
    draw("in/scan.dat", "PNG")
    draw("in/liar.jpg", "PNG")
    draw("in/old.bmp")
    Path("in/notes.txt").write_text("no picture")
    Path("in/empty").touch()
    assert outputs("in", output="out") == {
        "in/liar.jpg": "out/liar.jpg.png",
        "in/old.bmp": "out/old.bmp.png",
        "in/scan": "out/scan.jpg",
        "in/scan.dat": "out/scan.dat.png",
    }


def test_damaged_picture_is_not_passed_over(draw: Draw) -> None:
    draw("in/good.jpg")
    Path("in/empty.jpg").touch()
    assert list(outputs("in")) == ["in/empty.jpg", "in/good.jpg"]


def test_hidden_and_unfinished_files_are_passed_over(draw: Draw) -> None:
    for name in ("in/.x.jpg", "in/.thumbs/x.jpg", "in/._x.jpg"):
        draw(name)
    for name in ("in/x.jpg~", "in/x.part", "in/x.TMP", "in/x.crdownload"):
        draw(name, "JPEG")
    assert outputs("in") == {}
    assert list(outputs("in/.x.jpg")) == ["in/.x.jpg"]


def test_links_and_pipes_do_not_hang(draw: Draw) -> None:
    draw("in/real.jpg")
    Path("in/loop").symlink_to("..", target_is_directory=True)
    Path("in/self.jpg").symlink_to("self.jpg")
    Path("in/gone.jpg").symlink_to("nowhere.jpg")
    Path("in/link.jpg").symlink_to("real.jpg")
    os.mkfifo("in/pipe.jpg")
    found = {str(item.source): item.problem for item in plan(["in"])}
    assert list(found) == ["in/gone.jpg", "in/link.jpg", "in/real.jpg", "in/self.jpg"]
    assert "No such file" in found["in/gone.jpg"]
    assert "Too many levels of symbolic links" in found["in/self.jpg"]
    assert "not a file" in problems("in/pipe.jpg")["in/pipe.jpg"]
    assert not is_our_result("in/pipe.jpg")


def test_missing_input_is_named(draw: Draw) -> None:
    draw("good.jpg")
    assert "No such file" in problems("none.jpg", "good.jpg")["none.jpg"]


def test_collision_is_refused(draw: Draw) -> None:
    draw("in/photo", "JPEG")
    draw("in/photo.jpg")
    assert "would fall on that of in/photo" in problems("in", output="out")["in/photo.jpg"]


def test_output_that_is_the_input_is_refused(draw: Draw) -> None:
    draw("photo.jpg")
    Path("link.jpg").symlink_to("photo.jpg")
    assert "is the input itself" in problems("photo.jpg", output="photo.jpg")["photo.jpg"]
    assert "is the input itself" in problems("photo.jpg", output="link.jpg")["photo.jpg"]


def test_output_that_is_another_input_is_refused(draw: Draw, colorizer: Colorizer) -> None:
    draw("photo.jpg")
    draw("photo.color.jpg")
    assert "one of the inputs" in problems(".")["photo.jpg"]
    Path("photo.color.jpg").unlink()
    for item in plan(["."]):
        colorize_one(item, colorizer)
    assert outputs(".") == {"photo.jpg": "photo.color.jpg"}


@pytest.mark.parametrize("output", ["file", "new.jpg"])
def test_several_results_need_a_folder(draw: Draw, output: str) -> None:
    draw("1.jpg")
    draw("2.jpg")
    Path("file").touch()
    with pytest.raises(OutputError, match="names a file"):
        list(plan(["1.jpg", "2.jpg"], output))
