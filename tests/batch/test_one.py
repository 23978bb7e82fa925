"""One item: colored whole and once, or told why not."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tintype.batch import Item, Result, colorize_one, foresee, glance, plan
from tintype.colorizer import Colorizer
from tintype.provenance import is_our_result

Draw = Callable[..., Path]


def test_item_is_colored_once(draw: Draw, colorizer: Colorizer) -> None:
    item = Item(draw("photo.jpg"), Path("out/deep/photo.jpg"))
    before = item.source.read_bytes()
    done = colorize_one(item, colorizer)
    sha256 = hashlib.sha256(before).hexdigest()
    assert done == Result(item, "colored", sha256=sha256, model="tiny.v1")
    made = item.output.read_bytes()
    assert is_our_result(item.output)
    assert colorize_one(item, colorizer, strength=0.5).status == "skipped"
    assert item.output.read_bytes() == made
    assert colorize_one(item, colorizer, strength=0.5, overwrite=True).status == "colored"
    assert item.output.read_bytes() != made
    assert item.source.read_bytes() == before
    assert sorted(path.name for path in Path("out/deep").iterdir()) == ["photo.jpg"]


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_no_pixels_are_read_to_know_a_result(draw: Draw, colorizer: Colorizer, suffix: str) -> None:
    source = Path("large.png")
    Image.effect_noise((1500, 1500), 60).save(source)
    result = Path("in", f"photo.{suffix}")
    assert colorize_one(Item(source, result), colorizer).status == "colored"
    assert list(plan(["in"], "out")) == []
    with result.open("r+b") as file:  # pixels that say so are no mark
        content = file.read().replace(b"urn:tintype:1.0:", b"urn:another:1.0:")
        middle = len(content) // 2
        file.seek(0)
        file.write(content[:middle] + b"urn:tintype:1.0:" + content[middle + 16 :])
    assert [item.source for item in plan(["in"], "out")] == [result]


def test_same_input_gives_the_same_bytes(draw: Draw, colorizer: Colorizer) -> None:
    source = draw("photo.jpg")
    for name in ("1.jpg", "2.jpg"):
        colorize_one(Item(source, Path(name)), colorizer)
    assert Path("1.jpg").read_bytes() == Path("2.jpg").read_bytes()


def test_result_under_another_name_is_known_again(draw: Draw, colorizer: Colorizer) -> None:
    colorize_one(Item(draw("photo.jpg"), Path("result.jpg")), colorizer)
    shutil.move("result.jpg", "original.jpg")
    assert [item.source.name for item in plan(["."])] == ["photo.jpg"]
    again = colorize_one(Item(Path("original.jpg"), Path("twice.jpg")), colorizer)
    assert again.status == "skipped"
    assert not Path("twice.jpg").exists()


def test_a_glance_tells_what_coloring_will(draw: Draw, colorizer: Colorizer) -> None:
    source = draw("photo.jpg")
    colorize_one(Item(source, Path("result.jpg")), colorizer)
    shutil.move("result.jpg", "ours.jpg")
    Path("text.png").write_text("no picture")
    for name, output, status in (
        ("ours.jpg", "out.jpg", "skipped"),
        ("text.png", "out.png", "failed"),
        ("gone.jpg", "out.jpg", "failed"),
        ("photo.jpg", draw("there.jpg"), "failed"),
    ):
        item = Item(Path(name), Path(output))
        told = foresee(item, overwrite=True)
        told = glance(item) if told.status == "planned" else told
        done = colorize_one(item, colorizer, overwrite=True)
        assert (told.status, told.reason) == (done.status, done.reason)
        assert told.status == status
    assert glance(Item(source, Path("out.jpg"))).status == "planned"


def test_failure_is_told_and_leaves_nothing(draw: Draw, colorizer: Colorizer) -> None:
    content = draw("photo.jpg").read_bytes()
    Path("cut.jpg").write_bytes(content[: len(content) // 2])
    result = colorize_one(Item(Path("cut.jpg"), Path("out.jpg")), colorizer)
    assert result.status == "failed"
    assert "cut.jpg" in result.reason
    assert "\n" not in result.reason
    assert sorted(path.name for path in Path().iterdir()) == ["cut.jpg", "photo.jpg"]


def test_output_below_a_file_is_told(draw: Draw, colorizer: Colorizer) -> None:
    result = colorize_one(Item(draw("1.jpg"), draw("2.jpg") / "out.jpg"), colorizer)
    assert result.status == "failed"
    assert "2.jpg" in result.reason


def test_unexpected_error_is_told_too(draw: Draw) -> None:
    def broken(*_: object, **__: object) -> None:
        raise MemoryError("no more")

    result = colorize_one(Item(draw("1.jpg"), Path("out.jpg")), broken)  # type: ignore[arg-type]
    assert (result.status, result.reason) == ("failed", "1.jpg: MemoryError: no more")
