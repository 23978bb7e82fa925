"""What is known of earlier runs: done is done, and what failed is not forgotten."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from tintype.batch import Manifest, Result, Shard, colorize_one, plan
from tintype.batch.manifest import Entry, manifests, read
from tintype.colorizer import Colorizer
from tintype.engines.local import foresee, run
from tintype.errors import OutputError

Draw = Callable[..., Path]
Color = Callable[..., dict[str, Result]]
OUT = Path("out")


@pytest.fixture
def color(colorizer: Colorizer) -> Iterator[Color]:
    """Colors the folder `in` into `out`: the results by name."""

    def go(
        shard: Shard | None = None, *, overwrite: bool = False, **manifest: bool
    ) -> dict[str, Result]:
        shard = shard or Shard()
        OUT.mkdir(exist_ok=True)
        work = partial(colorize_one, colorizer=colorizer, overwrite=overwrite)
        with closing(Manifest(OUT, shard, overwrite=overwrite, **manifest)) as known:
            items = plan(["in"], OUT, shard=shard)
            ended = list(run(items, work, jobs=2, manifest=known))
        return {result.item.source.name: result for result, _ in ended}

    return go


def lines() -> list[dict[str, object]]:
    return [json.loads(line) for line in Path("out/manifest.jsonl").read_text().splitlines()]


def test_line_says_what_became_of_a_photograph(draw: Draw, color: Color) -> None:
    source = draw("in/deep/1.jpg")
    result = color()["1.jpg"]
    (line,) = lines()
    status = source.stat()
    assert 0 < line.pop("seconds") < 60  # type: ignore[operator]
    assert line == {
        "input": "../in/deep/1.jpg",
        "bytes": status.st_size,
        "modified_ns": status.st_mtime_ns,
        "sha256": result.sha256,
        "output": "deep/1.jpg",
        "model": "tiny.v1",
        "error": None,
    }


def test_finished_files_are_not_even_opened(draw: Draw, color: Color) -> None:
    draw("in/1.jpg")
    made = color()["1.jpg"]
    Path("out/1.jpg").write_bytes(b"retouched, and without our mark")
    again = color()["1.jpg"]
    assert (again.status, again.sha256) == ("skipped", made.sha256)
    assert len(lines()) == 1


def test_lost_result_is_made_again(draw: Draw, color: Color) -> None:
    draw("in/1.jpg")
    color()
    Path("out/1.jpg").unlink()
    assert color()["1.jpg"].status == "colored"


def test_lost_manifest_colors_nothing_twice(draw: Draw, color: Color) -> None:
    draw("in/1.jpg")
    color()
    Path("out/manifest.jsonl").unlink()
    assert color()["1.jpg"].status == "skipped"


def test_changed_photograph_is_told_and_its_result_stays(draw: Draw, color: Color) -> None:
    source = draw("in/1.jpg")
    color()
    made = Path("out/1.jpg").read_bytes()
    os.utime(source, (1, 1))  # touched is not changed
    assert color()["1.jpg"].reason == "out/1.jpg exists; --overwrite makes it anew"
    Image.new("L", (30, 20), 99).save(source)
    assert "in/1.jpg has changed since" in color()["1.jpg"].reason
    assert Path("out/1.jpg").read_bytes() == made


def test_damaged_photograph_is_tried_once(draw: Draw, color: Color) -> None:
    path = draw("in/1.jpg")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    first = color()["1.jpg"]
    assert (first.status, len(lines())) == ("failed", 1)
    second = color()["1.jpg"]
    assert second.status == "failed"
    assert second.reason == f"{first.reason} It failed before; --retry-failed tries it again."
    assert len(lines()) == 1
    assert color(retry_failed=True)["1.jpg"].reason == first.reason
    assert len(lines()) == 2
    path.write_bytes(whole)
    assert color()["1.jpg"].status == "colored"


def test_what_the_photograph_cannot_help_is_tried_again(draw: Draw, color: Color) -> None:
    draw("in/deep/1.jpg")
    OUT.mkdir()
    Path("out/deep").touch()
    failed = color()["1.jpg"]
    assert failed.status == "failed"
    assert "out/deep: cannot be written" in failed.reason
    Path("out/deep").unlink()
    assert color()["1.jpg"].status == "colored"


def test_shards_are_the_whole_and_read_as_one(draw: Draw, color: Color) -> None:
    for number in range(30):
        draw(f"in/{number % 3}/{number}.jpg")
    parts = [set(color(Shard(index, 4))) for index in (1, 2, 3, 4)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 30
    assert all(parts)
    assert [path.name for path in manifests(OUT)] == [
        f"manifest.{i}-of-4.jsonl" for i in range(1, 5)
    ]
    assert {result.status for result in color().values()} == {"skipped"}
    assert lines() == []
    # another shard's failure does not outweigh what was colored
    first = next(read(Path("out/manifest.1-of-4.jsonl")))
    with Path("out/manifest.4-of-4.jsonl").open("a") as file:
        file.write(json.dumps(asdict(first) | {"error": "no"}) + "\n")
    assert color()[Path(first.output).name].status == "skipped"


@pytest.mark.parametrize(
    "tail", [b'{"input": "1.jpg", "outp', bytes(100), b"\xff\xfe", b"[]\n17\n{}\n"]
)
def test_torn_line_is_passed_over(draw: Draw, color: Color, tail: bytes) -> None:
    draw("in/1.jpg")
    color()
    with Path("out/manifest.jsonl").open("ab") as file:
        file.write(tail)
    draw("in/2.jpg")
    assert {name: result.status for name, result in color().items()} == {
        "1.jpg": "skipped",
        "2.jpg": "colored",
    }
    found = list(read(Path("out/manifest.jsonl")))
    assert [entry.output for entry in found] == ["1.jpg", "2.jpg"]
    assert all(isinstance(entry, Entry) for entry in found)


def test_other_peoples_manifest_stays(draw: Draw, color: Color) -> None:
    draw("in/1.jpg")
    OUT.mkdir()
    theirs = Path("out/manifest.jsonl")
    theirs.write_text('{"@context": "http://iiif.io/api/presentation/3/context.json"}\n')
    before = theirs.read_bytes()
    with pytest.raises(OutputError, match="is no manifest of tintype"):
        color()
    assert theirs.read_bytes() == before
    assert not Path("out/1.jpg").exists()


def test_foreseen_is_what_happens(draw: Draw, color: Color) -> None:
    draw("in/1.jpg")
    color()
    draw("in/2.jpg")
    Path("in/gone.jpg").symlink_to("nowhere")
    before = sorted(OUT.iterdir())
    foreseen = foresee(plan(["in"], OUT), Manifest(OUT, read_only=True))
    told = {result.item.source.name: result.status for result, _ in foreseen}
    assert told == {"1.jpg": "skipped", "2.jpg": "planned", "gone.jpg": "failed"}
    assert sorted(OUT.iterdir()) == before
